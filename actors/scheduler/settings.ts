/** How the scheduler is set up: which filters in which order, what weighs how much. Read from two lines of text. */
import type { HostDefaults } from '../placement/amounts.ts'
import { FILTER_NAMES, FILTERS, type Filter } from './filters.ts'
import { type Multipliers, WEIGHER_NAMES } from './weighers.ts'

export interface SchedulerSettings {
  readonly filters: readonly Filter[]
  readonly multipliers: Multipliers
  /** The draw is among this many of the best. */
  readonly subset: number
  readonly defaults: HostDefaults
}

export const DEFAULT_FILTERS = FILTER_NAMES.join(',')
/** Spread by free memory, processors and disk; what a soft group wants and where builds fail outweighs that. */
export const DEFAULT_WEIGHERS = 'ram=1,cpu=1,disk=1,group=10,failures=10'
export const DEFAULT_SUBSET = 3

const listed = (text: string): string[] =>
  text
    .split(',')
    .map(word => word.trim())
    .filter(word => word !== '')

/** What is wrong with a list of filters, or null. */
export function filtersProblem(text: string): string | null {
  const names = listed(text)
  const unknown = names.find(name => !FILTER_NAMES.includes(name))
  if (unknown !== undefined) return `there is no filter ${JSON.stringify(unknown)}; there are ${FILTER_NAMES.join(', ')}`
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  return twice === undefined ? null : `filter ${twice} is named twice`
}

/** What is wrong with a list of weighers, or null. */
export function weighersProblem(text: string): string | null {
  for (const word of listed(text)) {
    const [name = '', number] = word.split('=')
    if (!WEIGHER_NAMES.includes(name)) return `there is no weigher ${JSON.stringify(name)}; there are ${WEIGHER_NAMES.join(', ')}`
    if (number === undefined || number.trim() === '' || !Number.isFinite(Number(number))) return `${name} needs a number: ${name}=1 or ${name}=-0.5`
  }
  return null
}

export const filtersOf = (text: string): Filter[] => listed(text).flatMap(name => FILTERS.find(f => f.name === name) ?? [])

export const multipliersOf = (text: string): Multipliers =>
  Object.fromEntries(
    listed(text).map(word => {
      const [name = '', number] = word.split('=')
      return [name, Number(number)]
    }),
  )

export const schedulerSettings = (defaults: HostDefaults): SchedulerSettings => ({
  filters: FILTERS,
  multipliers: multipliersOf(DEFAULT_WEIGHERS),
  subset: DEFAULT_SUBSET,
  defaults,
})
