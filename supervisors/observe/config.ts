/** The settings in force, by key, as they may be shown: without passwords. */
import { type Config, valueAt } from '../config/config.ts'
import { configEntries, shownValue } from '../config/config-table.ts'
import { REDACTED, redact } from './redact.ts'

/** A command line holds whatever its program wants, passwords among it: only the program is shown. */
const COMMANDS: ReadonlySet<string> = new Set(['fence.command'])

export function shownConfig(config: Config): Record<string, unknown> {
  const shown = configEntries().map(([key, spec]) => {
    const value = shownValue(spec, valueAt(config, key))
    return [key, COMMANDS.has(key) && Array.isArray(value) ? value.map((word, i) => (i === 0 ? word : REDACTED)) : value]
  })
  return redact(Object.fromEntries(shown)) as Record<string, unknown>
}
