/**
 * Who watches. The conductor on which the actor `alerts` lives judges the whole cluster every two seconds, from what nodes say of themselves
 * anyway (loads in the leases, summaries of hosts), and has the actor write down what fires and what is over. So there is one judge at a time
 * without anybody being elected for it, and after a take-over the next owner goes on from what is written. What is counted over minutes is
 * counted on every conductor, so that the next owner knows it.
 *
 * While the database is away nothing can be written: what happens meanwhile fires when it is back. `baton status` tells at once that it is away.
 */
import { CLUSTER } from '../../actors/alerts/alerts.ts'
import type { AlertsBody } from '../../actors/alerts/body.ts'
import type { ConductorFacts, Facts, SilentHost } from '../../actors/alerts/facts.ts'
import { alertKey, judge } from '../../actors/alerts/judge.ts'
import { RULES } from '../../actors/alerts/rules.ts'
import type { AgentBody, GuestBody, HostBody, OperationBody } from '../../actors/api.ts'
import { shardOf } from '../../actors/kernel/address.ts'
import type { Json } from '../../actors/kernel/define.ts'
import type { Env } from '../../actors/kernel/env.ts'
import { toFault } from '../../actors/kernel/errors.ts'
import type { Incarnation, Member, ShardMap, Views } from '../../actors/kernel/ports.ts'
import { numbersOf } from '../observe/self-report.ts'
import { createRecent } from './recent.ts'

export interface AlertWatchOptions {
  readonly env: Env
  /** Cluster time, ms. */
  now(): number
  owns(shard: number): boolean
  members(): readonly Member[]
  map(): ShardMap
  hosts(): readonly HostBody[]
  hostLoad(host: string): Readonly<Record<string, number>>
  /** Names of the gateways that are connected here. */
  gateways(): readonly string[]
  readonly views: Pick<Views, 'list'>
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  readonly leaseMs: number
}

export interface AlertWatch {
  /** A host has changed, here or elsewhere. */
  noticed(host: HostBody): void
  /** What fires, in words; empty on those that do not judge. */
  firing(): readonly string[]
  /** Rejects as calls do. */
  list(): Promise<AlertsBody>
  stop(): void
}

export const LOOK_MS = 2000
/** How often the database is asked for open operations and silent agents, and gateways for their certificates, ms. */
const OPERATIONS_MS = 10_000
const CERTIFICATES_MS = 60_000
const OPERATIONS = 300
/** Alerts that are named in the lease. */
const NAMED = 20
const NAMED_CHARS = 300

