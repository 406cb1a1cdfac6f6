/** `baton config sample`, `check` and `show` */
import { loadConfig, sampleConfig, valueAt } from '../../supervisors/config.ts'
import { configEntries } from '../../supervisors/config-table.ts'
import { type Call, given } from '../call.ts'
import { print, table } from '../output/table.ts'
import { configFile, settingsOf } from '../settings.ts'

export async function sample(): Promise<void> {
  process.stdout.write(sampleConfig())
}

/** Checks a file alone, without the environment of this shell. */
export async function check(call: Call): Promise<void> {
  const file = call.args[0] ?? configFile(call.options) ?? 'baton.yaml'
  loadConfig({ file })
  process.stdout.write(`${file}: ok\n`)
}

export async function show(call: Call): Promise<void> {
  const config = settingsOf(call.options)
  const rows = configEntries().map(([key, spec]) => ({ key, value: valueAt(config, key), spec }))
  print(given(call.options, 'json'), config, () =>
    table(
      [
        ['KEY', r => r.key],
        ['VALUE', r => String(r.value)],
        ['UNIT', r => r.spec.unit],
        ['DEFAULT', r => (r.value === r.spec.default ? null : String(r.spec.default))],
      ],
      rows,
    ),
  )
}
