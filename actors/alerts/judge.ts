/**
 * From what is seen now, and for how long it has been seen, to what fires and what is over. Pure; only `waiting` is remembered between two
 * looks, and whoever forgets it (another conductor judges from now on) only waits a little longer.
 */
import type { Severity } from './body.ts'
import type { Facts } from './facts.ts'
import type { Condition, Rule } from './rules.ts'

/** Alerts of one rule at a time; where more would fire, one says how many. */
export const MOST_OF_A_RULE = 20
const OTHERS = 'others'
/** Characters of a message, and of what it is about: names in it may be long. */
const MESSAGE = 900
const SUBJECT = 300

export interface Firing extends Condition {
  readonly code: string
  readonly severity: Severity
  readonly remedy: string
}

export interface Verdict {
  readonly fire: readonly Firing[]
  /** Keys of those that are over. */
  readonly clear: readonly string[]
  /** Since when each change waits, cluster time, by its key: what is to fire under `+`, what is to clear under `-`. */
  readonly waiting: ReadonlyMap<string, number>
}

export const alertKey = (code: string, subject: string): string => `${code} ${subject}`

export function judge(
  rules: Readonly<Record<string, Rule>>,
  facts: Facts,
  firing: ReadonlySet<string>,
  waiting: ReadonlyMap<string, number>,
): Verdict {
  const fire: Firing[] = []
  const clear: string[] = []
  const next = new Map<string, number>()
  /** True when `key` has waited for long enough. */
  function isDue(key: string, forMs: number): boolean {
    const since = waiting.get(key) ?? facts.now
    if (facts.now - since >= forMs) return true
    next.set(key, since)
    return false
  }
  const seen = new Set<string>()
  for (const [code, rule] of Object.entries(rules)) {
    // What was over its limit once is waited for by the lower one, or a number that plays around the limit would never fire.
    const fires = (subject: string): boolean => firing.has(alertKey(code, subject)) || waiting.has(`+${alertKey(code, subject)}`)
    for (const { subject, message } of bounded(rule.find(facts, fires), fires)) {
      const key = alertKey(code, subject)
      seen.add(key)
      if (!firing.has(key) && isDue(`+${key}`, rule.holdMs))
        fire.push({ code, severity: rule.severity, remedy: rule.remedy, subject, message: message.slice(0, MESSAGE) })
    }
  }
  for (const key of firing) {
    if (seen.has(key)) continue
    // What no rule of this release looks for any more is over.
    const rule = rules[key.slice(0, key.indexOf(' '))]
    if (isDue(`-${key}`, rule?.clearMs ?? 0)) clear.push(key)
  }
  return { fire, clear, waiting: next }
}

/** Those that fire already come first, so that which are shown does not change from look to look. */
function bounded(conditions: readonly Condition[], fires: (subject: string) => boolean): readonly Condition[] {
  const bySubject = new Map(conditions.map(({ subject, message }) => [subject.slice(0, SUBJECT), { subject: subject.slice(0, SUBJECT), message }]))
  if (bySubject.size <= MOST_OF_A_RULE) return [...bySubject.values()]
  const sorted = [...bySubject.values()].toSorted(
    (a, b) => Number(fires(b.subject)) - Number(fires(a.subject)) || (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : 0),
  )
  const [most, rest] = [sorted.slice(0, MOST_OF_A_RULE), sorted.slice(MOST_OF_A_RULE)]
  return [...most, { subject: OTHERS, message: `${rest.length} more, such as ${rest[0]?.message ?? ''}` }]
}
