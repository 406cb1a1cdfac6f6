/** What every route is given. */
import type { ClusterApi, ImageBody } from '../../actors/api.ts'
import type { Logger } from '../../actors/kernel/env.ts'
import type { HostStatuses, Zones } from './compute/zones.ts'
import type { HttpLimits } from './limits.ts'

export interface Readiness {
  readonly ready: boolean
  /** Why not, for people; empty when ready. */
  readonly reasons: readonly string[]
  /** This node is about to end: it still answers, and wants no new clients. */
  readonly leaving?: boolean
}

/** The way of the bytes of images through this node; `supervisors/images/streams.ts` says how. */
export interface ImageStreams {
  upload(
    upload: { readonly image: string; readonly sizeBytes: number | null; readonly checksum: string | null },
    body: AsyncIterable<Uint8Array>,
  ): Promise<ImageBody>
  download(image: ImageBody, range: { readonly from: number; readonly to: number }): AsyncIterable<Uint8Array>
}

/** Where agents from outside of guests come in. */
export interface DoorAddress {
  /** In the order in which an agent tries them. */
  readonly endpoints: readonly string[]
  /** By which it knows them, hexadecimal. */
  readonly serverKey: string
}

export interface HttpContext {
  readonly images: ImageStreams
  /** Every call of it ends within `limits.apiTimeoutMs`. */
  readonly api: ClusterApi
  readonly limits: HttpLimits
  readonly log: Logger
  readonly zones: Zones
  readonly hostStatuses: HostStatuses
  /** Null where this gateway has none. */
  agentDoor(): DoorAddress | null
  isReady(): Readiness
  /** Prometheus text, or OpenMetrics. */
  metrics(openMetrics: boolean): string | Promise<string>
  /** True once `close()` was called: replies are finished, new requests refused. */
  isClosing(): boolean
}

/** Until identity exists: the project of who names none (`projectOf`), and everybody's user. */
export const PROJECT = 'default'
export const USER = 'default'

export const COMPUTE = '/compute/v2.1'
export const IMAGE = '/image/v2'
export const PLACEMENT = '/placement'
/** Whether a URL's path, or the pattern of a route, is Placement's. */
export const isPlacement = (path: string): boolean => /^\/placement(?:[/?]|$)/.test(path)
export const BATON = '/baton/v1'
