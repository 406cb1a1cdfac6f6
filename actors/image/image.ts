/**
 * An image made from an instance: a snapshot or a backup. The operation that makes it says when it begins (`create`) and when its
 * bytes are there (`activate`), or takes it back (`discard`).
 *
 * The bytes are on the host where the instance was: until there is an image service they are nowhere else, so `hosts` is part of the
 * image, and an instance is built from it on those hosts. To remove them is work of the image itself: a host that is away is asked
 * until it has obeyed.
 *
 * An operation may end without a word (its deadline came while a host was silent). So an image that is not active after a while
 * looks what its operation came to; none waits for ever.
 */
import type { ImageBody, ImageStatus, OperationBody } from '../api.ts'
import { address } from '../kernel/address.ts'
import { checkObject, integer, optional, record, text } from '../kernel/check.ts'
import { accept, type DecideContext, type Decision, defineActor, refuse, type Work, type WorkResult } from '../kernel/define.ts'
import type { Fault } from '../kernel/errors.ts'

/** Pause between two looks at the operation, ms. */
const LOOK_MS = 60_000
/** Pauses between requests to a host to remove the bytes, ms: longer each time. */
const REMOVE_BASE_MS = 1000
const REMOVE_CAP_MS = 600_000

type Definition = Pick<ImageBody, 'name' | 'driver' | 'project' | 'properties' | 'instance' | 'backupType'> & {
  /** Who makes it, and where. */
  readonly operation: string
  readonly host: string
}

interface ImageState {
  readonly status: ImageStatus | 'absent'
  readonly image: Definition | null
  readonly sizeBytes: number
  readonly fault: Fault | null
  /** Cluster time of the next look at the operation, ms; looks so far; and whether one is under way. */
  readonly lookAt: number
  readonly looks: number
  readonly looking: boolean
  /** Whether its host may still have bytes to be removed, how often it was asked, and when it is asked next. */
  readonly removing: { readonly attempt: number; readonly at: number } | null
  readonly createdAt: number
  readonly updatedAt: number
}

type ImageCommand =
  | { readonly method: 'create'; readonly args: Definition }
  | { readonly method: 'activate'; readonly args: { readonly operation: string; readonly sizeBytes: number } }
  | { readonly method: 'discard'; readonly args: { readonly operation: string } }
  | { readonly method: 'delete' | 'get'; readonly args: unknown }
  | { readonly method: '@result'; readonly args: WorkResult }
  | { readonly method: '@timer'; readonly args: unknown }

type ImageEvent =
  | { readonly type: 'created'; readonly image: Definition }
  | { readonly type: 'activated'; readonly sizeBytes: number }
  | { readonly type: 'failed'; readonly fault: Fault }
  | { readonly type: 'deleted' }
  | { readonly type: 'lookBegun' }
  /** The operation goes on. */
  | { readonly type: 'looked' }
  | { readonly type: 'removed' }
  | { readonly type: 'removeFailed' }

type D = Decision<ImageState, ImageEvent>

function decide(state: ImageState, command: ImageCommand, { id }: DecideContext): D {
  const reply = (s: ImageState) => bodyOf(s, id)
  const gone = refuse('NotFound', `there is no image ${id}`)
  switch (command.method) {
    case 'create': {
      if (state.status === 'absent') return accept([{ type: 'created', image: command.args }], reply)
      if (state.image?.operation === command.args.operation && state.status === 'queued') return accept([], reply)
      return refuse('Conflict', `the id ${id} was used for an image already; choose another`)
    }
    case 'activate': {
      const { operation, sizeBytes } = command.args
      if (state.image?.operation !== operation || state.status === 'deleted' || state.status === 'error') return gone
      return accept(state.status === 'queued' ? [{ type: 'activated', sizeBytes }] : [])
    }
    case 'discard':
      // Also when it was never created: a copy of the create may still come.
      if (state.status === 'absent' || (state.image?.operation === command.args.operation && state.status !== 'deleted'))
        return accept([{ type: 'deleted' }])
      return accept([])
    case 'delete':
      if (state.status === 'absent' || state.status === 'deleted') return gone
      if (state.status === 'queued') {
        return refuse('Conflict', `image ${id} is being made by operation ${state.image?.operation}; wait for its end, or cancel it`)
      }
      return accept([{ type: 'deleted' }])
    case 'get':
      return state.status === 'absent' || state.status === 'deleted' ? gone : accept([], reply)
    case '@timer':
      return accept(state.status === 'queued' && !state.looking ? [{ type: 'lookBegun' }] : [])
    case '@result':
      return decideResult(state, command.args)
  }
}

