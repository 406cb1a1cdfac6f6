/**
 * A disk that can be attached to one instance at a time. It is a file of one host, made when it is first attached, and stays there when it
 * is detached or its instance deleted; so it can be attached only to instances on that host.
 *
 * That two instances never have it is decided here: an operation asks for the disk before it tells any host. A request may be sent
 * more than once and a copy may come late, even after the disk was given back. So giving back leaves a mark with its rank, and a
 * request of the same instance of no higher rank is refused. An operation may also end without a word; so what was attached is
 * looked after once: an instance that does not know of it any more does not keep it.
 */
import type { DiskBody, InstanceBody } from '../api.ts'
import { address } from '../kernel/address.ts'
import { checkObject, flag, integer, optional, text } from '../kernel/check.ts'
import { accept, type DecideContext, type Decision, defineActor, refuse, type Work, type WorkResult } from '../kernel/define.ts'

/** Pause before the instance is asked whether it has the disk, ms. */
const LOOK_MS = 60_000
/** Pauses between requests to a host to remove the bytes, ms: longer each time. */
const REMOVE_BASE_MS = 1000
const REMOVE_CAP_MS = 600_000
/** Marks kept: instances that had the disk lately. */
const MARKS = 8
export const MAX_DISK_GB = 65_536

interface Mark {
  readonly instance: string
  readonly order: number
}

interface DiskState {
  readonly status: DiskBody['status'] | 'absent'
  readonly sizeGb: number
  readonly host: string
  /** The project it is of; absent in older states. */
  readonly project?: string
  readonly instance: string | null
  /** The operation that made it. */
  readonly madeBy: string
  /** The operation that attached it, until the instance was seen to have it. */
  readonly unsure: string | null
  /** Cluster time of the next look at the instance, ms; looks so far; and whether one is under way. */
  readonly lookAt: number
  readonly looks: number
  readonly looking: boolean
  readonly marks: readonly Mark[]
  readonly removing: { readonly attempt: number; readonly at: number } | null
  readonly createdAt: number
  readonly updatedAt: number
}

interface AttachArgs {
  readonly operation: string
  readonly order: number
  readonly instance: string
  readonly host: string
  readonly sizeGb: number
  /** Of the instance; absent in a request of before. */
  readonly project?: string
}

interface ReleaseArgs {
  readonly instance: string
  readonly order: number
  /** The attach that is taken back; a disk that it made is no more. */
  readonly operation?: string
  /** Whether the disk goes with the instance that gives it back. */
  readonly remove?: boolean
}

type DiskCommand =
  | { readonly method: 'attach'; readonly args: AttachArgs }
  | { readonly method: 'release'; readonly args: ReleaseArgs }
  | { readonly method: 'delete' | 'get'; readonly args: unknown }
  | { readonly method: '@result'; readonly args: WorkResult }
  | { readonly method: '@timer'; readonly args: unknown }

type DiskEvent =
  | {
      readonly type: 'attached'
      readonly instance: string
      readonly operation: string
      readonly host: string
      readonly sizeGb: number
      readonly project?: string
    }
  | { readonly type: 'released'; readonly instance: string; readonly order: number; readonly undone: boolean; readonly removed?: boolean }
  | { readonly type: 'lookBegun' }
  /** The instance has it. */
  | { readonly type: 'seen' }
  /** The operation goes on, or the instance cannot say. */
  | { readonly type: 'looked' }
  | { readonly type: 'deleted' }
  | { readonly type: 'removed' }
  | { readonly type: 'removeFailed' }

type D = Decision<DiskState, DiskEvent>

function decideAttach(state: DiskState, args: AttachArgs, id: string): D {
  const { instance, operation, host, order, project } = args
  const reply = (s: DiskState) => ({ sizeGb: s.sizeGb })
  if (state.status === 'deleted') return refuse('Conflict', `disk ${id} was deleted, or its attach was undone; choose another id`)
  const mark = state.marks.find(m => m.instance === instance)
  if (mark && order <= mark.order) return refuse('StaleCommand', `disk ${id} was given back by ${instance} already; this request came late`)
  if (state.instance === instance) return accept([], reply)
  if (state.project !== undefined && project !== undefined && state.project !== project) return refuse('NotFound', `there is no disk ${id}`)
  if (state.instance !== null) return refuse('Conflict', `disk ${id} is attached to instance ${state.instance}; detach it there first`)
  if (state.status === 'available' && state.host !== host) {
    return refuse('Conflict', `disk ${id} is a local disk of host ${state.host}, and instance ${instance} is on ${host}`)
  }
  const sizeGb = state.status === 'absent' ? args.sizeGb : state.sizeGb
  return accept([{ type: 'attached', instance, operation, host, sizeGb, ...(project === undefined ? {} : { project }) }], reply)
}

function decide(state: DiskState, command: DiskCommand, { id }: DecideContext): D {
  const gone = refuse('NotFound', `there is no disk ${id}`)
  const exists = state.status === 'attached' || state.status === 'available'
  switch (command.method) {
    case 'attach':
      return decideAttach(state, command.args, id)
    case 'release': {
      const { instance, order, operation, remove } = command.args
      if (state.status === 'deleted' || (state.instance !== null && state.instance !== instance)) return accept([])
      // Also when it was never attached: a copy of the attach may still come.
      const undone = operation !== undefined && (state.status === 'absent' || state.madeBy === operation)
      const removed = remove === true && state.instance === instance
      return accept([{ type: 'released', instance, order, undone, ...(removed ? { removed } : {}) }])
    }
    case 'delete':
      if (!exists) return gone
      if (state.instance !== null) return refuse('Conflict', `disk ${id} is attached to instance ${state.instance}; detach it first`)
      return accept([{ type: 'deleted' }])
    case 'get':
      return exists ? accept([], s => bodyOf(s, id)) : gone
    case '@timer':
      return accept(state.unsure === null || state.looking ? [] : [{ type: 'lookBegun' }])
    case '@result':
      return decideResult(state, command.args, id)
  }
}

