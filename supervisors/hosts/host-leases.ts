/**
 * The conductor's part in the leases of the hosts it listens to: which heartbeats count, and which guests each host is to protect.
 *
 * A heartbeat counts only when this conductor's own membership was confirmed by the database *after* it was received. A conductor that
 * was declared dead may not know it yet and go on answering, while another has its shards and counts the silence; but no heartbeat that it
 * received after the verdict is ever confirmed, so what it grants ends before the other, which waits a full term from its take-over, acts.
 * The price: a database that is away for longer than a lease lets leases run out. `ha.leaseMs` must be longer than its fail-over.
 */
import type { PolicyRecord } from '../watchdog/watchdog.ts'

/** Heartbeats of one host that wait to be confirmed; far more than come between two renewals. */
const RECEIVED_KEPT = 256

export interface HostLeases {
  /** The newest heartbeat of this life of the host that counts, if any. Called with each one received. */
  received(host: string, life: string, seq: number, nowMs: number): number | undefined
  /** The policy to offer a host that says to be armed with `armed`, or null when it is. */
  policyFor(host: string, armed: number): Promise<PolicyRecord | null>
  /** The instances on this host under the policy, as the views say. */
  want(host: string, instances: readonly string[]): void
  /** Whether its watchdog is armed with the newest offer. */
  armed(host: string): boolean
  /** The offer with which it last said to be armed; undefined when it was not heard here. */
  known(host: string): number | undefined
  forget(host: string): void
}

export interface HostLeasesOptions {
  /** When the database was last asked, with success, whether this incarnation is alive; monotonic ms. */
  confirmedMs(): number
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
}

interface Standing {
  life: string
  received: { readonly seq: number; readonly atMs: number }[]
  confirmed: number | undefined
  wanted: readonly string[] | null
  /** What the host has said last to be armed with, whether or not that was written down. */
  armed: number | undefined
  /** What was settled with the host actor last. */
  settled: { readonly wanted: readonly string[] | null; readonly armed: number; readonly policy: PolicyRecord } | null
}

export function createHostLeases({ confirmedMs, call }: HostLeasesOptions): HostLeases {
  const hosts = new Map<string, Standing>()

  function of(host: string): Standing {
    const known = hosts.get(host)
    if (known) return known
    const fresh: Standing = { life: '', received: [], confirmed: undefined, wanted: null, armed: undefined, settled: null }
    hosts.set(host, fresh)
    return fresh
  }

  return {
    received(host, life, seq, nowMs) {
      const standing = of(host)
      if (standing.life !== life) Object.assign(standing, { life, received: [], confirmed: undefined })
      standing.received.push({ seq, atMs: nowMs })
      if (standing.received.length > RECEIVED_KEPT) standing.received.shift()
      const confirmed = confirmedMs()
      while (standing.received[0] && standing.received[0].atMs < confirmed) standing.confirmed = standing.received.shift()?.seq
      return standing.confirmed
    },
    async policyFor(host, armed) {
      const standing = of(host)
      const { wanted, settled } = standing
      if (settled && settled.wanted === wanted && settled.armed === armed) return settled.policy.offer === armed ? null : settled.policy
      standing.armed = armed
      // As long as nobody has looked what there is to protect, it is what it was.
      const policy = (await call('host', host, 'offer', { ...(wanted ? { wanted } : {}), known: armed })) as PolicyRecord
      standing.settled = { wanted, armed, policy }
      return policy.offer === armed ? null : policy
    },
    want(host, instances) {
      const standing = of(host)
      const sorted = [...instances].sort()
      if (standing.wanted?.join() !== sorted.join()) standing.wanted = sorted
    },
    armed: host => {
      const settled = hosts.get(host)?.settled
      return settled !== undefined && settled !== null && settled.armed === settled.policy.offer
    },
    known: host => hosts.get(host)?.armed,
    forget: host => void hosts.delete(host),
  }
}
