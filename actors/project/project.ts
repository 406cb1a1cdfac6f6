/**
 * A project: its limits, and who holds how much of them.
 *
 * Usage is never counted up and down. It is the sum over a map from holder (an instance, say) to amounts, so whatever is said twice
 * changes nothing the second time. An entry is made in three moves, and a crash between any two of them leaves nothing behind:
 *
 *   1. `reserve`: before anything is made, all holders of a request are entered at once, or none, under one new *number*.
 *   2. The holder takes the number, in the same event that makes or grows it. From then on what it needs less of, it gives back
 *      by itself (`settle`), as work derived from its own state.
 *   3. Whoever asked says `confirm`. If nobody does, because he died, a timer runs out and the holder itself is asked what it
 *      `holds`. Being asked, it refuses to take that number ever after; so its answer stays true, and what it holds is entered. A
 *      holder that grows is asked in any case: its entry may still contain what an earlier reservation meant for it and it never took.
 *
 * Numbers only grow, and whatever speaks of an older number than the entry's comes too late and is ignored: the newer number is either
 * taken by the holder, which then says what it needs under that one, or checked as in 3.
 */
import { parseAddress } from '../kernel/address.ts'
import { type BucketMap, emptyMap, entries, get, remove, set } from '../kernel/bucket-map.ts'
import { checkObject, flag, integer, listOf, optional, record, text } from '../kernel/check.ts'
import { accept, type DecideContext, type Decision, defineActor, refuse, type Work, type WorkResult } from '../kernel/define.ts'
import { type Amounts, isResource, LIMIT_MAX, type Limits, largest, minus, plus, RESOURCES, type Resource, UNLIMITED } from '../kernel/quota.ts'

export interface ProjectSettings {
  /** Of projects that have none of their own, for who does not say others. */
  readonly limits: Limits
  /** How long a reservation may stay unconfirmed before its holders are asked, ms. */
  readonly checkMs: number
}

export interface Entry {
  readonly amounts: Amounts
  /** Of the newest reservation it was part of. */
  readonly number: number
}

/** A reservation of which nobody has said yet that its holders took it. */
interface Pending {
  readonly holders: readonly string[]
  /** Cluster time, ms. */
  readonly since: number
  /** Whether some holder had an entry before: then the entry may be larger than what that holder took, and it is asked in any case. */
  readonly again: boolean
  /** Whether its holders are being asked. */
  readonly doubted: boolean
}

export interface ProjectState {
  /** Only those that were set. */
  readonly limits: Amounts
  /** Of the newest reservation. */
  readonly number: number
  /** By address key of the holder. */
  readonly entries: BucketMap<Entry>
  /** The sum over `entries`. */
  readonly used: Amounts
  /** By number. */
  readonly pending: Readonly<Record<string, Pending>>
}

/** The limits of projects that have none of their own, as they are now. */
interface WithDefaults {
  readonly defaults?: Limits
}

type ProjectCommand =
  | { readonly method: 'reserve'; readonly args: { readonly holders: readonly string[]; readonly amounts: Amounts } & WithDefaults }
  | { readonly method: 'confirm'; readonly args: { readonly numbers: readonly number[] } }
  /** What was reserved may not have been taken: ask now instead of later. */
  | { readonly method: 'doubt'; readonly args: { readonly number: number } }
  /** A holder says what it needs from now on; null when it is gone. */
  | { readonly method: 'settle'; readonly args: { readonly holder: string; readonly number: number; readonly amounts: Amounts | null } }
  | { readonly method: 'setLimits'; readonly args: { readonly limits: Amounts; readonly force?: boolean } & WithDefaults }
  | { readonly method: 'resetLimits' | 'get'; readonly args: WithDefaults }
  /** Entries in the order of their holders, after `after`; or only those of `only`. */
  | { readonly method: 'entries'; readonly args: { readonly limit: number; readonly after?: string; readonly only?: readonly string[] } }
  | { readonly method: '@result'; readonly args: WorkResult }
  | { readonly method: '@timer'; readonly args: { readonly key: string } }

