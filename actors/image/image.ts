/**
 * An image: what is said of it, and whether its bytes are there.
 *
 * Bytes come in one of two ways. A client registers an image and uploads them (`register`, `beginUpload`, `finishUpload`); or an operation
 * makes one of an instance (`create`), and the instance's host uploads them, or keeps them where there is no image store (`activate`).
 * They are there from one commit to the next: the image is `active` with size and digests, or it is not.
 *
 * Whoever uploads may die without a word. So an image that is `saving` looks at what the store has of the upload: when that has not
 * changed from one look to the next, the upload is given up and the image is `queued` again, free for another. An image that its
 * operation makes looks what the operation came to. To remove bytes that nobody needs, from the store or from a host, is work of the
 * image itself: who is away is asked until he has obeyed.
 */
import { address, addressKey } from '../kernel/address.ts'
import { anyOf, checkObject, flag, integer, listOf, optional, record, text } from '../kernel/check.ts'
import { accept, type DecideContext, type Decision, defineActor, refuse, type Work, type WorkResult } from '../kernel/define.ts'
import type { OperationBody } from '../operation/body.ts'
import { asked, evolveHolding, HOLDS, isPast, settledBy, settleWork, taking } from '../project/holding.ts'
import { ABOUT_CHECKS } from './about.ts'
import { aboutOf, type ImageAbout, type ImageBytes, MEMBER_STATUSES, type MemberStatus } from './body.ts'
import { ABSENT, amountsOf, bodyOf, type Changes, type Definition, evolveImage, type ImageEvent, type ImageState, needsOf } from './model.ts'

/** Projects that one image can be offered to. */
const MEMBERS_MAX = 128
const TAGS_MAX = 128
const PROPERTIES_MAX = 128

export interface ImageSettings {
  /** Pause between two looks at an upload, ms: one that stands still for as long is given up. */
  readonly uploadLookMs: number
}

export const IMAGE_DEFAULTS: ImageSettings = { uploadLookMs: 60_000 }

interface Registration extends Partial<ImageAbout> {
  readonly name: string
  readonly project: string
  readonly driver: string
  readonly properties: Readonly<Record<string, string>>
  readonly requestId: string
  readonly quota?: number
}

type MemberCommand =
  | { readonly method: 'addMember' | 'removeMember'; readonly args: { readonly member: string } }
  | { readonly method: 'setMember'; readonly args: { readonly member: string; readonly status: MemberStatus } }

type ImageCommand =
  | { readonly method: 'create'; readonly args: Definition & { readonly quota?: number } }
  | { readonly method: 'register'; readonly args: Registration }
  | { readonly method: 'update'; readonly args: Changes }
  | { readonly method: 'beginUpload'; readonly args: { readonly upload: string; readonly sizeBytes?: number | null; readonly quota?: number } }
  | { readonly method: 'finishUpload'; readonly args: ImageBytes & { readonly quota?: number } }
  | { readonly method: 'failUpload'; readonly args: { readonly upload: string } }
  | MemberCommand
  | { readonly method: 'activate'; readonly args: { readonly operation: string; readonly sizeBytes: number } }
  | { readonly method: 'discard'; readonly args: { readonly operation: string } }
  | { readonly method: 'holds'; readonly args: { readonly project: string; readonly number?: number } }
  /** `calledOff`: the operation that makes it has been told to end. */
  | { readonly method: 'delete'; readonly args: { readonly calledOff?: boolean } }
  | { readonly method: 'get' | 'deactivate' | 'reactivate'; readonly args: unknown }
  | { readonly method: '@result'; readonly args: WorkResult }
  | { readonly method: '@timer'; readonly args: unknown }

type D = Decision<ImageState, ImageEvent>

const isGone = ({ status }: ImageState): boolean => status === 'absent' || status === 'deleted'

/** States of before there were uploads lack what is new. */
const whole = (state: ImageState): ImageState => (state.about ? state : { ...ABSENT, ...state, about: aboutOf(state.image ?? {}) })

