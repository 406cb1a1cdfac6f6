/**
 * Listens to the hypervisors of the hosts whose shards live here. What it knows is soft: when a host was last heard and
 * what it said runs there. It turns silence into verdicts for the host actor, which makes them durable, and differences
 * between report and belief into questions for the instance actors.
 *
 * A host whose shard has just been taken over gets a full term before any verdict: its silence may have been ours.
 */
import type { HostBody, HostState, InstanceBody } from '../actors/api.ts'
import type { HostInfo } from '../actors/host/host.ts'
import { HOST_ROW_LIMIT } from '../actors/host/limits.ts'
import { compareGuests, type Question } from '../actors/host/reconcile.ts'
import { POWER_STATES } from '../actors/hypervisor/driver.ts'
import type { GuestReport } from '../actors/hypervisor/hypervisor.ts'
import { shardOf } from '../actors/kernel/address.ts'
import { anyOf, checkObject, integer, listOf, record, text } from '../actors/kernel/check.ts'
import type { Sender } from '../actors/kernel/define.ts'
import type { Env, Timer } from '../actors/kernel/env.ts'
import { BatonError, toFault } from '../actors/kernel/errors.ts'
import type { Views } from '../actors/kernel/ports.ts'

export interface Beat {
  readonly seq: number
  readonly bootId: string
  readonly info: HostInfo
  readonly load: Readonly<Record<string, number>>
  readonly guests: readonly GuestReport[]
}

export const checkBeat = checkObject({
  seq: integer(0, Number.MAX_SAFE_INTEGER),
  bootId: text(128),
  info: checkObject({
    driver: text(64),
    pid: integer(0, 2 ** 31),
    version: text(64),
    vcpus: integer(0, 1e6),
    ramMb: integer(0, 1e12),
    diskGb: integer(0, 1e12),
  }),
  load: record,
  guests: listOf(checkObject({ instance: text(128), power: anyOf(...POWER_STATES), order: integer(0, Number.MAX_SAFE_INTEGER) }), HOST_ROW_LIMIT),
})

export interface HostMonitorOptions {
  readonly env: Env
  now(): number
  readonly views: Views
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  readonly timing: { readonly intervalMs: number; readonly suspectMs: number; readonly downMs: number; readonly auditMs: number }
}

export interface HostMonitor {
  /** A heartbeat; resolves when the host is known to be registered. */
  beat(host: string, beat: Beat, from: Sender): Promise<{ intervalMs: number }>
  adopt(shards: readonly number[]): Promise<void>
  /** The actor of this host lives here. It may have been registered by a beat that went to the former owner of its shard. */
  know(host: string, state: HostState): void
  release(shards: readonly number[]): void
  /** What a host heard here said of its load. */
  load(host: string): Readonly<Record<string, number>> | undefined
  stop(): void
}

interface Watched {
  heardMs: number
  seq: number
  bootId: string
  info: HostInfo | null
  state: HostState
  guests: readonly GuestReport[]
  digest: string
  auditAtMs: number
  auditing: boolean
  load: Readonly<Record<string, number>>
}

const TICK_MS = 500

