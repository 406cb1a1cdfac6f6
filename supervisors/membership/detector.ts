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
 * - Whoever has just come has not been heard yet: the first ping may take `FIRST_TERM` times as long. So it is for an observer
 *   that has just come itself; but it need not wait for so long to believe another that knew the silent one: when it has
 *   listened for a term and heard nothing either, they are two.
 * - An observer that was itself held up does not trust its own ears: after a pause of more than a third of `suspectMs`
 *   between two of its own ticks it starts listening anew.
 *
 * - A broken connection is a hint, for a killed process closes its sockets: what is left of the term is cut to a third,
 *   also for an observer that was held up. A peer that lives pings over a new connection before that is over.
 *
 * Pure: it is told what happened and when, and answers with a verdict.
 */
import type { Incarnation } from '../../actors/kernel/ports.ts'

export interface Detector {
  /** The conductors to watch; those that are new get a full term. */
  watch(peers: readonly Incarnation[], nowMs: number): void
  heard(from: Incarnation, suspects: readonly Incarnation[], nowMs: number): void
  disconnected(peer: Incarnation, nowMs: number): void
  /** Looks around; answers with whom this observer suspects and whom enough observers suspect. */
  tick(nowMs: number): { readonly suspects: Incarnation[]; readonly dead: Incarnation[] }
  /** Undefined for one that was never heard. */
  lastHeardMs(peer: Incarnation): number | undefined
}

const FIRST_TERM = 3
/** What is left of a term when the connection broke, as a share of it. */
const BROKEN_TERM = 1 / 3

interface Peer {
  /** From here a term is counted; in the future for one that has just come. */
  termMs: number
  heardMs: number | undefined
  /** Since when this observer has listened for it without being held up. */
  listeningMs: number
  broken: boolean
  suspects: readonly Incarnation[]
}

export function createDetector(options: { suspectMs: number }): Detector {
  const { suspectMs } = options
  const peers = new Map<Incarnation, Peer>()
  let lastTickMs: number | null = null

  const silent = (peer: Peer, nowMs: number): boolean => nowMs - peer.termMs >= suspectMs
  const brokenTermMs = (nowMs: number): number => nowMs - suspectMs * (1 - BROKEN_TERM)

  /** What this observer has not heard while it was held up, it could not hear. */
  function listenAnew(peer: Peer, nowMs: number): void {
    peer.listeningMs = nowMs
    peer.termMs = Math.max(peer.termMs, peer.broken ? brokenTermMs(nowMs) : nowMs)
  }

  function isDead(victim: Incarnation, peer: Peer, nowMs: number): boolean {
    const others = [...peers].filter(([inc]) => inc !== victim).map(([, other]) => other)
    const agreeing = others.filter(other => !silent(other, nowMs) && other.suspects.includes(victim)).length
    if (silent(peer, nowMs)) return 1 + agreeing >= Math.min(2, 1 + others.length)
    return peer.heardMs === undefined && nowMs - peer.listeningMs >= suspectMs && agreeing > 0
  }

  return {
    watch(incarnations, nowMs) {
      const wanted = new Set(incarnations)
      for (const known of [...peers.keys()]) if (!wanted.has(known)) peers.delete(known)
      const termMs = nowMs + suspectMs * (FIRST_TERM - 1)
      for (const inc of wanted) if (!peers.has(inc)) peers.set(inc, { termMs, heardMs: undefined, listeningMs: nowMs, broken: false, suspects: [] })
    },
    heard(from, suspects, nowMs) {
      const peer = peers.get(from)
      if (peer) Object.assign(peer, { termMs: nowMs, heardMs: nowMs, broken: false, suspects })
    },
    disconnected(incarnation, nowMs) {
      const peer = peers.get(incarnation)
      if (!peer) return
      peer.broken = true
      peer.termMs = Math.min(peer.termMs, brokenTermMs(nowMs))
    },
    tick(nowMs) {
      const heldUp = lastTickMs !== null && nowMs - lastTickMs > suspectMs / 3
      lastTickMs = nowMs
      if (heldUp) for (const peer of peers.values()) listenAnew(peer, nowMs)
      const suspects = [...peers].filter(([, peer]) => silent(peer, nowMs)).map(([inc]) => inc)
      const dead = [...peers].filter(([inc, peer]) => isDead(inc, peer, nowMs)).map(([inc]) => inc)
      return { suspects, dead }
    },
    lastHeardMs: peer => peers.get(peer)?.heardMs,
  }
}
