/**
 * The verdict: what clients were told, what the cluster says when all is quiet, and what was really done on the hosts must be one
 * story. Pure: evidence in, violations out. The last part of the evidence comes from the drivers' own histories, which no
 * conductor can write.
 */
import type { Effect } from '../../actors/hypervisor/drivers/store.ts'
import { HIGHLY_AVAILABLE, type Note } from './clients.ts'

export interface Evidence {
  readonly notes: readonly Note[]
  /** Instances that are not deleted. */
  readonly instances: readonly { readonly id: string; readonly status: string; readonly host: string | null }[]
  readonly openOperations: readonly { readonly id: string; readonly kind: string }[]
  readonly hosts: readonly { readonly id: string; readonly claims: number }[]
  /** Guests by host, as the drivers keep them. */
  readonly guests: ReadonlyMap<string, readonly { readonly id: string; readonly power: string }[]>
  /** By host, each in the order in which it was done. */
  readonly effects: ReadonlyMap<string, readonly Effect[]>
  /** What watchdogs stopped because the lease of their host had run out, and when, ms since 1970. */
  readonly lapses: readonly { readonly host: string; readonly instance: string; readonly at: number }[]
}

export interface Violation {
  readonly rule: string
  readonly what: string
}

type Rule = (evidence: Evidence) => string[]

/** Off its host for good, or not running any more. */
const ENDS_RUN = new Set(['destroy', 'stop', 'suspend', 'shelve', 'handOver', 'lapse'])
const BEGINS_RUN = new Set(['spawn', 'start', 'resume', 'reboot', 'receive', 'finishIncoming', 'cancelOutgoing'])
/** States in which an instance holds room on two hosts. */
const ON_TWO_HOSTS = 'VERIFY_RESIZE'

const RULES: Readonly<Record<string, Rule>> = {
  'an acknowledged create is there': ({ notes, instances }) => {
    const there = new Set(instances.map(i => i.id))
    const asked = new Set(notes.filter(n => n.what === 'delete' && n.outcome !== 'refused').map(n => n.instance))
    const created = notes.filter(n => n.what === 'create' && n.outcome === 'acknowledged')
    return created.flatMap(n => (n.instance !== null && !there.has(n.instance) && !asked.has(n.instance) ? [`${n.instance} is gone`] : []))
  },
  'an acknowledged delete is done': ({ notes, instances }) => {
    const deleted = new Set(notes.filter(n => n.what === 'delete' && n.outcome === 'acknowledged').map(n => n.instance))
    return instances.flatMap(i => (deleted.has(i.id) ? [`${i.id} is ${i.status}`] : []))
  },
  'an acknowledged request becomes an operation': ({ notes }) =>
    notes.flatMap(n => (n.outcome === 'lost' ? [`${n.what} of ${n.instance}, request ${n.detail}`] : [])),
  'every operation ends': ({ openOperations }) => openOperations.map(o => `${o.kind} ${o.id} is open`),
  'no instance is left between states': ({ instances }) =>
    instances.flatMap(i => (i.status === 'BUILD' || i.status === 'UNKNOWN' ? [`${i.id} is ${i.status}`] : [])),
  'nothing is done twice': ({ effects }) =>
    [...effects].flatMap(([host, done]) => {
      const seen = new Set<string>()
      return done.flatMap(({ instance, method, order }) => {
        const key = `${instance} ${method} ${order}`
        const again = seen.has(key)
        seen.add(key)
        return again ? [`${method} ${order} of ${instance} on ${host}`] : []
      })
    }),
  'an instance runs in one place': ({ effects, lapses }) => {
    const commands = [...effects].flatMap(([host, done]) => done.map(effect => ({ ...effect, host })))
    const all = [...commands, ...lapses.map(lapse => ({ ...lapse, method: 'lapse' as const }))]
    // Of the same moment an end comes first: two hosts' effects of one millisecond have no order.
    const inTime = all.toSorted((a, b) => a.at - b.at || Number(ENDS_RUN.has(b.method)) - Number(ENDS_RUN.has(a.method)))
    const running = new Map<string, string>()
    return inTime.flatMap(({ instance, method, host, at }) => {
      const where = running.get(instance)
      if (ENDS_RUN.has(method) && where === host) running.delete(instance)
      if (!BEGINS_RUN.has(method)) return []
      running.set(instance, host)
      return where !== undefined && where !== host ? [`${instance} ran on ${where} when ${method} was done on ${host} at ${at}`] : []
    })
  },
  'a guest is where its instance is': ({ instances, guests }) => {
    const holders = new Map<string, string[]>()
    for (const [host, there] of guests) for (const { id } of there) holders.set(id, [...(holders.get(id) ?? []), host])
    const missing = instances.flatMap(({ id, host, status }) => {
      const where = holders.get(id) ?? []
      if (host === null || status === 'ERROR') return []
      if (!where.includes(host)) return [`${id} is on ${host} and has no guest there`]
      return where.length > (status === ON_TWO_HOSTS ? 2 : 1) ? [`${id} has guests on ${where.join(' and ')}`] : []
    })
    const known = new Set(instances.map(i => i.id))
    const strangers = [...holders].flatMap(([id, where]) => (known.has(id) ? [] : [`guest ${id} on ${where.join(', ')} belongs to nobody`]))
    return [...missing, ...strangers]
  },
  'what is active runs': ({ instances, guests }) => {
    const running = new Set([...guests].flatMap(([host, there]) => there.flatMap(({ id, power }) => (power === 'running' ? [`${id} ${host}`] : []))))
    return instances.flatMap(({ id, status, host }) =>
      status === 'ACTIVE' && !running.has(`${id} ${host}`) ? [`${id} does not run on ${host}`] : [],
    )
  },
  'what is highly available stays active': ({ notes, instances }) => {
    const deleted = new Set(notes.filter(n => n.what === 'delete').map(n => n.instance))
    const was = new Set(notes.filter(n => n.what === 'seen' && n.detail === HIGHLY_AVAILABLE && !deleted.has(n.instance)).map(n => n.instance))
    return instances.flatMap(({ id, status }) => (was.has(id) && status !== 'ACTIVE' ? [`${id} is ${status}`] : []))
  },
  'what a client saw end has ended': ({ notes }) => {
    const over = new Map<string, string>()
    return notes.flatMap(({ client, what, instance, outcome, detail }) => {
      if (what !== 'seen' || detail === HIGHLY_AVAILABLE) return []
      const thing = detail === '' ? `instance ${instance}` : `operation ${detail}`
      const key = `${client} ${thing}`
      const before = over.get(key)
      if (before === undefined && (outcome === 'ended' || outcome === 'gone')) over.set(key, outcome)
      return before !== undefined && before !== outcome ? [`client ${client} saw ${thing} ${before}, then ${outcome}`] : []
    })
  },
  'allocations equal instances': ({ instances, hosts }) => {
    const expected = instances.reduce((sum, i) => sum + (i.status === ON_TWO_HOSTS ? 2 : i.host === null ? 0 : 1), 0)
    const held = hosts.reduce((sum, h) => sum + h.claims, 0)
    return expected === held ? [] : [`${held} claims are held for ${expected}`]
  },
}

export const RULE_NAMES: readonly string[] = Object.keys(RULES)

export const judge = (evidence: Evidence): Violation[] =>
  Object.entries(RULES).flatMap(([rule, find]) => find(evidence).map(what => ({ rule, what })))