function decide(older: ImageState, command: ImageCommand, { id, now }: DecideContext): D {
  const state = whole(older)
  const reply = (s: ImageState) => bodyOf(whole(s), id)
  const gone = refuse('NotFound', `there is no image ${id}`)
  switch (command.method) {
    case 'create': {
      const { quota, ...image } = command.args
      if (state.status === 'absent') {
        if (quota !== undefined && isPast(state.holding, quota)) return refuse('StaleCommand', `what was reserved for image ${id} was given up`)
        return accept([...taking(state.holding, quota, amountsOf(0)), { type: 'created', image }], reply)
      }
      if (state.image?.operation === image.operation && state.status === 'queued') return accept([], reply)
      return used(id)
    }
    case 'register':
      return decideRegister(state, command.args, id)
    case 'update': {
      if (isGone(state)) return gone
      const wrong = tooMany(state, command.args)
      return wrong ? refuse('TooLarge', wrong) : accept([{ type: 'updated', changes: command.args }], reply)
    }
    case 'beginUpload':
      return isGone(state) ? gone : decideBegin(state, command.args, id)
    case 'finishUpload':
      return isGone(state) ? gone : decideFinish(state, command.args, id)
    case 'failUpload':
      return accept(state.status === 'saving' && state.upload?.id === command.args.upload ? [{ type: 'uploadFailed' }] : [])
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
      if (isGone(state)) return gone
      if (state.about.protected) return refuse('Forbidden', `image ${id} is protected and cannot be deleted; take the protection away first`)
      if (state.image?.operation && !command.args.calledOff && (state.status === 'queued' || state.status === 'saving')) {
        const { operation } = state.image
        return refuse('Conflict', `image ${id} is being made by operation ${operation}; wait for its end, or cancel it`, { operation })
      }
      return accept([{ type: 'deleted' }])
    case 'deactivate':
    case 'reactivate':
      return isGone(state) ? gone : decideActive(state, command.method, id)
    case 'addMember':
    case 'setMember':
    case 'removeMember':
      return isGone(state) ? gone : decideMember(state, command, id)
    case 'get':
      return isGone(state) ? gone : accept([], reply)
    case 'holds': {
      const { project, number } = command.args
      if (state.image && state.image.project !== project) return accept([], () => ({ held: null }))
      return accept(number === undefined ? [] : asked(state.holding, number), s => ({ held: s.holding?.amounts ?? null }))
    }
    case '@timer':
      return accept((state.status === 'queued' || state.status === 'saving') && !state.looking ? [{ type: 'lookBegun' }] : [])
    case '@result':
      return decideResult(state, command.args, id, now)
  }
}

const used = (id: string): D => refuse('Conflict', `the id ${id} was used for an image already; choose another`)

function decideRegister(state: ImageState, args: Registration, id: string): D {
  const { requestId, quota, name, project, driver, properties, ...about } = args
  const reply = (s: ImageState) => bodyOf(s, id)
  const taken = taking(state.holding, quota, amountsOf(0))
  if (state.status !== 'absent') return state.requestId === requestId && state.status !== 'deleted' ? accept(taken, reply) : used(id)
  if (quota !== undefined && isPast(state.holding, quota)) return refuse('StaleCommand', `what was reserved for image ${id} was given up`)
  const wrong = tooMany(state, { setProperties: properties, ...(about.tags ? { tags: about.tags } : {}) })
  if (wrong) return refuse('TooLarge', wrong)
  const image = { name, project, driver, properties, instance: null, backupType: null, operation: null, host: null }
  return accept([...taken, { type: 'registered', image, about: aboutOf({ ...about, project }), requestId }], reply)
}

/** What would be more of than an image may have, or null. */
function tooMany({ image, about }: ImageState, { setProperties = {}, tags, addTags = [] }: Changes): string | null {
  const properties = new Set([...Object.keys(image?.properties ?? {}), ...Object.keys(setProperties)]).size
  if (properties > PROPERTIES_MAX) return `an image has at most ${PROPERTIES_MAX} properties, not ${properties}`
  const all = new Set([...(tags ?? about.tags), ...addTags]).size
  return all > TAGS_MAX ? `an image has at most ${TAGS_MAX} tags, not ${all}` : null
}

function decideBegin(
  state: ImageState,
  { upload, sizeBytes = null, quota }: { upload: string; sizeBytes?: number | null; quota?: number },
  id: string,
): D {
  const { status, image, about } = state
  const reply = (s: ImageState) => bodyOf(s, id)
  const taken = taking(state.holding, quota, amountsOf(sizeBytes ?? 0))
  // Done already, too: who has sent all of it may not have heard so, and asks where to go on.
  if ((status === 'saving' && state.upload?.id === upload) || state.bytes?.upload === upload) return accept(taken, reply)
  if (status === 'saving') return refuse('Conflict', `image ${id} is being uploaded already; wait for the end of that`)
  if (status !== 'queued') return refuse('Conflict', `image ${id} is ${status}; bytes can be uploaded once, while it is queued`)
  if (image?.operation && image.operation !== upload) return refuse('Conflict', `image ${id} is being made by operation ${image.operation}`)
  if (state.discarding?.uploads.includes(upload)) return refuse('Conflict', `this upload of image ${id} was given up; begin another`)
  if (about.containerFormat === null || about.diskFormat === null) {
    return refuse('BadRequest', `image ${id} needs a container_format and a disk_format before its bytes are uploaded`)
  }
  return accept([...taken, { type: 'uploadBegun', upload, sizeBytes }], reply)
}