type ProjectEvent =
  | { readonly type: 'reserved'; readonly number: number; readonly holders: readonly string[]; readonly amounts: Amounts }
  | { readonly type: 'confirmed'; readonly numbers: readonly number[] }
  | { readonly type: 'doubted'; readonly number: number }
  /** A holder was asked, and holds so much. */
  | { readonly type: 'checked'; readonly number: number; readonly holder: string; readonly amounts: Amounts | null }
  | { readonly type: 'settled'; readonly number: number; readonly holder: string; readonly amounts: Amounts | null }
  | { readonly type: 'limitsSet'; readonly limits: Amounts }

type D = Decision<ProjectState, ProjectEvent>

/** Holders asked at the same time. */
const CHECKS_AT_ONCE = 32
/** As many instances as one request may create. */
const HOLDERS_MAX = 10_000
/** Reservations confirmed by one command, at most. */
export const CONFIRMS_MAX = 1000
export const ENTRIES_PAGE = 1000

const checkKey = (number: number, holder: string): string => `check:${number}:${holder}`
const CHECK_KEY = /^check:(\d+):(.+)$/s
const doubtKey = (number: string | number): string => `doubt:${number}`

export const usedOf = (state: ProjectState, resource: Resource): number => state.used[resource] ?? 0

export function projectActor(settings: ProjectSettings) {
  const limitsOf = (state: ProjectState, { defaults = settings.limits }: WithDefaults): Limits => ({ ...defaults, ...state.limits })

  const bodyOf = (state: ProjectState, id: string, args: WithDefaults) => ({
    id,
    limits: limitsOf(state, args),
    defaults: args.defaults ?? settings.limits,
    used: Object.fromEntries(RESOURCES.map(resource => [resource, usedOf(state, resource)])),
  })

  function decide(state: ProjectState, command: ProjectCommand, { id }: DecideContext): D {
    switch (command.method) {
      case 'reserve':
        return decideReserve(state, command.args, limitsOf(state, command.args), id)
      case 'confirm':
        return decideConfirm(state, command.args.numbers)
      case 'doubt':
        return decideDoubt(state, command.args.number)
      case 'settle':
        return decideSettle(state, command.args)
      case 'setLimits':
        return decideLimits(state, command.args.limits, command.args.force ?? false, s => bodyOf(s, id, command.args))
      case 'resetLimits':
        return accept(Object.keys(state.limits).length > 0 ? [{ type: 'limitsSet', limits: {} }] : [], s => bodyOf(s, id, command.args))
      case 'get':
        return accept([], s => bodyOf(s, id, command.args))
      case 'entries':
        return accept([], s => entriesOf(s, command.args))
      case '@result':
        return decideResult(state, command.args)
      case '@timer':
        return decideDoubt(state, Number(command.args.key.slice(doubtKey('').length)))
    }
  }

  function work(state: ProjectState, id: string): Work[] {
    const found: Work[] = []
    let timed = false
    let asked = 0
    for (const [number, { holders, since, doubted }] of Object.entries(state.pending)) {
      if (!doubted) {
        // They come in the order of their numbers, so the first is the first to run out.
        if (!timed) found.push({ type: 'timer', key: doubtKey(number), at: since + settings.checkMs })
        timed = true
        continue
      }
      for (const holder of holders.slice(0, CHECKS_AT_ONCE - asked)) {
        const args = { project: id, number: Number(number) }
        found.push({ type: 'call', key: checkKey(Number(number), holder), to: parseAddress(holder), method: 'holds', args })
        asked++
      }
    }
    return found
  }

  const number = integer(1, Number.MAX_SAFE_INTEGER)
  const amounts = checkObject(Object.fromEntries(RESOURCES.map(resource => [resource, optional(integer(0, Number.MAX_SAFE_INTEGER))])))
  const defaults = optional(checkObject(Object.fromEntries(RESOURCES.map(resource => [resource, integer(UNLIMITED, LIMIT_MAX)]))))
  const holder = text(300)

  return defineActor<ProjectState, ProjectCommand, ProjectEvent>({
    kind: 'project',
    version: 1,
    methods: {
      reserve: { check: checkObject({ holders: listOf(holder, HOLDERS_MAX), amounts, defaults }) },
      confirm: { check: checkObject({ numbers: listOf(number, CONFIRMS_MAX) }) },
      doubt: { check: checkObject({ number }) },
      settle: { check: checkObject({ holder, number, amounts: optional(amounts) }) },
      setLimits: { check: checkObject({ limits: record, force: optional(flag), defaults }) },
      resetLimits: { check: checkObject({ defaults }) },
      get: { check: checkObject({ defaults }), reads: true },
      entries: {
        check: checkObject({ limit: integer(1, ENTRIES_PAGE), after: optional(text(300, 0)), only: optional(listOf(holder, ENTRIES_PAGE)) }),
      },
    },
    initial: () => ({ limits: {}, number: 0, entries: emptyMap, used: {}, pending: {} }),
    decide,
    evolve,
    work,
    view: () => null,
    finished: () => false,
  })
}

