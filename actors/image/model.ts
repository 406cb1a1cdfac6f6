/** The state of an image, the events it is made of, and the row that others see. */
import type { Fault } from '../kernel/errors.ts'
import type { Amounts } from '../kernel/quota.ts'
import type { Holding, HoldingEvent } from '../project/holding.ts'
import { aboutOf, type ImageAbout, type ImageBody, type ImageBytes, type ImageMember, type ImageStatus, type MemberStatus } from './body.ts'

/** `operation` and `host`: who makes it of an instance, and where; null for an image whose bytes a client uploads. */
export type Definition = Pick<ImageBody, 'name' | 'driver' | 'project' | 'properties' | 'instance' | 'backupType'> & {
  readonly operation: string | null
  readonly host: string | null
}

/** A request that is made again and again until it is obeyed. */
export interface Insistence {
  readonly attempt: number
  /** Cluster time of the next attempt, ms. */
  readonly at: number
}

export interface ImageState {
  readonly status: ImageStatus | 'absent'
  readonly image: Definition | null
  readonly about: ImageAbout
  readonly members: Readonly<Record<string, ImageMember>>
  readonly bytes: ImageBytes | null
  /** The upload under way: how large it says it will be, and how far it was when it was last looked at. */
  readonly upload: { readonly id: string; readonly sizeBytes: number | null; readonly progress: string | null } | null
  readonly sizeBytes: number
  readonly fault: Fault | null
  /** Cluster time of the next look at its operation or upload, ms; looks so far; and whether one is under way. */
  readonly lookAt: number
  readonly looks: number
  readonly looking: boolean
  /** Whether its host may still have bytes to be removed. */
  readonly removing: Insistence | null
  /** Uploads of which the image store may still have bytes to be removed. */
  readonly discarding: (Insistence & { readonly uploads: readonly string[] }) | null
  readonly holding: Holding | null
  readonly requestId: string
  readonly createdAt: number
  readonly updatedAt: number
}

export const ABSENT: ImageState = {
  status: 'absent',
  image: null,
  about: aboutOf({}),
  members: {},
  bytes: null,
  upload: null,
  sizeBytes: 0,
  fault: null,
  lookAt: 0,
  looks: 0,
  looking: false,
  removing: null,
  discarding: null,
  holding: null,
  requestId: '',
  createdAt: 0,
  updatedAt: 0,
}

/** What an update may change; absent stays. */
export interface Changes extends Partial<ImageAbout> {
  readonly name?: string
  readonly setProperties?: Readonly<Record<string, string>>
  readonly unsetProperties?: readonly string[]
  readonly addTags?: readonly string[]
  readonly removeTags?: readonly string[]
}

export type ImageEvent =
  | { readonly type: 'created'; readonly image: Definition }
  | { readonly type: 'registered'; readonly image: Definition; readonly about: ImageAbout; readonly requestId: string }
  | { readonly type: 'updated'; readonly changes: Changes }
  | { readonly type: 'uploadBegun'; readonly upload: string; readonly sizeBytes: number | null }
  /** It goes on. */
  | { readonly type: 'uploadSeen'; readonly progress: string }
  /** Given up, or silent for too long. */
  | { readonly type: 'uploadFailed' }
  | { readonly type: 'uploaded'; readonly bytes: ImageBytes }
  /** Of bytes that are on one host and nowhere else. */
  | { readonly type: 'activated'; readonly sizeBytes: number }
  | { readonly type: 'deactivated' }
  | { readonly type: 'reactivated' }
  | { readonly type: 'memberSet'; readonly member: string; readonly status: MemberStatus }
  | { readonly type: 'memberRemoved'; readonly member: string }
  | { readonly type: 'failed'; readonly fault: Fault }
  | { readonly type: 'deleted' }
  | { readonly type: 'lookBegun' }
  /** The operation goes on. */
  | { readonly type: 'looked' }
  | { readonly type: 'removed' }
  | { readonly type: 'removeFailed' }
  | { readonly type: 'discarded'; readonly upload: string }
  | { readonly type: 'discardFailed' }
  | HoldingEvent

/** Pause between two looks at an operation, ms. */
export const LOOK_MS = 60_000
/** Pauses between requests to remove bytes, ms: longer each time. */
const REMOVE_BASE_MS = 1000
const REMOVE_CAP_MS = 600_000

const again = ({ attempt }: Insistence, at: number): Insistence => ({
  attempt: attempt + 1,
  at: at + Math.min(REMOVE_CAP_MS, REMOVE_BASE_MS * 2 ** Math.min(attempt + 1, 10)),
})

const discard = (state: ImageState, uploads: readonly (string | undefined)[], at: number): ImageState['discarding'] => {
  const all = [...new Set([...(state.discarding?.uploads ?? []), ...uploads.filter(upload => upload !== undefined)])]
  return all.length === 0 ? null : { uploads: all, attempt: (state.discarding?.attempt ?? 0) + 1, at }
}

const MIB = 1024 ** 2

