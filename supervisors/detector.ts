/**
 * When is a silent conductor dead? It cannot be known, only decided, and the decision is safe either way: the database
 * fences whoever was declared dead, so a wrong verdict costs that conductor a restart and never data. What is left is a
 * trade: a short silence means fast take-over, and false alarms when a machine stutters.
 *
 * The rules here keep false alarms rare without making the silence long:
 * - A conductor is suspect after `suspectMs` without a ping from it.
 * - Suspicion alone does nothing. Pings carry their sender's suspicions, and only when two observers agree (or all there
 *   are, in a cluster of two) is anybody declared dead. An observer cut off from the others convinces nobody.
 * - An observer that was itself held up does not trust its own ears: after a pause of more than a third of `suspectMs`
 *   between two of its own ticks it starts listening anew.
 *
 * Pure: it is told what happened and when, and answers with a verdict.
 */
import type { Incarnation } from '../actors/kernel/ports.ts'

export interface Detector {
  /** The conductors to watch; those that are new get a full term. */
  watch(peers: readonly Incarnation[], nowMs: number): void
  heard(from: Incarnation, suspects: readonly Incarnation[], nowMs: number): void
  /** Looks around; answers with whom this observer suspects and whom enough observers suspect. */
  tick(nowMs: number): { readonly suspects: Incarnation[]; readonly dead: Incarnation[] }
  lastHeardMs(peer: Incarnation): number | undefined
}

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
      for (const inc of wanted) if (!peers.has(inc)) peers.set(inc, { heardMs: nowMs, suspects: [] })
    },
    heard(from, suspects, nowMs) {
      const peer = peers.get(from)
      if (!peer) return
      peer.heardMs = nowMs
      peer.suspects = suspects
    },
    tick(nowMs) {
      const heldUp = lastTickMs !== null && nowMs - lastTickMs > suspectMs / 3
      lastTickMs = nowMs
      if (heldUp) for (const peer of peers.values()) peer.heardMs = nowMs
      const silent = (peer: Peer) => nowMs - peer.heardMs >= suspectMs
      const suspects = [...peers].filter(([, peer]) => silent(peer)).map(([inc]) => inc)
      const dead = suspects.filter((victim) => {
        const others = [...peers].filter(([inc, peer]) => inc !== victim && !silent(peer))
        const votes = 1 + others.filter(([, peer]) => peer.suspects.includes(victim)).length
        return votes >= Math.min(2, 1 + others.length)
      })
      return { suspects, dead }
    },
    lastHeardMs: (peer) => peers.get(peer)?.heardMs,
  }
}
