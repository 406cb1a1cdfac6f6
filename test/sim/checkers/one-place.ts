/** An instance runs on at most one host. */
import type { Checker } from './checker.ts'

export const onePlace: Checker = {
  name: 'an instance runs on at most one host',
  always(world) {
    const where = new Map<string, string>()
    const violations: string[] = []
    for (const [host, store] of world.stores) {
      for (const instance of store.instances()) {
        const other = where.get(instance)
        if (other) violations.push(`${instance} is on ${other} and on ${host}`)
        where.set(instance, host)
      }
    }
    return violations
  },
}
