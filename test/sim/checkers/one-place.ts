/** An instance runs on at most one host; while it moves, another may hold a guest that does not run. */
import type { Checker } from './checker.ts'

const RUNS = new Set(['running', 'paused'])

export const onePlace: Checker = {
  name: 'an instance runs on at most one host',
  often: true,
  always(world) {
    const where = new Map<string, string>()
    const violations: string[] = []
    for (const [host, store] of world.stores) {
      for (const { spec, power } of store.guests()) {
        if (!RUNS.has(power)) continue
        const other = where.get(spec.instance)
        if (other) violations.push(`${spec.instance} runs on ${other} and on ${host}`)
        where.set(spec.instance, host)
      }
    }
    return violations
  },
}
