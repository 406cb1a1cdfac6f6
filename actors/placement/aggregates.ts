/**
 * All host aggregates, as one actor. They are few and change seldom; and that a host is in one availability zone at most is a
 * matter between aggregates, so one writer has to see them all. A zone is nothing but an aggregate's metadata `availability_zone`.
 */
import { checkObject, integer, optional, record, text } from '../kernel/check.ts'
import { accept, type Decision, defineActor, refuse } from '../kernel/define.ts'
import { type AggregateBody, DEFAULT_ZONE, ZONE_KEY } from './bodies.ts'
import { zoneOf } from './zones.ts'

/** The id of the one actor. */
export const ALL = 'all'
/** Aggregates, and hosts in one of them. */
const MAX_AGGREGATES = 1000
const MAX_HOSTS = 10_000
const MAX_METADATA = 128

interface AggregatesState {
  /** By id, oldest first. */
  readonly aggregates: readonly AggregateBody[]
  /** Of the next one; never used twice. */
  readonly nextId: number
  readonly createdAt: number
  readonly updatedAt: number
}

type Changes = Readonly<Record<string, string | null>>

type AggregatesCommand =
  | { readonly method: 'create'; readonly args: { readonly uuid: string; readonly name: string; readonly zone?: string } }
  | { readonly method: 'update'; readonly args: { readonly id: number; readonly name?: string; readonly zone?: string } }
  | { readonly method: 'setMetadata'; readonly args: { readonly id: number; readonly metadata: Changes } }
  | { readonly method: 'addHost' | 'removeHost'; readonly args: { readonly id: number; readonly host: string } }
  | { readonly method: 'delete'; readonly args: { readonly id: number } }
  | { readonly method: 'list'; readonly args: unknown }

type AggregatesEvent =
  | { readonly type: 'created'; readonly id: number; readonly uuid: string; readonly name: string; readonly metadata: AggregateBody['metadata'] }
  | { readonly type: 'changed'; readonly id: number; readonly name: string; readonly metadata: AggregateBody['metadata'] }
  | { readonly type: 'hostAdded' | 'hostRemoved'; readonly id: number; readonly host: string }
  | { readonly type: 'deleted'; readonly id: number }

type D = Decision<AggregatesState, AggregatesEvent>

const byId = (state: AggregatesState, id: number): AggregateBody | undefined => state.aggregates.find(a => a.id === id)

const zoneProblem = (zone: string): string | null =>
  zone.trim() === '' || zone.length > 255 || zone.includes(':')
    ? `${JSON.stringify(zone)} is no name of a zone: 1 to 255 characters without ":"`
    : null

function decide(state: AggregatesState, command: AggregatesCommand): D {
  if (command.method === 'list') return accept([], s => s.aggregates)
  if (command.method === 'create') return decideCreate(state, command.args)
  const { id } = command.args
  const aggregate = byId(state, id)
  if (!aggregate) return refuse('NotFound', `there is no aggregate ${id}; \`baton aggregate list\` shows those there are`)
  const reply = (s: AggregatesState) => byId(s, id)
  switch (command.method) {
    case 'update': {
      const { name = aggregate.name, zone } = command.args
      if (state.aggregates.some(a => a.name === name && a.id !== id)) return refuse('Conflict', `an aggregate named ${name} exists already`)
      return decideMetadata(state, aggregate, name, zone === undefined ? {} : { [ZONE_KEY]: zone })
    }
    case 'setMetadata':
      return decideMetadata(state, aggregate, aggregate.name, command.args.metadata)
    case 'addHost': {
      const { host } = command.args
      if (aggregate.hosts.includes(host)) return refuse('Conflict', `host ${host} is in aggregate ${aggregate.name} already`)
      if (aggregate.hosts.length >= MAX_HOSTS) return refuse('Forbidden', `aggregate ${aggregate.name} has ${MAX_HOSTS} hosts already`)
      const clash = zoneClash(state, { ...aggregate, hosts: [host] })
      return clash ?? accept([{ type: 'hostAdded', id, host }], reply)
    }
    case 'removeHost': {
      const { host } = command.args
      if (!aggregate.hosts.includes(host)) return refuse('NotFound', `host ${host} is not in aggregate ${aggregate.name}`)
      return accept([{ type: 'hostRemoved', id, host }], reply)
    }
    case 'delete':
      if (aggregate.hosts.length > 0) {
        return refuse('BadRequest', `aggregate ${aggregate.name} has ${aggregate.hosts.length} hosts; remove them first: ${firstOf(aggregate.hosts)}`)
      }
      return accept([{ type: 'deleted', id }])
  }
}

const firstOf = (hosts: readonly string[]): string => `${hosts.slice(0, 5).join(', ')}${hosts.length > 5 ? ' …' : ''}`