export function createHostMonitor(options: HostMonitorOptions): HostMonitor {
  const { env, timing } = options
  const hosts = new Map<string, Watched>()
  let stopped = false
  let timer: Timer = env.setTimer(TICK_MS, tick)

  function watch(host: string, state: HostState): Watched {
    const known = hosts.get(host)
    if (known) return known
    const nowMs = env.monotonicMs()
    const watched: Watched = {
      heardMs: nowMs,
      seq: -1,
      bootId: '',
      info: null,
      state,
      guests: [],
      digest: '',
      auditAtMs: nowMs + timing.auditMs * (0.1 + env.random() * 0.4),
      auditing: false,
      load: {},
    }
    hosts.set(host, watched)
    return watched
  }

  function tick(): void {
    if (stopped) return
    timer = env.setTimer(TICK_MS, tick)
    const nowMs = env.monotonicMs()
    for (const [host, watched] of hosts) {
      const silentMs = nowMs - watched.heardMs
      const verdict: HostState = silentMs >= timing.downMs ? 'down' : silentMs >= timing.suspectMs ? 'suspect' : watched.state
      if (verdict !== watched.state && (verdict === 'down' || watched.state === 'up')) observe(host, watched, verdict, silentMs)
      if (watched.info && silentMs < timing.suspectMs && nowMs >= watched.auditAtMs && !watched.auditing) audit(host, watched)
    }
  }

  function observe(host: string, watched: Watched, verdict: HostState, silentMs: number): void {
    watched.state = verdict
    env.log.warn({ host, silentMs: Math.round(silentMs) }, `host is ${verdict}`)
    options.call('host', host, 'observe', { state: verdict }).then(
      () => {
        // The host came back while this was said, and may have been registered before it: then that must be said again.
        if (watched.state === 'up') watched.info = null
      },
      error => {
        env.log.warn({ host, fault: toFault(error) }, 'a verdict about a host was not taken')
        // Said again at the next tick.
        watched.state = verdict === 'down' ? 'suspect' : 'up'
      },
    )
  }

  /** Looks for differences between what the host reported and what the views say, and asks the owners about each. */
  async function audit(host: string, watched: Watched): Promise<void> {
    watched.auditing = true
    const { guests } = watched
    try {
      const rows = await rowsOf(host, guests)
      for (const question of compareGuests(host, guests, rows, options.now())) await ask(host, question)
    } catch (error) {
      env.log.warn({ host, fault: toFault(error) }, 'an audit was not finished')
    }
    watched.auditing = false
    watched.auditAtMs = env.monotonicMs() + timing.auditMs
  }

  async function rowsOf(host: string, guests: readonly GuestReport[]): Promise<InstanceBody[]> {
    const here = await options.views.list('instance', { where: { host, deleted: false }, limit: HOST_ROW_LIMIT })
    const rows = new Map(here.map(row => [row.id, row.body as InstanceBody]))
    for (const guest of guests) {
      if (rows.has(guest.instance)) continue
      const row = await options.views.get('instance', guest.instance)
      if (row) rows.set(row.id, row.body as InstanceBody)
    }
    return [...rows.values()]
  }

  async function ask(host: string, question: Question): Promise<void> {
    if (question.ask === 'guestMissing') {
      await options.call('instance', question.instance, 'guestMissing', { host })
      return
    }
    const { power, order } = question.guest
    const answer = (await options.call('instance', question.instance, 'guestSeen', { host, power, order })) as {
      known: boolean
      keep: boolean
      order?: number
    }
    if (!answer.known) env.log.warn({ host, instance: question.instance }, 'a guest that no instance owns was reported; it is left alone')
    if (answer.known && !answer.keep && answer.order !== undefined) {
      env.log.info({ host, instance: question.instance }, 'destroying a guest that its owner gave up')
      await options.call('compute', host, 'destroy', { instance: question.instance, order: answer.order })
    }
  }

  return {
    async beat(host, beat, from) {
      // A compute host speaks for itself and for nobody else.
      if (from.role === 'compute' && from.node !== host) throw new BatonError('Forbidden', `${from.node} may not report for ${host}`)
      const watched = watch(host, 'up')
      if (watched.bootId === beat.bootId && beat.seq <= watched.seq) return { intervalMs: timing.intervalMs }
      const known = watched.info
      const changed = !known || JSON.stringify(known) !== JSON.stringify(beat.info) || watched.state !== 'up'
      watched.heardMs = env.monotonicMs()
      watched.seq = beat.seq
      watched.bootId = beat.bootId
      watched.load = beat.load
      watched.guests = beat.guests
      if (changed) {
        await options.call('host', host, 'register', beat.info)
        watched.info = beat.info
        watched.state = 'up'
      }
      const digest = beat.guests.map(g => `${g.instance}${g.power}`).join()
      // Something changed: look soon, but after the rows have had time to follow.
      if (digest !== watched.digest) watched.auditAtMs = Math.min(watched.auditAtMs, env.monotonicMs() + timing.auditMs / 6)
      watched.digest = digest
      return { intervalMs: timing.intervalMs }
    },
    async adopt(shards) {
      const taken = new Set(shards)
      for (const row of await options.views.list('host', { limit: HOST_ROW_LIMIT })) {
        const body = row.body as HostBody
        if (taken.has(shardOf(row.id)) && body.state !== 'gone') watch(row.id, body.state)
      }
    },
    know(host, state) {
      if (state !== 'gone') watch(host, state)
    },
    release(shards) {
      const given = new Set(shards)
      for (const host of [...hosts.keys()]) if (given.has(shardOf(host))) hosts.delete(host)
    },
    load: host => hosts.get(host)?.load,
    stop() {
      stopped = true
      timer.cancel()
    },
  }
}
