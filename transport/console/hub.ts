/**
 * What a gateway shows, once for all its clients: a query that a thousand clients watch is read once, changed once, and made into text
 * once. Rows of views change by what the conductors' feeds tell; after a take-over, or when a feed has forgotten, they are read again and
 * only what is different counts, so clients notice nothing but the truth. Small tables without a view are looked at every so often.
 */
import { type ClusterApi, type LogsBody, MOST_LINES } from '../../actors/api.ts'
import type { Env, Timer } from '../../actors/kernel/env.ts'
import { BatonError, toFault } from '../../actors/kernel/errors.ts'
import type { ShardMap } from '../../actors/kernel/ports.ts'
import type { EventItem } from '../console-client/topics.ts'
import { type Channel, createItems, createRows, type Items, type Rows } from './channel.ts'
import { createConsoleTail } from './console-tail.ts'
import type { FeedChange } from './feed.ts'
import { isRole, keyOf, logsOf, type Query, TABLES, viewOf } from './queries.ts'
import { createSlots } from './reading.ts'
import { createRounds } from './rounds.ts'
import { alertRows, clusterRow, eventOf, ownership, shardRows } from './told.ts'
import { createWindow, type Difference, type Row, type Window } from './window.ts'

export interface HubLimits {
  /** Different queries held. */
  readonly queries: number
  /** Rows held in all of them. */
  readonly rows: number
  /** A query that nobody watches is kept for so long, for those who come back, ms. */
  readonly keepMs: number
  /** Pause between two looks at a table without a view, and at a console, ms. */
  readonly lookMs: number
  readonly events: number
  readonly consoleBytes: number
  /** Lines of logs kept for who comes back, and characters of them. */
  readonly lines: number
  readonly lineChars: number
  /** Reads at a time, and the pause between two of the same query, ms. */
  readonly reads: number
  readonly rereadMs: number
  /** Changes of so long are told together, ms; longer when telling takes long, so that it takes half of the time at most. */
  readonly gatherMs: number
}

export const HUB_LIMITS: HubLimits = {
  queries: 5000,
  rows: 400_000,
  keepMs: 60_000,
  lookMs: 1000,
  events: 2000,
  consoleBytes: 64 * 1024,
  lines: 2000,
  lineChars: 1024 * 1024,
  reads: 4,
  rereadMs: 500,
  gatherMs: 10,
}

export interface HubOptions {
  readonly env: Env
  readonly api: ClusterApi
  map(): ShardMap
  readonly limits?: Partial<HubLimits>
  /** Somebody watches what only the feeds tell: follow them from now on. */
  follow(): void
}

export interface Subscription {
  readonly channel: Channel
  close(): void
}

export interface Hub {
  /** Resolves when there is something to show. Rejects as the read does, or `Overloaded`. `onChange` must not throw. */
  open(query: Query, onChange: () => void): Promise<Subscription>
  changed(changes: readonly FeedChange[]): void
  /** What the feeds told may be incomplete; `why` is null when they only begin. */
  anew(why: string | null): void
  mapChanged(): void
  stats(): { readonly queries: number; readonly rows: number; readonly reads: number }
  stop(): void
}

interface Held {
  readonly query: Query
  readonly key: string
  readonly channel: Channel
  /** Rows held, where they are more than those that are shown. */
  size?(): number
  /** Called with what changed in a view. */
  row?(table: string, row: Row): void
  event?(event: EventItem): void
  /** Reads it (again). */
  refresh(): Promise<void>
  readonly watchers: Set<() => void>
  /** Resolves after the first read. */
  ready: Promise<void>
  usedMs: number
  timer: Timer | null
}

/** A read that failed is tried again after so long, ms. */
const RETRY_MS = 1000
const SWEEP_MS = 5000