function decideCreate(state: AggregatesState, { uuid, name, zone }: Extract<AggregatesCommand, { method: 'create' }>['args']): D {
  const reply = (s: AggregatesState) => s.aggregates.find(a => a.uuid === uuid)
  const known = state.aggregates.find(a => a.uuid === uuid)
  if (known) return accept([], reply)
  const wrong = zone === undefined ? null : zoneProblem(zone)
  if (wrong) return refuse('BadRequest', wrong)
  if (state.aggregates.some(a => a.name === name)) return refuse('Conflict', `an aggregate named ${name} exists already`)
  if (state.aggregates.length >= MAX_AGGREGATES) return refuse('Forbidden', `there are ${MAX_AGGREGATES} aggregates already`)
  const metadata: AggregateBody['metadata'] = zone === undefined ? {} : { [ZONE_KEY]: zone }
  return accept([{ type: 'created', id: state.nextId, uuid, name, metadata }], reply)
}

function decideMetadata(state: AggregatesState, aggregate: AggregateBody, name: string, changes: Changes): D {
  const { id } = aggregate
  const items = Object.entries({ ...aggregate.metadata, ...changes }).filter((item): item is [string, string] => item[1] !== null)
  if (items.length > MAX_METADATA) return refuse('BadRequest', `an aggregate has at most ${MAX_METADATA} items of metadata`)
  const metadata = Object.fromEntries(items)
  const wrong = metadata[ZONE_KEY] === undefined ? null : zoneProblem(metadata[ZONE_KEY])
  if (wrong) return refuse('BadRequest', wrong)
  const clash = zoneClash(state, { ...aggregate, metadata })
  return clash ?? accept([{ type: 'changed', id, name, metadata }], s => byId(s, id))
}

/** A refusal when a host of this aggregate is in another zone by another aggregate. */
function zoneClash(state: AggregatesState, aggregate: AggregateBody): D | null {
  const zone = zoneOf(aggregate)
  if (zone === null) return null
  for (const host of aggregate.hosts) {
    const other = state.aggregates.find(a => a.id !== aggregate.id && a.hosts.includes(host) && (zoneOf(a) ?? zone) !== zone)
    if (other) {
      const where = `host ${host} is in zone ${zoneOf(other) ?? DEFAULT_ZONE} by aggregate ${other.name}`
      return refuse('Conflict', `${where}, so it cannot be in zone ${zone} too; remove it from there first`)
    }
  }
  return null
}

const changed = (state: AggregatesState, id: number, at: number, change: (a: AggregateBody) => Partial<AggregateBody>): AggregatesState => ({
  ...state,
  aggregates: state.aggregates.map(a => (a.id === id ? { ...a, ...change(a), updatedAt: at } : a)),
})

function evolve(before: AggregatesState, event: AggregatesEvent, at: number): AggregatesState {
  const state = { ...before, createdAt: before.createdAt || at, updatedAt: at }
  switch (event.type) {
    case 'created': {
      const { id, uuid, name, metadata } = event
      const aggregate = { id, uuid, name, metadata, hosts: [], createdAt: at, updatedAt: at }
      return { ...state, aggregates: [...state.aggregates, aggregate], nextId: id + 1 }
    }
    case 'changed':
      return changed(state, event.id, at, () => ({ name: event.name, metadata: event.metadata }))
    case 'hostAdded':
      return changed(state, event.id, at, a => ({ hosts: [...a.hosts, event.host].sort() }))
    case 'hostRemoved':
      return changed(state, event.id, at, a => ({ hosts: a.hosts.filter(host => host !== event.host) }))
    case 'deleted':
      return { ...state, aggregates: state.aggregates.filter(a => a.id !== event.id) }
  }
}

const id = integer(1, Number.MAX_SAFE_INTEGER)
const byHost = checkObject({ id, host: text(128) })

export const aggregatesActor = defineActor<AggregatesState, AggregatesCommand, AggregatesEvent>({
  kind: 'aggregates',
  version: 1,
  methods: {
    create: { check: checkObject({ uuid: text(128), name: text(255), zone: optional(text(255)) }) },
    update: { check: checkObject({ id, name: optional(text(255)), zone: optional(text(255)) }) },
    setMetadata: { check: checkObject({ id, metadata: record }) },
    addHost: { check: byHost },
    removeHost: { check: byHost },
    delete: { check: checkObject({ id }) },
    list: { reads: true },
  },
  initial: () => ({ aggregates: [], nextId: 1, createdAt: 0, updatedAt: 0 }),
  decide,
  evolve,
  work: () => [],
  /** One row with all of them: what schedulers read when they begin. */
  view(state, id) {
    if (state.createdAt === 0) return null
    return { table: 'aggregates', id, columns: { created_at: state.createdAt, updated_at: state.updatedAt }, body: { aggregates: state.aggregates } }
  },
  finished: () => false,
})