const lookKey = ({ looks }: ImageState): string => `look:${looks}`
const removeKey = (attempt: number): string => `remove:${attempt}`

function decideResult(state: ImageState, { key, ok, value, fault }: WorkResult): D {
  if (state.removing && key === removeKey(state.removing.attempt)) {
    // A driver that has no images has none of this one either.
    return accept([{ type: ok || fault?.code === 'DriverUnsupported' ? 'removed' : 'removeFailed' }])
  }
  if (state.status !== 'queued' || key !== lookKey(state)) return accept([])
  const operation = ok && isOperation(value) ? value : null
  if (operation?.status === 'running' || operation?.status === 'undoing') return accept([{ type: 'looked' }])
  const why = operation?.fault?.message ?? fault?.message ?? 'its operation has ended'
  return accept([{ type: 'failed', fault: { code: operation?.fault?.code ?? 'DriverFault', message: `the image was not finished: ${why}` } }])
}

const isOperation = (value: unknown): value is OperationBody => typeof value === 'object' && value !== null && 'status' in value

function evolve(state: ImageState, event: ImageEvent, at: number): ImageState {
  const now = { ...state, updatedAt: at }
  switch (event.type) {
    case 'created':
      return { ...now, status: 'queued', image: event.image, lookAt: at + LOOK_MS, createdAt: at }
    case 'activated':
      return { ...now, status: 'active', sizeBytes: event.sizeBytes }
    case 'failed':
      return { ...now, status: 'error', fault: event.fault, removing: { attempt: 1, at } }
    case 'deleted':
      return { ...now, status: 'deleted', removing: state.image ? { attempt: 1, at } : null, createdAt: state.createdAt || at }
    case 'lookBegun':
      return { ...state, looking: true, looks: state.looks + 1 }
    case 'looked':
      return { ...state, looking: false, lookAt: at + LOOK_MS }
    case 'removed':
      return { ...state, removing: null }
    case 'removeFailed': {
      const attempt = (state.removing?.attempt ?? 0) + 1
      return { ...state, removing: { attempt, at: at + Math.min(REMOVE_CAP_MS, REMOVE_BASE_MS * 2 ** Math.min(attempt, 10)) } }
    }
  }
}

function work(state: ImageState, id: string): Work[] {
  const { image, removing } = state
  if (!image) return []
  if (removing) {
    const to = address('compute', image.host)
    return [{ type: 'call', key: removeKey(removing.attempt), to, method: 'removeImage', args: { image: id }, notBefore: removing.at }]
  }
  if (state.status !== 'queued') return []
  if (state.looking) return [{ type: 'call', key: lookKey(state), to: address('operation', image.operation), method: 'get', args: {} }]
  return [{ type: 'timer', key: `due:${state.lookAt}`, at: state.lookAt }]
}

function bodyOf(state: ImageState, id: string): ImageBody | null {
  const { status, image, sizeBytes, fault, createdAt, updatedAt } = state
  if (status === 'absent' || !image) return null
  const { operation: _, host, ...rest } = image
  return { id, ...rest, status, sizeBytes, hosts: [host], fault, createdAt, updatedAt }
}

export const imageActor = defineActor<ImageState, ImageCommand, ImageEvent>({
  kind: 'image',
  version: 1,
  methods: {
    create: {
      check: checkObject({
        name: text(255),
        driver: text(64, 0),
        project: text(64),
        properties: record,
        instance: text(128),
        backupType: optional(text(255)),
        operation: text(256),
        host: text(128),
      }),
    },
    activate: { check: checkObject({ operation: text(256), sizeBytes: integer(0, Number.MAX_SAFE_INTEGER) }) },
    discard: { check: checkObject({ operation: text(256) }) },
    delete: {},
    get: {},
  },
  initial: () => ({
    status: 'absent',
    image: null,
    sizeBytes: 0,
    fault: null,
    lookAt: 0,
    looks: 0,
    looking: false,
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
      name: body.name,
      project: body.project ?? '',
      status: body.status,
      instance: body.instance,
      backup_type: body.backupType,
      deleted: body.status === 'deleted',
      created_at: body.createdAt,
      updated_at: body.updatedAt,
    }
    return { table: 'image', id, columns, body }
  },
  finished: state => state.status === 'deleted' && !state.removing,
})
