/**
 * The name of an instance is a linearizable register: all its reads and writes can be put in one order that agrees with who was answered
 * before whom, and in which each read sees the latest write. The search is that of Wing and Gong (1993), with what was tried before
 * remembered (Lowe, 2017). A write without an answer may stand anywhere after its call, or nowhere.
 */
import type { RegisterUse } from '../history.ts'
import type { Checker } from './checker.ts'

const INITIAL = 'new'

export function isLinearizable(uses: readonly RegisterUse[]): boolean {
  const all = uses.toSorted((a, b) => a.calledMs - b.calledMs)
  const endOf = ({ answeredMs }: RegisterUse): number => answeredMs ?? Number.POSITIVE_INFINITY
  const certain = all.reduce((mask, use, i) => (use.answeredMs === null ? mask : mask | (1n << BigInt(i))), 0n)
  const tried = new Set<string>()

  function goOn(done: bigint, value: string): boolean {
    if ((done & certain) === certain) return true
    const key = `${done} ${value}`
    if (tried.has(key)) return false
    tried.add(key)
    const open = all.flatMap((use, i) => ((done >> BigInt(i)) & 1n ? [] : [{ use, bit: 1n << BigInt(i) }]))
    const firstEnd = Math.min(...open.map(({ use }) => endOf(use)))
    return open.some(({ use, bit }) => {
      // Another was answered before this was called, so that one comes first.
      if (use.calledMs > firstEnd) return false
      return use.kind === 'write' ? goOn(done | bit, use.value) : use.value === value && goOn(done | bit, value)
    })
  }
  return goOn(0n, INITIAL)
}

export const register: Checker = {
  name: 'an instance is a linearizable register',
  atTheEnd(_world, { register: uses }) {
    const keys = [...new Set(uses.map(u => u.instance))]
    return keys.flatMap(key => {
      const own = uses.filter(u => u.instance === key)
      return isLinearizable(own)
        ? []
        : [`no order explains ${own.map(u => `${u.client} ${u.kind} ${u.value} ${u.calledMs}-${u.answeredMs}`).join('; ')}`]
    })
  },
}
