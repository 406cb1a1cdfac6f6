/** The rules of server groups: pure. The scheduler asks them with what it has heard, the group's actor with what it knows. */
import type { GroupPolicy } from './bodies.ts'

/** A group as one of its members sees it. */
export interface GroupView {
  readonly id: string
  readonly policy: GroupPolicy
  /** Members one host may have, when the policy limits them. */
  readonly max: number
  /** Other members on each host, those on their way there included. */
  readonly others: Readonly<Record<string, number>>
}

/** Why no further member may go to this host, or null. Soft policies never say no; they weigh. */
export function breaks({ policy, max, others, id }: GroupView, host: string): string | null {
  if (policy === 'affinity') {
    const elsewhere = Object.keys(others).find(other => other !== host)
    return elsewhere === undefined ? null : `the other members of group ${id} (affinity) are on ${elsewhere}`
  }
  const here = others[host] ?? 0
  if (policy !== 'anti-affinity' || here < max) return null
  return `${here} of at most ${max} members of group ${id} (anti-affinity) ${here === 1 ? 'is' : 'are'} there already`
}