function decideFinish(state: ImageState, { quota, ...bytes }: ImageBytes & { quota?: number }, id: string): D {
  const reply = (s: ImageState) => bodyOf(s, id)
  const taken = taking(state.holding, quota, amountsOf(bytes.sizeBytes))
  if (state.bytes?.upload === bytes.upload) return accept(taken, reply)
  if (state.status !== 'saving' || state.upload?.id !== bytes.upload) {
    return refuse('Conflict', `this upload of image ${id} was given up meanwhile: it had stood still for too long; upload it again`)
  }
  return accept([...taken, { type: 'uploaded', bytes }], reply)
}

function decideActive({ status }: ImageState, method: 'deactivate' | 'reactivate', id: string): D {
  const [from, to] = method === 'deactivate' ? (['active', 'deactivated'] as const) : (['deactivated', 'active'] as const)
  const reply = (s: ImageState) => bodyOf(s, id)
  if (status === to) return accept([], reply)
  if (status !== from) return refuse('Conflict', `image ${id} is ${status}; it must be ${from} to be ${to}`)
  return accept([{ type: to === 'active' ? 'reactivated' : 'deactivated' }], reply)
}

function decideMember(state: ImageState, command: MemberCommand, id: string): D {
  const { member } = command.args
  const isMember = Object.hasOwn(state.members, member)
  const reply = (s: ImageState) => bodyOf(s, id)
  if (command.method === 'addMember') {
    if (state.about.visibility !== 'shared') {
      return refuse('Forbidden', `image ${id} is ${state.about.visibility}; only a shared image has members`)
    }
    if (isMember) return refuse('Conflict', `project ${member} is a member of image ${id} already`)
    if (Object.keys(state.members).length >= MEMBERS_MAX) return refuse('TooLarge', `an image has at most ${MEMBERS_MAX} members`)
    return accept([{ type: 'memberSet', member, status: 'pending' }], reply)
  }
  if (!isMember) return refuse('NotFound', `project ${member} is no member of image ${id}`)
  return accept([command.method === 'setMember' ? { type: 'memberSet', ...command.args } : { type: 'memberRemoved', member }], reply)
}

const lookKey = ({ looks }: ImageState): string => `look:${looks}`
const removeKey = (attempt: number): string => `remove:${attempt}`
const discardKey = (attempt: number): string => `discard:${attempt}`

function decideResult(state: ImageState, result: WorkResult, id: string, now: number): D {
  const { key, ok, value, fault } = result
  const settled = settledBy(state.holding, needsOf(state), result, now)
  if (settled) return accept(settled)
  if (state.removing && key === removeKey(state.removing.attempt)) {
    // A driver that has no images has none of this one either.
    return accept([{ type: ok || fault?.code === 'DriverUnsupported' ? 'removed' : 'removeFailed' }])
  }
  if (state.discarding && key === discardKey(state.discarding.attempt)) {
    return accept([ok ? { type: 'discarded', upload: state.discarding.uploads[0] ?? '' } : { type: 'discardFailed' }])
  }
  if ((state.status !== 'queued' && state.status !== 'saving') || key !== lookKey(state)) return accept([])
  return accept([state.image?.operation ? operationSeen(result) : uploadSeen(state, value, ok, id)])
}

/** The same bytes as at the last look: nobody sends any more. A look that failed has seen nothing. */
function uploadSeen({ upload }: ImageState, value: unknown, ok: boolean, id: string): ImageEvent {
  const progress = typeof value === 'object' && value !== null && 'progress' in value ? String(value.progress) : `no bytes of ${id}`
  return ok && upload?.progress === progress ? { type: 'uploadFailed' } : { type: 'uploadSeen', progress: ok ? progress : 'unknown' }
}

