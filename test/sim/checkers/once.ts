/** Nothing is done twice: of one instance, one method with one rank takes effect once, on one host. */
import { commandOrder } from '../../../actors/instance/instance.ts'
import type { Checker } from './checker.ts'

export const once: Checker = {
  name: 'nothing is executed twice',
  atRest(world) {
    const seen = new Map<string, string>()
    const violations: string[] = []
    for (const [host, store] of world.stores) {
      for (const { instance, method, order } of store.history) {
        // What is left of a guest is destroyed wherever it is found, on two hosts with the same rank: that of no operation's step.
        const key = order % commandOrder(1, 0) === 0 ? `${instance} ${method} ${order} ${host}` : `${instance} ${method} ${order}`
        const before = seen.get(key)
        if (before && method !== 'bury') violations.push(`${key} took effect on ${before} and again on ${host}`)
        seen.set(key, host)
      }
    }
    return violations
  },
}
