/** Numbers and times for people. Pure. */

const UNITS: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
]

/** `850 ms`, `12 s`, `3.4 s` below ten, `5 min`, `2 h`, `3 d`. */
export function duration(ms: number): string {
  const [size, name] = UNITS.find(([unitMs]) => ms >= unitMs) ?? [1, 'ms']
  const amount = ms / size
  return `${amount < 10 && name === 's' ? Math.round(amount * 10) / 10 : Math.floor(amount)} ${name}`
}

/** `12 s ago`; a time that is not over yet is `in 12 s`. */
export const ago = (atMs: number, nowMs: number): string => {
  const ms = nowMs - atMs
  if (Math.abs(ms) < 1000) return 'now'
  return ms > 0 ? `${duration(ms)} ago` : `in ${duration(-ms)}`
}

// Each is made once: a table writes dozens of times and numbers at every frame.
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const COUNT = new Intl.NumberFormat('en-GB')
const NAMES = new Intl.Collator(undefined, { numeric: true })

/** In the local zone, with the zone. */
export const exactTime = (atMs: number): string => `${EXACT.format(atMs)}.${String(Math.floor(atMs) % 1000).padStart(3, '0')}`

export const clockTime = (atMs: number): string => CLOCK.format(atMs)

/** As people count: `compute-9` before `compute-10`. */
export const compareNames = (a: string, b: string): number => NAMES.compare(a, b)

export const mebibytes = (mb: number): string => (mb >= 1024 ? `${Math.round((mb / 1024) * 10) / 10} GiB` : `${mb} MiB`)
export const count = (n: number): string => COUNT.format(n)
/** A share of a whole, 0 to 100. */
export const percent = (part: number, whole: number): number => (whole <= 0 ? 0 : Math.min(100, Math.round((part / whole) * 100)))

/** The value below which `share` of the values are; null of none. */
export function percentile(values: readonly number[], share: number): number | null {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null
}

export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`
