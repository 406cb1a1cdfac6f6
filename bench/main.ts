/** `npm run bench`: all benchmarks, one after the other. `-- --only NAME` for one, `-- --json` for programs. */

import { readFlags } from '../test/support/flags.ts'
import type { BenchResult } from './result.ts'

const BENCHES: Readonly<Record<string, () => Promise<() => Promise<BenchResult[]>>>> = {
  local: async () => (await import('./local.ts')).bench,
  link: async () => (await import('./link.ts')).bench,
  journal: async () => (await import('./journal.ts')).bench,
  builds: async () => (await import('./builds.ts')).bench,
  tracing: async () => (await import('./tracing.ts')).bench,
  moves: async () => (await import('./moves.ts')).bench,
  takeover: async () => (await import('./takeover.ts')).bench,
  schedule: async () => (await import('./schedule.ts')).bench,
  api: async () => (await import('./api.ts')).bench,
  list: async () => (await import('./list.ts')).bench,
  tokens: async () => (await import('./tokens.ts')).bench,
  images: async () => (await import('./images.ts')).bench,
  console: async () => (await import('./console.ts')).bench,
  advice: async () => (await import('./advice.ts')).bench,
  'takeover-hosts': async () => (await import('./takeover-hosts.ts')).bench,
  hosts: async () => (await import('./hosts.ts')).bench,
  page: async () => (await import('./page.ts')).bench,
  idle: async () => (await import('./idle.ts')).bench,
  agents: async () => (await import('./agents.ts')).bench,
  qemu: async () => (await import('./qemu.ts')).bench,
}

const { values } = readFlags(import.meta.filename, { options: { only: { type: 'string' }, json: { type: 'boolean', default: false } } })
if (values.only !== undefined && !Object.hasOwn(BENCHES, values.only)) {
  console.error(`there is no benchmark ${values.only}; there are ${Object.keys(BENCHES).join(', ')}`)
  process.exit(2)
}

const results: BenchResult[] = []
for (const [name, load] of Object.entries(BENCHES)) {
  if (values.only !== undefined && values.only !== name) continue
  const bench = await load()
  const log = console.log
  // What a benchmark says on its way would spoil the JSON.
  if (values.json) console.log = (...words) => console.error(...words)
  const figures = await bench()
  console.log = log
  results.push(...figures)
  if (!values.json) for (const f of figures) console.log(line(f))
}
if (values.json) console.log(JSON.stringify(results, null, 2))

function line({ name, value, unit, reference, ratio }: BenchResult): string {
  const against = reference === null ? '' : `   reference ${reference} ${unit}, ratio ${ratio?.toFixed(2)}`
  return `${name.padEnd(62)} ${String(value).padStart(9)} ${unit.padEnd(11)}${against}`
}