/** What so many bytes take of a quota. */
export const amountsOf = (sizeBytes: number): Amounts => ({
  image_count_total: 1,
  ...(sizeBytes > 0 ? { image_size_total: Math.ceil(sizeBytes / MIB) } : {}),
})

/** What it needs of its project's quotas; null when it is gone. */
export const needsOf = ({ status, bytes, upload }: ImageState): Amounts | null =>
  status === 'deleted' || status === 'absent' ? null : amountsOf(bytes?.sizeBytes ?? upload?.sizeBytes ?? 0)

/** Applied to the state with `lookMs` between two looks at an upload. */
export function evolveImage(state: ImageState, event: Exclude<ImageEvent, HoldingEvent>, at: number, lookMs: number): ImageState {
  const now = { ...state, updatedAt: at }
  switch (event.type) {
    case 'created':
      return { ...now, status: 'queued', image: event.image, about: aboutOf(event.image), lookAt: at + LOOK_MS, createdAt: at }
    case 'registered':
      return { ...now, status: 'queued', image: event.image, about: event.about, requestId: event.requestId, createdAt: at }
    case 'updated':
      return changed(now, event.changes)
    case 'uploadBegun': {
      const lookAt = state.image?.operation ? state.lookAt : at + lookMs
      return { ...now, status: 'saving', upload: { id: event.upload, sizeBytes: event.sizeBytes, progress: null }, lookAt, looking: false }
    }
    case 'uploadSeen':
      return { ...state, looking: false, lookAt: at + lookMs, upload: state.upload && { ...state.upload, progress: event.progress } }
    case 'uploadFailed':
      return { ...now, status: 'queued', upload: null, looking: false, discarding: discard(state, [state.upload?.id], at) }
    case 'uploaded': {
      // What the host of a snapshot has is needed no more: every host can fetch it.
      const removing = state.image?.host ? { attempt: 1, at } : null
      return { ...now, status: 'active', bytes: event.bytes, sizeBytes: event.bytes.sizeBytes, upload: null, looking: false, removing }
    }
    case 'activated':
      return { ...now, status: 'active', sizeBytes: event.sizeBytes }
    case 'deactivated':
      return { ...now, status: 'deactivated' }
    case 'reactivated':
      return { ...now, status: 'active' }
    case 'memberSet': {
      const createdAt = state.members[event.member]?.createdAt ?? at
      return { ...now, members: { ...state.members, [event.member]: { status: event.status, createdAt, updatedAt: at } } }
    }
    case 'memberRemoved': {
      const { [event.member]: _, ...members } = state.members
      return { ...now, members }
    }
    case 'failed':
      return {
        ...{ ...now, status: 'error', fault: event.fault, upload: null, looking: false },
        removing: { attempt: 1, at },
        discarding: discard(state, [state.upload?.id], at),
      }
    case 'deleted':
      return {
        ...{ ...now, status: 'deleted', upload: null, looking: false, createdAt: state.createdAt || at },
        // A host that never had them, or has removed them, has nothing to remove.
        removing: state.image?.host && !state.bytes ? { attempt: 1, at } : state.removing,
        discarding: discard(state, [state.upload?.id, state.bytes?.upload], at),
      }
    case 'lookBegun':
      return { ...state, looking: true, looks: state.looks + 1 }
    case 'looked':
      return { ...state, looking: false, lookAt: at + LOOK_MS }
    case 'removed':
      return { ...state, removing: null }
    case 'removeFailed':
      return { ...state, removing: again(state.removing ?? { attempt: 0, at }, at) }
    case 'discarded': {
      const uploads = (state.discarding?.uploads ?? []).filter(upload => upload !== event.upload)
      return { ...state, discarding: uploads.length === 0 ? null : { uploads, attempt: (state.discarding?.attempt ?? 0) + 1, at } }
    }
    case 'discardFailed':
      return { ...state, discarding: state.discarding && { ...state.discarding, ...again(state.discarding, at) } }
  }
}

function changed(state: ImageState, changes: Changes): ImageState {
  const { image, about } = state
  if (!image) return state
  const { name, setProperties, unsetProperties = [], addTags = [], removeTags = [], ...more } = changes
  const properties = { ...image.properties, ...setProperties }
  for (const key of unsetProperties) delete properties[key]
  const tags = [...new Set([...(more.tags ?? about.tags), ...addTags])].filter(tag => !removeTags.includes(tag))
  return {
    ...state,
    image: { ...image, name: name ?? image.name, properties },
    about: { ...about, ...more, tags },
  }
}

export function bodyOf(state: ImageState, id: string): ImageBody | null {
  const { status, image, about, members, bytes, sizeBytes, fault, createdAt, updatedAt } = state
  if (status === 'absent' || !image) return null
  const { operation: _, host, ...rest } = image
  const stored = bytes ? { bytes } : {}
  const hosts = host === null || bytes ? null : [host]
  return { id, ...rest, ...about, members, ...stored, status, sizeBytes, hosts, fault, createdAt, updatedAt }
}