const lookKey = ({ looks }: DiskState): string => `look:${looks}`
const removeKey = (attempt: number): string => `remove:${attempt}`

function decideResult(state: DiskState, { key, ok, value, fault }: WorkResult, id: string): D {
  if (state.removing && key === removeKey(state.removing.attempt)) {
    return accept([{ type: ok || fault?.code === 'DriverUnsupported' ? 'removed' : 'removeFailed' }])
  }
  if (state.unsure === null || state.instance === null || key !== lookKey(state)) return accept([])
  const body = ok && isInstance(value) ? value : null
  if (body?.operation === state.unsure || (!ok && fault?.code !== 'NotFound')) return accept([{ type: 'looked' }])
  const kept = body !== null && body.vmState !== 'deleted' && body.devices.disks.some(d => d.id === id)
  return accept([kept ? { type: 'seen' } : { type: 'released', instance: state.instance, order: 0, undone: false }])
}

const isInstance = (value: unknown): value is InstanceBody => typeof value === 'object' && value !== null && 'devices' in value

function evolve(state: DiskState, event: DiskEvent, at: number): DiskState {
  switch (event.type) {
    case 'attached': {
      const made = state.status === 'absent' ? { sizeGb: event.sizeGb, host: event.host, madeBy: event.operation, createdAt: at } : {}
      const { instance, operation } = event
      const whose = state.project === undefined && event.project !== undefined ? { project: event.project } : {}
      return { ...state, ...made, ...whose, status: 'attached', instance, unsure: operation, looking: false, lookAt: at + LOOK_MS, updatedAt: at }
    }
    case 'released': {
      const others = state.marks.filter(m => m.instance !== event.instance)
      const order = Math.max(event.order, state.marks.find(m => m.instance === event.instance)?.order ?? 0)
      const marks = [...others, { instance: event.instance, order }].slice(-MARKS)
      const free: DiskState = { ...state, instance: null, unsure: null, marks, updatedAt: at }
      if (event.undone || event.removed) return ended(free, at)
      return state.status === 'absent' ? { ...state, marks } : { ...free, status: 'available' }
    }
    case 'seen':
      return { ...state, unsure: null }
    case 'lookBegun':
      return { ...state, looking: true, looks: state.looks + 1 }
    case 'looked':
      return { ...state, looking: false, lookAt: at + LOOK_MS }
    case 'deleted':
      return ended(state, at)
    case 'removed':
      return { ...state, removing: null }
    case 'removeFailed': {
      const attempt = (state.removing?.attempt ?? 0) + 1
      return { ...state, removing: { attempt, at: at + Math.min(REMOVE_CAP_MS, REMOVE_BASE_MS * 2 ** Math.min(attempt, 10)) } }
    }
  }
}

const ended = (state: DiskState, at: number): DiskState => ({
  ...state,
  status: 'deleted',
  removing: state.host === '' ? null : { attempt: 1, at },
  updatedAt: at,
})

function work(state: DiskState, id: string): Work[] {
  const { removing, unsure, instance } = state
  if (removing) {
    const to = address('compute', state.host)
    return [{ type: 'call', key: removeKey(removing.attempt), to, method: 'removeDisk', args: { disk: id }, notBefore: removing.at }]
  }
  if (unsure === null || instance === null) return []
  if (state.looking) return [{ type: 'call', key: lookKey(state), to: address('instance', instance), method: 'get', args: {} }]
  return [{ type: 'timer', key: `due:${state.lookAt}`, at: state.lookAt }]
}

function bodyOf(state: DiskState, id: string): DiskBody | null {
  const { status, sizeGb, host, instance, project, createdAt, updatedAt } = state
  const whose = project === undefined ? {} : { project }
  return status === 'absent' || host === '' ? null : { id, sizeGb, host, status, instance, ...whose, createdAt, updatedAt }
}

export const diskActor = defineActor<DiskState, DiskCommand, DiskEvent>({
  kind: 'disk',
  version: 1,
  methods: {
    attach: {
      check: checkObject({
        operation: text(256),
        order: integer(0, Number.MAX_SAFE_INTEGER),
        instance: text(128),
        host: text(128),
        sizeGb: integer(1, MAX_DISK_GB),
        project: optional(text(64)),
      }),
    },
    release: {
      check: checkObject({ instance: text(128), order: integer(0, Number.MAX_SAFE_INTEGER), operation: optional(text(256)), remove: optional(flag) }),
    },
    delete: {},
    get: { reads: true },
  },
  initial: () => ({
    status: 'absent',
    sizeGb: 0,
    host: '',
    instance: null,
    madeBy: '',
    unsure: null,
    lookAt: 0,
    looks: 0,
    looking: false,
    marks: [],
    removing: null,
    createdAt: 0,
    updatedAt: 0,
  }),
  decide,
  evolve,
  work,
  view(state, id) {
    const body = bodyOf(state, id)
    if (!body) return null
    const columns = {
      host: body.host,
      instance: body.instance,
      deleted: body.status === 'deleted',
      created_at: body.createdAt,
      updated_at: body.updatedAt,
    }
    return { table: 'disk', id, columns, body }
  },
  finished: state => state.status === 'deleted' && !state.removing,
})
