/**
 * The agent's side of its watchdog: it keeps the record up to date, has a watchdog running while there is a policy, and knows with which
 * policy that is armed. Started anew, an agent goes on with the record it finds: a lease that still runs goes on, one that ran out while it
 * was away is over, and its watchdog sees to that.
 */
import { createHostLease, type HostLease } from '../../actors/hypervisor/lease.ts'
import type { LeaseRecord, PolicyRecord, Word } from './watchdog.ts'

/** The record, and how a watchdog is run. */
export interface GuardPorts {
  bootMs(): number
  lease(): LeaseRecord | null
  policy(): PolicyRecord | null
  words(): readonly Word[]
  forget(word: Word): void
  writeLease(lease: LeaseRecord): void
  writePolicy(policy: PolicyRecord): void
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
  /** Has a watchdog running if there is something to protect. The number of the policy that it is armed with; 0 while there is none. */
  tend(): number
  /** Guests that the watchdog has stopped and nobody has started since. `isNew` once for each that it stopped in this life of the agent. */
  stopped(): readonly { readonly instance: string; readonly isNew: boolean }[]
  /** These run again, or are gone. */
  forget(instances: ReadonlySet<string>): void
}

export function createGuard(ports: GuardPorts, life: number): Guard {
  const before = ports.lease()
  let policy: PolicyRecord = ports.policy() ?? { offer: 0, instances: [] }
  const lease = createHostLease(ports.bootMs, { expiresAtMs: before?.expiresAtMs ?? 0, instances: policy.instances })
  /** Words that are in what the driver knows; those from before this life are, for it begins with what is on disk. */
  const heard = new Set(ports.words().map(nameOf))
  let running = false
  let armed = 0

  const write = (): void => ports.writeLease({ life, expiresAtMs: lease.expiresAtMs(), offer: policy.offer })

  /** Without a policy there is nothing to watch. One that has ended is started again with the next heartbeat, heard or not. */
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
    tend() {
      keepWatchdog()
      // With nothing to protect there is nothing to be armed with.
      return policy.instances.length === 0 ? policy.offer : armed
    },
    stopped() {
      const words = ports.words()
      const fresh = words.filter(word => !heard.has(nameOf(word)))
      for (const word of fresh) heard.add(nameOf(word))
      for (const name of heard) if (!words.some(word => nameOf(word) === name)) heard.delete(name)
      const isNew = new Set(fresh.map(({ instance }) => instance))
      return [...new Set(words.map(({ instance }) => instance))].map(instance => ({ instance, isNew: isNew.has(instance) }))
    },
    forget(instances) {
      for (const word of ports.words()) if (instances.has(word.instance) && heard.has(nameOf(word))) ports.forget(word)
    },
  }
}

const nameOf = ({ instance, atMs }: Word): string => `${instance}.${atMs}`
