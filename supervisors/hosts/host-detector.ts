/**
 * When is a silent host lost? As with conductors it cannot be known, only decided, but here the database fences nobody: guests
 * run on whatever a conductor believes. So there are three verdicts, each with its own price and its own patience:
 *
 * - *suspect*, after a few missed heartbeats: it is given nothing new. Wrong, it costs a host that is passed over for a moment.
 * - *down*: people are told, and may say that it is fenced. Wrong, it costs attention; nothing is done to any guest.
 * - *lost*, when the lease of the host has run out for certain (`actors/host/terms.ts`): guests under the HA policy are made anew
 *   elsewhere. This one is never wrong about the guests, which their own host has stopped by then; wrong about the host it costs them a
 *   restart. Nothing shortens it: not a connection that broke, not what another conductor has seen.
 *
 * Two rules keep us from taking our own deafness for the silence of others:
 * - An observer that was held up between two of its looks starts listening anew. So does one that has just begun to watch a host: the
 *   conductor before it may have heard it a moment ago, and granted a lease.
 * - When most hosts fall silent at once, it is probably us: our network, our machine, a bug. Then none of them is called lost. Whose
 *   leases ran out has stopped its guests all the same, but starting half a cloud on the other half would end that too.
 *
 * A host that comes back before it is called lost is simply up again, and a heartbeat is all that takes. One that is lost again and
 * again is given more time each time (`actors/host/recovery.ts`).
 *
 * Pure: it is told what was heard and when, and answers with verdicts. A verdict is said again until it is taken.
 */
import type { HostBody, HostState } from '../../actors/api.ts'

export interface DetectorTerms {
  readonly suspectMs: number
  readonly downMs: number
  /** Silence after which a lease has run out for certain, ms. */
  readonly expiryMs: number
}

export type Silence = 'suspect' | 'down' | 'lost'

export interface HostDetector {
  /** Begins to listen for a host, as if it had just been heard. */
  watch(host: string, nowMs: number): void
  forget(host: string): void
  heard(host: string, nowMs: number): void
  /** Looks around: what the silence of each host that is silent amounts to. */
  tick(nowMs: number): ReadonlyMap<string, Silence>
  silentMs(host: string, nowMs: number): number
  /** Silence of this host, ms, at which it will be lost. */
  readonly lostAfterMs: number
}

/** An observer that looks later than this after its last look was held up, ms. It looks twice a second. */
const HELD_UP_MS = 1500

export function createHostDetector({ suspectMs, downMs, expiryMs }: DetectorTerms): HostDetector {
  const heardMs = new Map<string, number>()
  let lastTickMs: number | null = null
  const lostAfterMs = Math.max(downMs, expiryMs)
  const silence = (ms: number): Silence | null => (ms >= lostAfterMs ? 'lost' : ms >= downMs ? 'down' : ms >= suspectMs ? 'suspect' : null)

  return {
    lostAfterMs,
    watch(host, nowMs) {
      // Who is held up before the first look has not listened either.
      lastTickMs ??= nowMs
      heardMs.set(host, nowMs)
    },
    forget: host => void heardMs.delete(host),
    heard: (host, nowMs) => void heardMs.set(host, nowMs),
    tick(nowMs) {
      const heldUp = lastTickMs !== null && nowMs - lastTickMs > HELD_UP_MS
      lastTickMs = nowMs
      if (heldUp) for (const host of heardMs.keys()) heardMs.set(host, nowMs)
      const silences = new Map<string, Silence>()
      for (const [host, at] of heardMs) {
        const amounts = silence(nowMs - at)
        if (amounts) silences.set(host, amounts)
      }
      return silences
    },
    silentMs: (host, nowMs) => nowMs - (heardMs.get(host) ?? nowMs),
  }
}

export interface Standing {
  readonly silent: boolean
  /** Time since it was called lost, ms; null while it is not. */
  readonly lostAgoMs: number | null
}

/**
 * Whether those that are silent are so many that it is rather our own fault. One alone never is: of two hosts, one may well have died. Hosts that
 * were lost longer than `atOnceMs` ago are no part of it, neither of the silent nor of the whole; those that were spared stay part of it.
 */
export function isMassSilence(hosts: readonly Standing[], fraction: number, atOnceMs: number): boolean {
  const present = hosts.filter(({ lostAgoMs }) => lostAgoMs === null || lostAgoMs < atOnceMs)
  const silent = present.filter(host => host.silent).length
  return silent >= 2 && silent > present.length * fraction
}

/** States in which a host counts as silent, for what others say of it. */
const SILENT_STATES: ReadonlySet<HostState> = new Set(['suspect', 'down'])

/** A host that another conductor listens to, as that says; null when it is known to be dead or was taken out. */
export function standingOf({ state, ha }: Pick<HostBody, 'state' | 'ha'>, now: number): Standing | null {
  if (state === 'gone' || state === 'fenced') return null
  const lostAt = ha?.lostAt ?? null
  return { silent: SILENT_STATES.has(state), lostAgoMs: lostAt === null ? null : now - lostAt }
}
