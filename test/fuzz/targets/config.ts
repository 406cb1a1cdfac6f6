/** Configuration: the file's text, variables of the environment, and flags. Whatever they are, the answer is settings or a list of mistakes. */
import type { Json } from '../../../actors/kernel/define.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { loadConfig, sampleConfig } from '../../../supervisors/config/config.ts'
import { readConfigText } from '../../../supervisors/config/config-file.ts'
import { configEntries, environmentName } from '../../../supervisors/config/config-table.ts'
import { mutateJson, mutateText } from '../mutate.ts'
import { Finding, field, isRecord, type Target, textOf } from '../target.ts'

const KEYS = configEntries().map(([key]) => key)
const SEEDS: readonly Json[] = [
  { text: sampleConfig(), env: {}, flags: {} },
  { text: 'http:\n  port: 9000\ndriver: { name: fake, fake: { latencyMs: 5 } }\n', env: { BATON_HTTP_HOST: '::1' }, flags: { 'http.port': '8080' } },
  { text: 'a: &a [1, *a]\nhttp: &x\n  port: *a\nlog: *x\n', env: { BATON_LOG_LEVEL: 'loud', BATON_HTTP_PROT: '1' }, flags: { 'log.level': 3 } },
  { text: '---\nhttp: {port: 1}\n...\n---\nx', env: {}, flags: {} },
  { text: '? [a, b]\n: c\n<<: {http: 1}\n!!set {a}\n', env: {}, flags: {} },
  { text: 'a: &a ["x","x","x"]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nhttp: *c\n', env: {}, flags: {} },
]

export function configTarget(): Target {
  return {
    name: 'config',
    seeds: SEEDS,
    mutate(input, random): Json {
      if (!isRecord(input)) return SEEDS[0] ?? {}
      if (random.chance(0.6)) return { ...input, text: mutateText(textOf(field(input, 'text')), random) }
      const key = random.pick(KEYS)
      const value = mutateJson(random.pick(['1', 'fake', '0.5', '']), random)
      if (random.chance(0.4)) return { ...input, env: { ...recordOf(field(input, 'env')), [environmentName(key)]: textOf(value) } }
      if (random.chance(0.6)) return { ...input, flags: { ...recordOf(field(input, 'flags')), [key]: value } }
      return mutateJson(input, random)
    },
    async run(input) {
      const { mistakes } = readConfigText(textOf(field(input, 'text')), 'baton.yaml')
      for (const { where, what } of mistakes) {
        if (!/^baton\.yaml:\d+:\d+$/.test(where) || what === '') throw new Finding(`a mistake without a place or a word: ${where}: ${what}`)
      }
      const env = Object.fromEntries(Object.entries(recordOf(field(input, 'env'))).map(([name, value]) => [name, textOf(value)]))
      // Flags are texts or numbers by the time they get here.
      const flags = Object.fromEntries(Object.entries(recordOf(field(input, 'flags'))).map(([name, value]) => [name, scalar(value)]))
      try {
        loadConfig({ env, flags })
      } catch (error) {
        if (!(error instanceof BatonError) || error.code !== 'ConfigInvalid') throw error
        if (error.message === '') throw new Finding('a configuration was refused without a word')
      }
    },
  }
}

const recordOf = (value: unknown) => (isRecord(value) ? value : {})

const scalar = (value: unknown): string | number | null =>
  typeof value === 'number' || value === null ? value : typeof value === 'string' ? value : JSON.stringify(value)