function operationSeen({ ok, value, fault }: WorkResult): ImageEvent {
  const operation = ok && isOperation(value) ? value : null
  if (operation?.status === 'running' || operation?.status === 'undoing') return { type: 'looked' }
  const why = operation?.fault?.message ?? fault?.message ?? 'its operation has ended'
  return { type: 'failed', fault: { code: operation?.fault?.code ?? 'DriverFault', message: `the image was not finished: ${why}` } }
}

const isOperation = (value: unknown): value is OperationBody => typeof value === 'object' && value !== null && 'status' in value

function work(older: ImageState, id: string): Work[] {
  const state = whole(older)
  const { image, removing, discarding, upload } = state
  const found: Work[] = settleWork(state.holding, needsOf(state), image?.project ?? '', addressKey(address('image', id)))
  if (!image) return found
  if (removing && image.host) {
    const to = address('compute', image.host)
    const args = { image: id, ...(image.instance === null ? {} : { instance: image.instance }) }
    found.push({ type: 'call', key: removeKey(removing.attempt), to, method: 'removeImage', args, notBefore: removing.at })
  }
  if (discarding) {
    const args = { image: id, upload: discarding.uploads[0] }
    const to = address('image-store', id)
    found.push({ type: 'call', key: discardKey(discarding.attempt), to, method: 'discard', args, notBefore: discarding.at })
  }
  const isWaiting = state.status === 'saving' || (state.status === 'queued' && image.operation !== null)
  if (!isWaiting) return found
  if (!state.looking) return [...found, { type: 'timer', key: `due:${state.lookAt}`, at: state.lookAt }]
  const look = image.operation
    ? ({ to: address('operation', image.operation), method: 'get', args: {} } as const)
    : ({ to: address('image-store', id), method: 'look', args: { image: id, upload: upload?.id } } as const)
  return [...found, { type: 'call', key: lookKey(state), ...look }]
}

const number = optional(integer(1, Number.MAX_SAFE_INTEGER))
const size = integer(0, Number.MAX_SAFE_INTEGER)
const member = text(64)

export function imageActor(settings: ImageSettings = IMAGE_DEFAULTS) {
  return defineActor<ImageState, ImageCommand, ImageEvent>({
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
          quota: number,
        }),
      },
      register: {
        check: checkObject({
          ...ABOUT_CHECKS,
          name: text(255, 0),
          driver: text(64, 0),
          project: text(64),
          properties: record,
          requestId: text(128),
          quota: number,
        }),
      },
      update: {
        check: checkObject({
          ...ABOUT_CHECKS,
          name: optional(text(255, 0)),
          setProperties: optional(record),
          unsetProperties: optional(listOf(text(255), 1000)),
          addTags: optional(listOf(text(255), 1000)),
          removeTags: optional(listOf(text(255), 1000)),
        }),
      },
      beginUpload: { check: checkObject({ upload: text(128), sizeBytes: optional(size), quota: number }) },
      finishUpload: { check: checkObject({ upload: text(128), sizeBytes: size, checksum: text(64), hash: text(256), quota: number }) },
      failUpload: { check: checkObject({ upload: text(128) }) },
      addMember: { check: checkObject({ member }) },
      setMember: { check: checkObject({ member, status: anyOf(...MEMBER_STATUSES) }) },
      removeMember: { check: checkObject({ member }) },
      activate: { check: checkObject({ operation: text(256), sizeBytes: size }) },
      discard: { check: checkObject({ operation: text(256) }) },
      holds: HOLDS,
      delete: { check: checkObject({ calledOff: optional(flag) }) },
      deactivate: {},
      reactivate: {},
      get: { reads: true },
    },
    initial: () => ABSENT,
    decide,
    evolve(older, event, at) {
      const state = whole(older)
      if (event.type === 'held' || event.type === 'settleFailed') return { ...state, holding: evolveHolding(state.holding, event) }
      return evolveImage(state, event, at, settings.uploadLookMs)
    },
    work,
    view(older, id) {
      const body = bodyOf(whole(older), id)
      if (!body) return null
      const columns = {
        name: body.name,
        project: body.project ?? '',
        status: body.status,
        visibility: aboutOf(body).visibility,
        size: body.sizeBytes,
        disk_format: body.diskFormat ?? null,
        container_format: body.containerFormat ?? null,
        instance: body.instance,
        backup_type: body.backupType,
        deleted: body.status === 'deleted',
        created_at: body.createdAt,
        updated_at: body.updatedAt,
      }
      return { table: 'image', id, columns, body }
    },
    finished: older => {
      const state = whole(older)
      return state.status === 'deleted' && !state.removing && !state.discarding && work(state, '').length === 0
    },
  })
}
