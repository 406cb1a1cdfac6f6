/**
 * Carries the newest summary of each host to every conductor's scheduler: what changed is gathered and sent a few times a
 * second, all of it to a conductor that is met, and to everybody now and then, so that a lost message is made good.
 */
import type { HostBody } from '../../actors/api.ts'
import { shardOf } from '../../actors/kernel/address.ts'
import type { Env, Timer } from '../../actors/kernel/env.ts'

const FLUSH_MS = 100
/** Hosts in one message: with everything that a host can say of itself it stays far below what a link takes. */
const PER_MESSAGE = 250
/** Hosts told at one flush; more of them wait for the next, so that ten thousand are not one long moment. */
const PER_FLUSH = 1000
const REFRESH_MS = 10_000

/** A host as the schedulers know it, with what its agent last said of its load. */
export type HostSummary = HostBody & { readonly load: Readonly<Record<string, number>> }

export interface Summaries {
  /** A host whose actor lives here has changed. */
  changed(host: HostBody): void
  /** A conductor was met, which may know nothing yet. */
  greet(node: string): void
  /** Summaries from another conductor. */
  take(hosts: readonly HostSummary[]): void
  /** Shards that are served elsewhere from now on: their hosts are others' to speak of. */
  release(shards: readonly number[]): void
  /** By host, as far as it is known here. */
  load(host: string): Readonly<Record<string, number>>
  stop(): void
}

export function createSummaries(options: {
  env: Env
  learn(host: HostBody): void
  loadOf(host: string): HostSummary['load'] | undefined
  /** The other conductors that are members. */
  others(): readonly string[]
  send(node: string, hosts: readonly HostSummary[]): void
}): Summaries {
  const { env, learn, loadOf, others, send } = options
  const own = new Map<string, HostBody>()
  const dirty = new Set<string>()
  const loads = new Map<string, HostSummary['load']>()
  let timer: Timer | null = null
  let refreshTimer = env.setTimer(REFRESH_MS, refresh)

  function refresh(): void {
    refreshTimer = env.setTimer(REFRESH_MS, refresh)
    for (const id of own.keys()) dirty.add(id)
    flush()
  }

  function flush(): void {
    timer?.cancel()
    timer = null
    const ids = [...dirty].slice(0, PER_FLUSH)
    for (const id of ids) dirty.delete(id)
    if (dirty.size > 0) timer = env.setTimer(FLUSH_MS, flush)
    const bodies = summariesOf(ids)
    for (const node of others()) sendAll(node, bodies)
  }

  function sendAll(node: string, bodies: readonly HostSummary[]): void {
    for (let from = 0; from < bodies.length; from += PER_MESSAGE) send(node, bodies.slice(from, from + PER_MESSAGE))
  }

  const summariesOf = (ids: Iterable<string>): HostSummary[] =>
    [...ids].flatMap(id => {
      const host = own.get(id)
      return host ? { ...host, load: loadOf(id) ?? {} } : []
    })

  return {
    changed(host) {
      learn(host)
      own.set(host.id, host)
      dirty.add(host.id)
      timer ??= env.setTimer(FLUSH_MS, flush)
    },
    greet(node) {
      sendAll(node, summariesOf(own.keys()))
    },
    take(hosts) {
      for (const host of hosts) {
        // Another conductor speaks for this host now.
        own.delete(host.id)
        loads.set(host.id, host.load)
        learn(host)
      }
    },
    release(shards) {
      const given = new Set(shards)
      for (const id of [...own.keys()]) if (given.has(shardOf(id))) own.delete(id)
    },
    load: host => loadOf(host) ?? loads.get(host) ?? {},
    stop() {
      timer?.cancel()
      refreshTimer.cancel()
    },
  }
}