export function createAlertWatch(options: AlertWatchOptions): AlertWatch {
  const { env } = options
  const deadLetters = createRecent()
  const silences = createRecent()
  const states = new Map<string, HostBody['state']>()
  const counted = new Map<Incarnation, number>()
  let waiting: ReadonlyMap<string, number> = new Map()
  let firing: AlertsBody['firing'] = []
  let read: (Pick<Facts, 'operations' | 'silentAgents'> & { readonly atMs: number }) | null = null
  let certificates: { readonly ends: Facts['certificates']; readonly atMs: number } | null = null
  let stopped = false
  let timer = env.setTimer(LOOK_MS, tick)

  const list = async (): Promise<AlertsBody> => (await options.call('alerts', CLUSTER, 'list', {})) as AlertsBody

  function tick(): void {
    count()
    look()
      .catch(error => env.log.debug({ fault: toFault(error) }, 'alerts could not be judged'))
      .finally(() => {
        if (!stopped) timer = env.setTimer(LOOK_MS, tick)
      })
  }

  function count(): void {
    const members = options.members()
    for (const { incarnation, nodeId, load } of members) {
      const { deadLetters: now = 0 } = numbersOf(load)
      deadLetters.add(nodeId, now - (counted.get(incarnation) ?? now), env.monotonicMs())
      counted.set(incarnation, now)
    }
    for (const incarnation of counted.keys()) if (!members.some(m => m.incarnation === incarnation)) counted.delete(incarnation)
  }

  async function look(): Promise<void> {
    if (!options.owns(shardOf(CLUSTER))) {
      waiting = new Map()
      firing = []
      return
    }
    const [facts, known] = [await gather(), await list()]
    const verdict = judge(RULES, facts, new Set(known.firing.map(({ code, subject }) => alertKey(code, subject))), waiting)
    const { fire, clear } = verdict
    if (stopped) return
    for (const alert of fire) env.log.warn({ alert }, 'an alert fires')
    if (clear.length > 0) env.log.info({ alerts: clear }, 'alerts are over')
    firing = known.firing
    // What is not taken is judged again at the next look.
    if (fire.length + clear.length > 0) firing = ((await options.call('alerts', CLUSTER, 'change', { fire, clear })) as AlertsBody).firing
    waiting = verdict.waiting
  }

  async function gather(): Promise<Facts> {
    const nowMs = env.monotonicMs()
    if (!read || nowMs - read.atMs >= OPERATIONS_MS) {
      read = { operations: await openOperations(), silentAgents: await silentAgents(), atMs: nowMs }
    }
    if (!certificates || nowMs - certificates.atMs >= CERTIFICATES_MS) {
      certificates = { ends: certificates?.ends ?? [], atMs: nowMs }
      // A gateway that does not answer holds nobody up.
      askGateways().then(ends => {
        certificates = { ends, atMs: nowMs }
      })
    }
    const now = options.now()
    return {
      now,
      conductors: conductorFacts(options.members(), options.map(), now, options.leaseMs),
      hosts: options.hosts().map(({ id, state, mode, claims }) => ({ id, state, mode, claims, load: options.hostLoad(id) })),
      operations: read.operations,
      silentAgents: read.silentAgents,
      certificates: certificates.ends,
      recently: { deadLetters: deadLetters.counts(nowMs), silences: silences.counts(nowMs) },
    }
  }

  async function openOperations(): Promise<OperationBody[]> {
    const oldest = { where: { open: true }, sort: [{ column: 'created_at', direction: 'asc' }], limit: OPERATIONS } as const
    return (await options.views.list('operation', oldest)).map(row => row.body as OperationBody)
  }

  async function silentAgents(): Promise<Facts['silentAgents']> {
    const rows = await options.views.list('guest', { where: { agent: 'unknown', deleted: false }, limit: OPERATIONS })
    const others = await options.views.list('agent', { where: { agent: 'unknown', deleted: false }, limit: OPERATIONS })
    return [
      ...rows.map(({ id, body }) => {
        const { about, host } = body as GuestBody
        return { kind: 'instance' as const, id, service: about?.service ?? 'service', message: `on ${host}` }
      }),
      ...others.map(({ id, body }) => {
        const { about, message } = body as AgentBody
        return { kind: 'agent' as const, id, service: about?.service ?? 'service', message: message ?? '' }
      }),
    ]
  }

  async function askGateways(): Promise<Facts['certificates']> {
    const answers = await Promise.allSettled(
      options.gateways().map(async node => ({ node, endsAt: endsAtOf(await options.call('node', node, 'certificate', {})) })),
    )
    return answers.flatMap(answer => {
      if (answer.status === 'rejected' || answer.value.endsAt === null) return []
      return { node: answer.value.node, endsAt: answer.value.endsAt }
    })
  }

  return {
    noticed({ id, state }) {
      if (states.get(id) === 'up' && (state === 'suspect' || state === 'down')) silences.add(id, 1, env.monotonicMs())
      if (state === 'gone') states.delete(id)
      else states.set(id, state)
    },
    firing: () => firing.slice(0, NAMED).map(({ message }) => message.slice(0, NAMED_CHARS)),
    list,
    stop() {
      stopped = true
      timer.cancel()
    },
  }
}

/** A gateway of an earlier release says nothing of it. */
function endsAtOf(report: unknown): number | null {
  const endsAt: unknown = typeof report === 'object' && report !== null ? Reflect.get(report, 'endsAt') : null
  return typeof endsAt === 'number' ? endsAt : null
}

/** What the living conductors have put into their leases. */
export function conductorFacts(members: readonly Member[], { owners }: ShardMap, now: number, leaseMs: number): ConductorFacts[] {
  return members
    .filter(({ state }) => state === 'alive' || state === 'draining')
    .map(({ nodeId, incarnation, leaseUntil, load }) => ({
      id: nodeId,
      shards: owners.filter(owner => owner === incarnation).length,
      leaseLeftMs: leaseUntil - now,
      leaseMs,
      load: numbersOf(load),
      poisoned: textsIn(load, 'poisoned'),
      silent: listIn(load, 'silent').filter(isSilentHost),
      held: textsIn(load, 'held'),
    }))
}

function listIn(load: Json, name: string): readonly unknown[] {
  const value: unknown = typeof load === 'object' && load !== null ? Reflect.get(load, name) : null
  return Array.isArray(value) ? value : []
}

const textsIn = (load: Json, name: string): string[] => listIn(load, name).filter(text => typeof text === 'string')

/** What stands in a lease was written by a conductor, perhaps of another release. */
function isSilentHost(value: unknown): value is SilentHost {
  if (typeof value !== 'object' || value === null) return false
  const { host, heardAgoMs, leftMs, instances }: Partial<Record<keyof SilentHost, unknown>> = value
  return typeof host === 'string' && [heardAgoMs, leftMs, instances].every(n => typeof n === 'number')
}
