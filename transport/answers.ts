/**
 * What this node knows of the calls of others: those that run, and the answers of those that are done, kept for as long as the
 * same call may come again. Bounded: when there is no room, the oldest answer is forgotten, never a call that runs.
 */
import type { Fault } from '../actors/kernel/errors.ts'
import type { Peer } from './link.ts'

export type Answer = { readonly t: 'ok'; readonly r: unknown } | { readonly t: 'no'; readonly f: Fault }

export interface KnownCall {
  /** Whoever sent the call last is answered. */
  peer: Peer
  /** Null while it runs. */
  readonly answer: Answer | null
}

export interface Answers {
  /** Undefined for a call that is new here, or forgotten. */
  find(id: string): KnownCall | undefined
  begin(id: string, peer: Peer): KnownCall
  /** The call is done; its answer is kept until then (monotonic ms). */
  keep(id: string, answer: Answer, untilMs: number): void
  /** The call is over without an answer to keep: when it comes again, it is new. */
  drop(id: string): void
  /** Forgets the answers whose time has come. */
  sweep(nowMs: number): void
  running(): number
  /** Calls known, running or answered. */
  size(): number
}

export function createAnswers(limit: number): Answers {
  const running = new Map<string, KnownCall>()
  /** In the order in which they were given. */
  const given = new Map<string, KnownCall & { readonly untilMs: number }>()

  return {
    find: id => running.get(id) ?? given.get(id),
    begin(id, peer) {
      const call: KnownCall = { peer, answer: null }
      running.set(id, call)
      return call
    },
    keep(id, answer, untilMs) {
      const call = running.get(id)
      if (!call) return
      running.delete(id)
      given.set(id, { peer: call.peer, answer, untilMs })
      for (const oldest of given.keys()) {
        if (running.size + given.size <= limit) break
        given.delete(oldest)
      }
    },
    drop: id => void running.delete(id),
    sweep(nowMs) {
      for (const [id, { untilMs }] of given) if (untilMs < nowMs) given.delete(id)
    },
    running: () => running.size,
    size: () => running.size + given.size,
  }
}
