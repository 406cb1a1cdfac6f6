/**
 * A host's right to run the guests it has been told to protect: the host's side of the lease. Time here is the clock that the
 * agent and its watchdog share and that goes on while the machine is suspended, in ms since boot.
 *
 * The agent notes when it sends each heartbeat. When a conductor says up to which heartbeat the lease counts, it ends `leaseMs` after that
 * one *was sent*: however late the answer is read, it can only say less. The watchdog has the last word, but it works beside us; so
 * that nothing is started behind its back, every command takes a permit when it begins and shows it just before a guest comes to life.
 * A permit is void when the lease has run out since, even if there is a new one by now: what stood still half-way may have been made
 * anew on another host meanwhile.
 */
import { BatonError } from '../kernel/errors.ts'

/** Heartbeats whose sending is remembered; a conductor confirms them with a delay of a renewal or two. */
const SENT_KEPT = 256

/** Throws `LeaseExpired` when the guest may not come to life. */
export type Permit = () => void

export interface HostLease {
  /** Now, on the clock of the lease, ms. */
  now(): number
  /** The heartbeat `seq` is about to be sent. */
  sending(seq: number): void
  /** A conductor grants `leaseMs` from the sending of heartbeat `upTo`. Answers with the end of the lease, null when that heartbeat is forgotten. */
  granted(upTo: number, leaseMs: number): number | null
  /** 0 before the first grant. */
  expiresAtMs(): number
  valid(): boolean
  protect(instances: readonly string[]): void
  permit(instance: string): Permit
}

export function createHostLease(now: () => number, known: { readonly expiresAtMs: number; readonly instances: readonly string[] }): HostLease {
  const sent = new Map<number, number>()
  let { expiresAtMs } = known
  let protects: ReadonlySet<string> = new Set(known.instances)
  /** Times the lease has run out before it was extended. */
  let lapses = 0
  const valid = (): boolean => now() < expiresAtMs

  return {
    now,
    valid,
    sending(seq) {
      sent.set(seq, now())
      if (sent.size > SENT_KEPT) for (const oldest of sent.keys()) return void sent.delete(oldest)
    },
    granted(upTo, leaseMs) {
      const sentMs = sent.get(upTo)
      if (sentMs === undefined) return null
      if (expiresAtMs > 0 && !valid()) lapses++
      expiresAtMs = Math.max(expiresAtMs, sentMs + leaseMs)
      return expiresAtMs
    },
    expiresAtMs: () => expiresAtMs,
    protect(instances) {
      protects = new Set(instances)
    },
    permit(instance) {
      const begun = { lapses, protected: protects.has(instance) }
      return () => {
        if (!begun.protected && !protects.has(instance)) return
        if (valid() && lapses === begun.lapses) return
        throw new BatonError('LeaseExpired', `the lease of this host ran out while guest ${instance} was to be started; it may run elsewhere by now`)
      }
    },
  }
}

/** Where there is no lease everything is permitted. */
export const NO_LEASE: Pick<HostLease, 'permit'> = { permit: () => () => {} }
