/** `baton config sample`, `check` and `show` */
import { loadConfig, sampleConfig, valueAt } from '../../supervisors/config/config.ts'
import { configEntries, shownValue } from '../../supervisors/config/config-table.ts'
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
  const rows = configEntries().map(([key, spec]) => ({ key, value: shownValue(spec, valueAt(config, key)), spec }))
  print(given(call.options, 'json'), nested(rows), () =>
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

/** As in the file: `{ http: { port: 8774 } }`. */
function nested(rows: readonly { readonly key: string; readonly value: unknown }[]): object {
  const root: Record<string, unknown> = {}
  for (const { key, value } of rows) {
    const path = key.split('.')
    let level = root
    for (const part of path.slice(0, -1)) {
      const below = level[part] ?? {}
      level[part] = below
      level = below as Record<string, unknown>
    }
    level[path.at(-1) ?? ''] = value
  }
  return root
}