const needOf = (entry: Entry | undefined, amounts: Amounts): Amounts => largest(entry?.amounts ?? {}, amounts)

/** All of them or none. Who is entered already pays for the difference only, so a request that comes again is free. */
function decideReserve(state: ProjectState, args: { holders: readonly string[]; amounts: Amounts }, limits: Limits, id: string): D {
  const holders = [...new Set(args.holders)]
  let more: Amounts = {}
  for (const holder of holders) {
    const entry = get(state.entries, holder)
    more = plus(more, minus(needOf(entry, args.amounts), entry?.amounts ?? {}))
  }
  const over = RESOURCES.filter(resource => {
    const limit = limits[resource]
    return (more[resource] ?? 0) > 0 && limit !== UNLIMITED && usedOf(state, resource) + (more[resource] ?? 0) > limit
  })
  if (over.length > 0) return exceeded(state, over, more, limits, id)
  return accept([{ type: 'reserved', number: state.number + 1, holders, amounts: args.amounts }], s => ({ number: s.number }))
}

/** The first half in Nova's words, which its clients show; then what to do about it. */
function exceeded(state: ProjectState, over: readonly Resource[], more: Amounts, limits: Limits, id: string): D {
  const list = (of: (resource: Resource) => number) => over.map(of).join(', ')
  const numbers = `requested ${list(r => more[r] ?? 0)}, but already used ${list(r => usedOf(state, r))} of ${list(r => limits[r])}`
  return refuse(
    'QuotaExceeded',
    `Quota exceeded for ${over.join(', ')}: ${numbers} in project ${id}. Delete what is not needed, or have the quota raised.`,
    {
      project: id,
      over: over.map(resource => ({ resource, requested: more[resource] ?? 0, used: usedOf(state, resource), limit: limits[resource] })),
    },
  )
}

function decideConfirm(state: ProjectState, confirmed: readonly number[]): D {
  const numbers = confirmed.filter(number => state.pending[number])
  return accept(numbers.length > 0 ? [{ type: 'confirmed', numbers }] : [])
}

function decideDoubt(state: ProjectState, number: number): D {
  const pending = state.pending[number]
  return accept(pending && !pending.doubted ? [{ type: 'doubted', number }] : [])
}

/** It never makes an entry: what comes late, after the holder was let go, makes nothing of nothing. */
function decideSettle(state: ProjectState, { holder, number, amounts }: { holder: string; number: number; amounts: Amounts | null }): D {
  const entry = get(state.entries, holder)
  return accept(entry && number >= entry.number ? [{ type: 'settled', number, holder, amounts: amounts ?? null }] : [])
}

function decideResult(state: ProjectState, { key, ok, value }: WorkResult): D {
  const [, number = '', holder = ''] = CHECK_KEY.exec(key) ?? []
  if (!state.pending[number]?.holders.includes(holder)) return accept([])
  // A holder that cannot be asked at all (it was set aside) keeps what was reserved for it.
  const amounts = ok ? (value as { held: Amounts | null }).held : (get(state.entries, holder)?.amounts ?? null)
  return accept([{ type: 'checked', number: Number(number), holder, amounts }])
}

