/**
 * Nothing is done twice: of one instance, one method with one rank takes effect once, on one host. And nothing is done that a newer
 * command has overtaken: on one host ranks only grow.
 */
import { commandOrder } from '../../../actors/instance/instance.ts'
import type { Checker } from './checker.ts'

/** Distance between the ranks of two operations. */
const OPERATION = commandOrder(1, 0)

export const once: Checker = {
  name: 'nothing is executed twice or out of turn',
  atRest(world) {
    const seen = new Map<string, string>()
    const violations: string[] = []
    for (const [host, store] of world.stores) {
      const newest = new Map<string, number>()
      for (const { instance, method, order } of store.history) {
        // What its owner has given up on two hosts is destroyed on both, by the owner's word and not by a step of an operation.
        const where = method === 'destroy' && order % OPERATION === 0 ? ` on ${host}` : ''
        const key = `${instance} ${method} ${order}${where}`
        const before = seen.get(key)
        if (before && method !== 'bury') violations.push(`${key} took effect on ${before} and again on ${host}`)
        seen.set(key, host)
        const latest = newest.get(instance) ?? order
        if (order < latest) violations.push(`${instance} ${method} ${order} took effect on ${host} after ${latest} had`)
        newest.set(instance, Math.max(order, latest))
      }
    }
    return violations
  },
}
