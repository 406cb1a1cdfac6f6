/**
 * The agent's side of its watchdog: it keeps the record up to date, has a watchdog running while there is a policy, and knows with which
 * policy that is armed. Started anew, an agent goes on with the record it finds: a lease that still runs goes on, one that ran out while it
 * was away is over, and its watchdog sees to that.
 */
import { createHostLease, type HostLease } from '../../actors/hypervisor/lease.ts'
import type { LeaseRecord, PolicyRecord } from './watchdog.ts'

/** The record, and how a watchdog is run. */
export interface GuardPorts {
  bootMs(): number
  lease(): LeaseRecord | null
  policy(): PolicyRecord | null
  stopped(): readonly string[]
  writeLease(lease: LeaseRecord): void
  writePolicy(policy: PolicyRecord): void
  writeStopped(instances: readonly string[]): void
  /** Starts a watchdog; it says with which policy it is armed, and when it has ended. */
  start(onArmed: (offer: number) => void, onEnd: () => void): void
}

/** What a conductor's answer to a heartbeat says of the lease. */
export interface Grant {
  /** The newest heartbeat that counts; absent when none does yet. */
  readonly upTo?: number
  readonly leaseMs: number
  /** The policy, when the host has another. */
  readonly policy?: PolicyRecord
}

export interface Guard {
  readonly lease: HostLease
  granted(grant: Grant): void
  /** Number of the policy that the watchdog is armed with; 0 while there is no watchdog. */
  armed(): number
  /** Guests that the watchdog has stopped and nobody has started since. */
  stopped(): readonly string[]
  /** These run again, or are gone. */
  forget(instances: readonly string[]): void
}

export function createGuard(ports: GuardPorts, life: number): Guard {
  const before = ports.lease()
  let policy: PolicyRecord = ports.policy() ?? { offer: 0, instances: [] }
  const lease = createHostLease(ports.bootMs, { expiresAtMs: before?.expiresAtMs ?? 0, instances: policy.instances })
  let running = false
  let armed = 0

  const write = (): void => ports.writeLease({ life, expiresAtMs: lease.expiresAtMs(), offer: policy.offer })

  /** Without a policy there is nothing to watch. One that was ended is started again with the next heartbeat. */
  function keepWatchdog(): void {
    if (running || policy.instances.length === 0) return
    running = true
    ports.start(
      offer => {
        armed = offer
      },
      () => {
        running = false
        armed = 0
      },
    )
  }

  if (policy.instances.length > 0) {
    write()
    keepWatchdog()
  }

  return {
    lease,
    granted(grant) {
      const { upTo, leaseMs } = grant
      if (upTo !== undefined) lease.granted(upTo, leaseMs)
      // A policy without a lease would stop guests at once that may well run.
      if (grant.policy && grant.policy.offer > policy.offer && lease.valid()) {
        policy = grant.policy
        lease.protect(policy.instances)
        ports.writePolicy(policy)
      }
      if (policy.offer === 0) return
      write()
      keepWatchdog()
    },
    // With nothing to protect there is nothing to be armed with.
    armed: () => (policy.instances.length === 0 ? policy.offer : armed),
    stopped: ports.stopped,
    forget(instances) {
      const gone = new Set(instances)
      ports.writeStopped(ports.stopped().filter(instance => !gone.has(instance)))
    },
  }
}
