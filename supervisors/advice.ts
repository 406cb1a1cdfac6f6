/**
 * When should an operator add a conductor? When those there are cannot keep up: messages wait in their inboxes, their event
 * loops lag, or their processors are busy. One threshold each, in one place, with the numbers in the answer. Slow commits
 * are named too, but another conductor does not make a database faster.
 */
export const SCALING = {
  /** Oldest waiting message, ms. */
  oldestMs: 1000,
  /** Event-loop lag at the 99th percentile, ms. */
  lagMs: 200,
  /** Share of one core used by the process. */
  cpu: 0.85,
  /** Median time of a commit, ms. */
  commitMs: 100,
} as const

export function adviseScaling(loads: readonly Readonly<Record<string, number>>[]): { addConductor: boolean; because: string } {
  const worst = (key: string): number => Math.max(0, ...loads.map(load => load[key] ?? 0))
  const oldestMs = worst('oldestMs')
  const lagMs = worst('lagMs')
  const cpu = worst('cpu')
  const commitMs = worst('commitMs')
  const signs: string[] = []
  if (oldestMs > SCALING.oldestMs) signs.push(`a message has waited ${Math.round(oldestMs)} ms (limit ${SCALING.oldestMs})`)
  if (lagMs > SCALING.lagMs) signs.push(`an event loop lags ${Math.round(lagMs)} ms (limit ${SCALING.lagMs})`)
  if (cpu > SCALING.cpu) signs.push(`a conductor uses ${Math.round(cpu * 100)} % of its core (limit ${SCALING.cpu * 100} %)`)
  if (signs.length > 0 && commitMs > SCALING.commitMs) {
    return {
      addConductor: false,
      because: `${signs.join('; ')}; but commits take ${Math.round(commitMs)} ms: the database is the limit, not the conductors`,
    }
  }
  if (signs.length > 0) return { addConductor: true, because: signs.join('; ') }
  return {
    addConductor: false,
    because: `queues are short: oldest message ${Math.round(oldestMs)} ms, lag ${Math.round(lagMs)} ms, cpu ${Math.round(cpu * 100)} %`,
  }
}