export function createHub(options: HubOptions): Hub {
  const { env, api, map } = options
  const limits: HubLimits = { ...HUB_LIMITS, ...options.limits }
  const held = new Map<string, Held>()
  /** Those that a change of a view may be about: by the id they are about, or of any, by what they are of. */
  const aboutOne = new Map<string, Set<Held>>()
  const aboutMany = new Map<string, Set<Held>>()
  const rounds = createRounds<Held>(env, limits.gatherMs, h => h.watchers)
  const slots = createSlots(limits.reads)
  let reads = 0
  let stopped = false
  let owned = ownership(map())
  let sweeper = env.setTimer(SWEEP_MS, sweep)

  function sweep(): void {
    const beforeMs = env.monotonicMs() - limits.keepMs
    for (const h of held.values()) if (h.watchers.size === 0 && h.usedMs < beforeMs) drop(h)
    if (!stopped) sweeper = env.setTimer(SWEEP_MS, sweep)
  }

  function keep(h: Held): void {
    held.set(h.key, h)
    const { id } = h.query.params
    if (id === undefined) setIn(aboutMany, whatOf(h)).add(h)
    else setIn(aboutOne, id).add(h)
  }

  function drop(h: Held): void {
    h.timer?.cancel()
    if (held.get(h.key) === h) held.delete(h.key)
    rounds.drop(h)
    aboutMany.get(whatOf(h))?.delete(h)
    const { id = '' } = h.query.params
    const others = aboutOne.get(id)
    if (others?.delete(h) && others.size === 0) aboutOne.delete(id)
  }

  const rowsHeld = (): number => [...held.values()].reduce((sum, h) => sum + (h.size?.() ?? h.channel.size()), 0)

  function makeRoom(): void {
    const unused = [...held.values()].filter(h => h.watchers.size === 0).toSorted((a, b) => a.usedMs - b.usedMs)
    while (held.size >= limits.queries || rowsHeld() > limits.rows) {
      const oldest = unused.shift()
      if (!oldest) throw new BatonError('Overloaded', `this gateway shows ${held.size} different queries already`, { retryAfterMs: 5000 })
      drop(oldest)
    }
  }

  /** One read at a time, however often it is wanted; one more after a pause when it was wanted meanwhile. */
  function paced(of: () => Held, read: () => Promise<void>): () => Promise<void> {
    let running: Promise<void> | null = null
    let again = false
    return () => {
      if (running) {
        again = true
        return running
      }
      reads++
      running = slots.run(read).finally(() => {
        running = null
        if (!again) return
        again = false
        env.setTimer(limits.rereadMs, () => reread(of()))
      })
      return running
    }
  }

  function retry(h: Held): void {
    h.timer?.cancel()
    h.timer = env.setTimer(RETRY_MS, () => reread(h))
  }

  /** For as long as it takes: those who watch keep what they have meanwhile. */
  function reread(h: Held): void {
    if (stopped || held.get(h.key) !== h) return
    h.refresh().catch(error => {
      env.log.debug({ query: h.key, fault: toFault(error) }, 'a watched query could not be read')
      retry(h)
    })
  }

  function viewed(query: Query, key: string): Held {
    const rows: Rows = createRows(env.uuid())
    const view = viewOf(api, query)
    const window: Window = createWindow(view.spec)
    function apply({ set, gone, reread: isDue }: Difference): void {
      if (rows.change(set, gone)) rounds.add(h)
      if (isDue) reread(h)
    }
    const h: Held = base(query, key, rows, async () => {
      window.readBegins()
      apply(window.readEnds(await view.read()))
    })
    h.size = window.size
    h.row = (table, row) => {
      if (table === TABLES[query.topic]) apply(window.change(row))
    }
    return h
  }

  /** Looks at a table every `everyMs` while somebody watches. */
  function polled(query: Query, key: string, everyMs: number, look: () => Promise<readonly { readonly id: string }[]>): Held {
    const rows: Rows = createRows(env.uuid())
    const h: Held = base(query, key, rows, async () => {
      h.timer?.cancel()
      const set = new Map((await look()).map(row => [row.id, JSON.stringify(row)]))
      const gone = [...rows.ids()].filter(id => !set.has(id))
      if (rows.change(set, gone)) rounds.add(h)
      if (h.watchers.size > 0 && !stopped) h.timer = env.setTimer(everyMs, () => reread(h))
    })
    return h
  }

  function eventful(query: Query, key: string): Held {
    const items: Items = createItems(env.uuid(), limits.events)
    const h: Held = base(query, key, items, async () => {})
    const { subject, kind, project } = query.params
    const owner = query.project ?? project
    h.event = event => {
      const isAbout = subject === undefined || event.id === subject || event.id.startsWith(`${subject}.`)
      // That there may be a gap is for everybody to know.
      if (event.kind !== 'gateway' && (!isAbout || (kind !== undefined && event.kind !== kind) || (owner !== undefined && event.project !== owner)))
        return
      items.push(JSON.stringify(event))
      rounds.add(h)
    }
    return h
  }

  function console(query: Query, key: string): Held {
    const items: Items = createItems(env.uuid(), 1000, limits.consoleBytes * 2)
    const next = createConsoleTail()
    const h: Held = base(query, key, items, async () => {
      h.timer?.cancel()
      const { output } = await api.consoleLog({ id: query.params.id ?? '', maxBytes: limits.consoleBytes })
      const item = next(output)
      if (item) {
        items.push(JSON.stringify(item))
        rounds.add(h)
      }
      if (h.watchers.size > 0 && !stopped) h.timer = env.setTimer(limits.lookMs, () => reread(h))
    })
    return h
  }

  /** Each node says from where on it is to be asked the next time, so no line comes twice. */
  function logs(query: Query, key: string): Held {
    const items: Items = createItems(env.uuid(), limits.lines, limits.lineChars)
    let after: LogsBody['upTo'] = {}
    const h: Held = base(query, key, items, async () => {
      h.timer?.cancel()
      const isFirst = Object.keys(after).length === 0
      const { lines, upTo } = await api.listLogs({ ...logsOf(query.params), after, ...(isFirst ? {} : { limit: MOST_LINES }) })
      after = upTo
      for (const line of lines) items.push(JSON.stringify(line))
      if (lines.length > 0) rounds.add(h)
      if (h.watchers.size > 0 && !stopped) h.timer = env.setTimer(limits.lookMs, () => reread(h))
    })
    return h
  }

  function base(query: Query, key: string, channel: Channel, read: () => Promise<void>): Held {
    const refresh = paced(() => h, read)
    const h: Held = { query, key, channel, refresh, watchers: new Set(), ready: Promise.resolve(), usedMs: env.monotonicMs(), timer: null }
    return h
  }

  function made(query: Query, key: string): Held {
    switch (query.topic) {
      case 'events':
        return eventful(query, key)
      case 'console':
        return console(query, key)
      case 'logs':
        return logs(query, key)
      case 'nodes':
        return polled(query, key, limits.lookMs, () => api.listNodes(rolesIn(query)))
      case 'queues':
        return polled(query, key, limits.lookMs, async () =>
          (await api.listQueues({})).map(queue => ({ id: `${queue.node}/${queue.queue}`, ...queue })),
        )
      case 'cluster':
        return polled(query, key, limits.lookMs * 2, async () => [clusterRow(await api.status({ roles: [] }))])
      case 'alerts':
        return polled(query, key, limits.lookMs * 2, async () => alertRows(await api.listAlerts({})))
      case 'shards':
        return polled(query, key, 60_000, async () => shardRows(map()))
      default:
        return viewed(query, key)
    }
  }

  function emit(event: EventItem): void {
    for (const h of aboutMany.get('events') ?? []) h.event?.(event)
  }

  return {
    async open(query, onChange) {
      if (stopped) throw new BatonError('Unavailable', 'this gateway is shutting down')
      const key = keyOf(query)
      let h = held.get(key)
      if (!h) {
        makeRoom()
        h = made(query, key)
        keep(h)
        if (h.row || h.event) options.follow()
        const fresh = h
        h.ready = h.refresh()
        h.ready.catch(() => held.get(key) === fresh && drop(fresh))
      } else if (h.watchers.size === 0 && !h.row && !h.event) reread(h)
      const mine = h
      mine.watchers.add(onChange)
      const close = (): void => {
        mine.usedMs = env.monotonicMs()
        mine.watchers.delete(onChange)
      }
      try {
        await mine.ready
      } catch (error) {
        close()
        throw error
      }
      return { channel: mine.channel, close }
    },
    changed(changes) {
      const isEvent = (aboutMany.get('events')?.size ?? 0) > 0
      // Of rows the newest counts: what of one batch is out of date by the same batch is an event at most.
      const newest = new Map(changes.map(change => [`${change.table}/${change.id}`, change]))
      for (const change of changes) {
        const { id, table, json } = change
        if (!isEvent && newest.get(`${table}/${id}`) !== change) continue
        const one = aboutOne.get(id)
        const many = table === null ? undefined : aboutMany.get(table)
        if (!one && !many?.size && !isEvent) continue
        const body: object | null = json === null ? null : JSON.parse(json)
        const rev = Number(body ? Reflect.get(body, 'rev') : 0)
        if (body && table !== null && json !== null) {
          const row: Row = { id, rev, body, json }
          for (const h of many ?? []) h.row?.(table, row)
          for (const h of one ?? []) h.row?.(table, row)
        }
        if (isEvent) emit(eventOf(change, body, rev))
      }
    },
    anew(why) {
      for (const h of held.values()) if (h.row) reread(h)
      if (why !== null)
        emit({ at: env.wallMs(), kind: 'gateway', id: 'feed', project: null, types: ['gap'], rev: 0, state: `events may be missing here: ${why}` })
    },
    mapChanged() {
      const before = owned
      owned = ownership(map())
      for (const h of held.values()) if (h.query.topic === 'shards') reread(h)
      for (const [node, count] of owned) {
        const had = before.get(node) ?? 0
        const state = `owns ${count} shards (${count > had ? '+' : ''}${count - had})`
        if (count !== had) emit({ at: env.wallMs(), kind: 'conductor', id: node, project: null, types: ['shards'], rev: 0, state })
      }
      for (const [node, had] of before)
        if (!owned.has(node))
          emit({ at: env.wallMs(), kind: 'conductor', id: node, project: null, types: ['gone'], rev: 0, state: `owned ${had} shards` })
    },
    stats: () => ({ queries: held.size, rows: rowsHeld(), reads }),
    stop() {
      stopped = true
      sweeper.cancel()
      rounds.stop()
      for (const h of [...held.values()]) drop(h)
    },
  }
}

/** The table whose rows it shows, or its topic. */
const whatOf = ({ query: { topic } }: Held): string => TABLES[topic] ?? topic

function setIn<K, V>(map: Map<K, Set<V>>, key: K): Set<V> {
  const known = map.get(key)
  if (known) return known
  const fresh = new Set<V>()
  map.set(key, fresh)
  return fresh
}

const rolesIn = ({ params: { role } }: Query) => (role !== undefined && isRole(role) ? { roles: [role] } : {})
