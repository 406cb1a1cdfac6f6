/** The reference tables of the README, made from the tables in the code. `bin/docs.ts` writes them, the tidy test compares. */
import { RULES } from '../actors/alerts/rules.ts'
import { FINDINGS } from '../actors/doctor/codes.ts'
import { ERRORS } from '../actors/kernel/errors.ts'
import { configEntries, environmentName, expected } from '../supervisors/config/config-table.ts'
import { COMMANDS } from './commands.ts'
import { EXIT, exitCodeOf } from './exit.ts'

const row = (cells: readonly (string | number)[]): string => `| ${cells.map(c => String(c).replaceAll('|', '\\|')).join(' | ')} |`

const markdown = (titles: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [row(titles), row(titles.map(() => '---')), ...rows.map(row)].join('\n')

/** In every command that talks to a cluster; listed once below the table. */
const EVERYWHERE = new Set(['--json', '--endpoint <url>', '--data <folder>'])

function commandTable(): string {
  const rows = COMMANDS.map(spec => {
    const own = spec.options.filter(o => !(spec.options.some(p => p.flags.startsWith('--endpoint')) && EVERYWHERE.has(o.flags)))
    return [`\`baton ${spec.path}${spec.args === undefined ? '' : ` ${spec.args}`}\``, spec.about, own.map(o => `\`${o.flags}\``).join(' ')]
  })
  return markdown(['command', 'does', 'options'], rows)
}

const configTable = (): string =>
  markdown(
    ['key', 'default', 'must be', 'meaning', 'environment'],
    configEntries().map(([key, spec]) => [`\`${key}\``, `\`${spec.default}\``, expected(spec), spec.about, `\`${environmentName(key)}\``]),
  )

function errorTable(): string {
  const codes = Object.keys(ERRORS).filter((code): code is keyof typeof ERRORS => Object.hasOwn(ERRORS, code))
  return markdown(
    ['code', 'HTTP', 'exit', 'retry', 'meaning'],
    codes.map(code => [`\`${code}\``, ERRORS[code].http, exitCodeOf(code), ERRORS[code].retry ? 'yes' : 'no', ERRORS[code].meaning]),
  )
}

const exitTable = (): string =>
  markdown(
    ['exit code', 'meaning'],
    Object.values(EXIT).map(e => [e.code, e.meaning]),
  )

const findingTable = (): string =>
  markdown(
    ['code', 'severity', 'meaning', 'by itself', '`--repair`'],
    Object.entries(FINDINGS).map(([code, f]) => [`\`${code}\``, f.severity, f.meaning, f.byItself, f.repair ?? 'nothing']),
  )

const seconds = (ms: number): string => (ms === 0 ? 'at once' : `${ms / 1000} s`)

const alertTable = (): string =>
  markdown(
    ['code', 'severity', 'fires when', 'seen for', 'over after', 'next'],
    Object.entries(RULES).map(([code, r]) => [`\`${code}\``, r.severity, r.about, seconds(r.holdMs), seconds(r.clearMs), r.remedy]),
  )

const SECTIONS = {
  findings: findingTable,
  alerts: alertTable,
  commands: commandTable,
  configuration: configTable,
  errors: errorTable,
  exits: exitTable,
} as const

/** The README with every table between `<!-- NAME:begin -->` and `<!-- NAME:end -->` made anew. Throws when a mark is missing. */
export function withReference(readme: string): string {
  return Object.entries(SECTIONS).reduce((text, [name, make]) => {
    const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`]
    const from = text.indexOf(begin)
    const to = text.indexOf(end)
    if (from < 0 || to < from) throw new Error(`README.md has no section between ${begin} and ${end}`)
    return `${text.slice(0, from + begin.length)}\n${make()}\n${text.slice(to)}`
  }, readme)
}
