/**
 * When is a silent conductor dead? It cannot be known, only decided, and the decision is safe either way: the database
 * fences whoever was declared dead, so a wrong verdict costs that conductor a restart and never data. What is left is a
 * trade: a short silence means fast take-over, and false alarms when a machine stutters.
 *
 * The rules here keep false alarms rare without making the silence long:
 * - A conductor is suspect after `suspectMs` without a ping from it.
 * - Suspicion alone does nothing. Pings carry their sender's suspicions, and only when two observers agree is anybody
 *   declared dead; in a cluster of two there is only one observer, and it decides alone. An observer cut off from all
 *   others convinces nobody. Where no two are left to agree, the lease runs out instead.
 * - Whoever has just come has not been heard yet: the first ping may take `FIRST_TERM` times as long.
 * - An observer that was itself held up does not trust its own ears: after a pause of more than a third of `suspectMs`
 *   between two of its own ticks it starts listening anew.
 *
 * - A broken connection is a hint, for a killed process closes its sockets: what is left of the term is cut to a third.
 *   A peer that lives pings over a new connection before that is over.
 *
 * Pure: it is told what happened and when, and answers with a verdict.
 */
import type { Incarnation } from '../actors/kernel/ports.ts'

export interface Detector {
  /** The conductors to watch; those that are new get a full term. */
  watch(peers: readonly Incarnation[], nowMs: number): void
  heard(from: Incarnation, suspects: readonly Incarnation[], nowMs: number): void
  disconnected(peer: Incarnation, nowMs: number): void
  /** Looks around; answers with whom this observer suspects and whom enough observers suspect. */
  tick(nowMs: number): { readonly suspects: Incarnation[]; readonly dead: Incarnation[] }
  lastHeardMs(peer: Incarnation): number | undefined
}

const FIRST_TERM = 3

interface Peer {
  heardMs: number
  suspects: readonly Incarnation[]
}

export function createDetector(options: { suspectMs: number }): Detector {
  const { suspectMs } = options
  const peers = new Map<Incarnation, Peer>()
  let lastTickMs: number | null = null

  return {
    watch(incarnations, nowMs) {
      const wanted = new Set(incarnations)
      for (const known of [...peers.keys()]) if (!wanted.has(known)) peers.delete(known)
      for (const inc of wanted) if (!peers.has(inc)) peers.set(inc, { heardMs: nowMs + suspectMs * (FIRST_TERM - 1), suspects: [] })
    },
    heard(from, suspects, nowMs) {
      const peer = peers.get(from)
      if (!peer) return
      peer.heardMs = nowMs
      peer.suspects = suspects
    },
    disconnected(incarnation, nowMs) {
      const peer = peers.get(incarnation)
      if (peer) peer.heardMs = Math.min(peer.heardMs, nowMs - (suspectMs * 2) / 3)
    },
    tick(nowMs) {
      const heldUp = lastTickMs !== null && nowMs - lastTickMs > suspectMs / 3
      lastTickMs = nowMs
      if (heldUp) for (const peer of peers.values()) peer.heardMs = Math.max(peer.heardMs, nowMs)
      const silent = (peer: Peer) => nowMs - peer.heardMs >= suspectMs
      const suspects = [...peers].filter(([, peer]) => silent(peer)).map(([inc]) => inc)
      const dead = suspects.filter(victim => {
        const others = [...peers].filter(([inc]) => inc !== victim)
        const votes = 1 + others.filter(([, peer]) => !silent(peer) && peer.suspects.includes(victim)).length
        return votes >= Math.min(2, 1 + others.length)
      })
      return { suspects, dead }
    },
    lastHeardMs: peer => peers.get(peer)?.heardMs,
  }
}
