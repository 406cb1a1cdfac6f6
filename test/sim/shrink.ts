/**
 * The shortest plan that still fails: delta debugging (Zeller and Hildebrandt, 2002) over the list of strikes, then over the clients, then
 * over what there is beside them. A shorter plan may fail in another way than the whole did; so what counts is that the same checker
 * finds something.
 */
import type { Plan } from './plan.ts'
import { runPlan } from './run.ts'

export interface Shrunk {
  readonly plan: Plan
  readonly violations: readonly string[]
  readonly runs: number
}

/** Runs at most, so that it ends within a minute or two. */
const MOST_RUNS = 200

const checkerOf = (violation: string): string => violation.slice(0, violation.indexOf(':'))

/** `items` without what is not needed for `fails`, which they are known to do. */
export async function minimize<T>(items: readonly T[], fails: (fewer: readonly T[]) => Promise<boolean>): Promise<readonly T[]> {
  let kept = items
  if (kept.length > 0 && (await fails([]))) return []
  for (let size = Math.ceil(kept.length / 2); size >= 1 && kept.length > 1; ) {
    let removed = false
    for (let at = 0; at < kept.length && kept.length > 1; ) {
      const fewer = [...kept.slice(0, at), ...kept.slice(at + size)]
      if (await fails(fewer)) {
        kept = fewer
        removed = true
      } else at += size
    }
    if (size === 1 && !removed) break
    size = removed ? Math.min(size, Math.ceil(kept.length / 2)) : Math.floor(size / 2)
  }
  return kept
}

export async function shrink(whole: Plan, violations: readonly string[]): Promise<Shrunk> {
  const wanted = new Set(violations.map(checkerOf))
  let best: Shrunk = { plan: whole, violations, runs: 0 }
  let runs = 0

  const fails = async (plan: Plan): Promise<boolean> => {
    if (runs >= MOST_RUNS) return false
    runs++
    const found = (await runPlan(plan)).violations
    if (!found.some(v => wanted.has(checkerOf(v)))) return false
    best = { plan, violations: found, runs }
    return true
  }

  await minimize(whole.strikes, strikes => fails({ ...best.plan, strikes }))
  await minimize(whole.clients, clients => fails({ ...best.plan, clients }))
  const { mix } = best.plan
  for (const less of [
    { pets: 0 },
    { register: false },
    { repairs: false },
    { maintains: false },
    { decides: false },
    { grouped: 0 },
    { tidied: 0 },
  ]) {
    if (Object.entries(less).some(([key, value]) => mix[key as keyof typeof mix] !== value))
      await fails({ ...best.plan, mix: { ...best.plan.mix, ...less } })
  }
  await minimize(best.plan.mix.actions, actions => fails({ ...best.plan, mix: { ...best.plan.mix, actions } }))
  return { ...best, runs }
}