function decideLimits(state: ProjectState, wanted: Amounts, force: boolean, reply: (s: ProjectState) => unknown): D {
  for (const [resource, limit] of Object.entries(wanted)) {
    if (!isResource(resource)) return refuse('BadRequest', `there is no quota ${JSON.stringify(resource)}; there are ${RESOURCES.join(', ')}`)
    if (!Number.isSafeInteger(limit) || limit < UNLIMITED) return refuse('BadRequest', `quota limit ${limit} for ${resource} must be -1 or greater`)
    const used = usedOf(state, resource)
    if (limit !== UNLIMITED && limit < used && !force) {
      return refuse(
        'BadRequest',
        `quota limit ${limit} for ${resource} must be greater than or equal to the ${used} already used and reserved; force sets it all the same`,
      )
    }
  }
  const limits = { ...state.limits, ...wanted }
  return accept([{ type: 'limitsSet', limits }], reply)
}

function entriesOf(state: ProjectState, { limit, after = '', only }: { limit: number; after?: string; only?: readonly string[] }) {
  const found = only
    ? only.flatMap(holder => {
        const entry = get(state.entries, holder)
        return entry ? [{ holder, ...entry }] : []
      })
    : entries(state.entries).map(([holder, entry]) => ({ holder, ...entry }))
  const sorted = found.filter(e => e.holder > after).sort((a, b) => (a.holder < b.holder ? -1 : 1))
  return { entries: sorted.slice(0, limit) }
}

function evolve(state: ProjectState, event: ProjectEvent, at: number): ProjectState {
  switch (event.type) {
    case 'reserved': {
      const { number, holders, amounts } = event
      const again = holders.some(holder => get(state.entries, holder) !== undefined)
      const entered = holders.reduce((s, holder) => enter(s, holder, { amounts: needOf(get(s.entries, holder), amounts), number }), state)
      return { ...entered, number, pending: { ...entered.pending, [number]: { holders, since: at, again, doubted: false } } }
    }
    case 'confirmed':
      return { ...state, pending: confirmed(state.pending, event.numbers) }
    case 'doubted': {
      const pending = state.pending[event.number]
      return pending ? { ...state, pending: { ...state.pending, [event.number]: { ...pending, doubted: true } } } : state
    }
    case 'checked': {
      const asked = clear(state, event.number, event.holder)
      // A newer reservation has the last word.
      if (get(state.entries, event.holder)?.number !== event.number) return asked
      return enter(asked, event.holder, event.amounts && { amounts: event.amounts, number: event.number })
    }
    case 'settled': {
      const { holder, number, amounts } = event
      // Whoever settles under a number has taken it: there is no need to ask.
      return enter(clear(state, number, holder), holder, amounts && { amounts, number })
    }
    case 'limitsSet':
      return { ...state, limits: event.limits }
  }
}

/** The one place in which an entry changes, and with it the sum. */
function enter(state: ProjectState, holder: string, entry: Entry | null): ProjectState {
  const before = get(state.entries, holder)?.amounts ?? {}
  return {
    ...state,
    entries: entry ? set(state.entries, holder, entry) : remove(state.entries, holder),
    used: plus(minus(state.used, before), entry?.amounts ?? {}),
  }
}

/** Of those whose holders had entries before, it is now certain that they have taken it, so they can be asked. */
function confirmed(pending: ProjectState['pending'], numbers: readonly number[]): ProjectState['pending'] {
  const grown = numbers.flatMap(number => {
    const one = pending[number]
    return one?.again ? [[number, { ...one, doubted: true }] as const] : []
  })
  return { ...without(pending, numbers), ...Object.fromEntries(grown) }
}

function without(pending: ProjectState['pending'], numbers: readonly number[]): ProjectState['pending'] {
  const rest = { ...pending }
  for (const number of numbers) delete rest[number]
  return rest
}

/** This holder of that reservation need not be asked any more. */
function clear(state: ProjectState, number: number, holder: string): ProjectState {
  const pending = state.pending[number]
  if (!pending?.holders.includes(holder)) return state
  const holders = pending.holders.filter(h => h !== holder)
  return { ...state, pending: holders.length === 0 ? without(state.pending, [number]) : { ...state.pending, [number]: { ...pending, holders } } }
}
