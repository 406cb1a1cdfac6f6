/**
 * Microversions, of Nova and of Placement. A client names one in `OpenStack-API-Version: compute 2.N` (Nova has an older header, too);
 * nothing means the first. What each changed stands in `changes.ts`; every answer names the version it was made by.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { badRequest, HttpRefusal } from './errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** N of the microversion 2.N this request is served by. */
    novaMinor: number
    /** N of the microversion 1.N, of a request to Placement. */
    placementMinor: number
  }
}

interface VersionedApi {
  /** As the header names it. */
  readonly service: string
  readonly major: number
  readonly minMinor: number
  readonly maxMinor: number
  readonly oldHeader?: string
}

export const MIN_MINOR = 1
export const MAX_MINOR = 90

export const COMPUTE_API: VersionedApi = {
  service: 'compute',
  major: 2,
  minMinor: MIN_MINOR,
  maxMinor: MAX_MINOR,
  oldHeader: 'x-openstack-nova-api-version',
}
export const PLACEMENT_API: VersionedApi = { service: 'placement', major: 1, minMinor: 0, maxMinor: 39 }

const HEADER = 'openstack-api-version'

function wanted(request: FastifyRequest, { service, oldHeader }: VersionedApi): string | undefined {
  const header = request.headers[HEADER]
  if (typeof header === 'string') {
    const named = header
      .split(',')
      .map(part => part.trim().split(/\s+/))
      .find(([name]) => name?.toLowerCase() === service)
    if (named) return named[1] ?? ''
  }
  const old = oldHeader === undefined ? undefined : request.headers[oldHeader]
  return typeof old === 'string' ? old.trim() : undefined
}

/** Throws 400 for what is no version and 406 for one that is not spoken here. */
export function minorOf(request: FastifyRequest, api: VersionedApi): number {
  const { major, minMinor, maxMinor } = api
  const version = wanted(request, api)
  if (version === undefined) return minMinor
  if (version.toLowerCase() === 'latest') return maxMinor
  const match = /^([1-9]\d{0,3})\.(0|[1-9]\d{0,3})$/.exec(version)
  if (!match) throw badRequest('API Version String in the header is of invalid format. Must be of format MajorNum.MinorNum.')
  const minor = Number(match[2])
  if (Number(match[1]) !== major || minor < minMinor || minor > maxMinor) {
    const bounds = `Minimum is ${major}.${minMinor} and maximum is ${major}.${maxMinor}.`
    throw new HttpRefusal(406, `Version ${version} is not supported by the API. ${bounds}`)
  }
  return minor
}

export function nameMicroversion(reply: FastifyReply, { service, major, oldHeader }: VersionedApi, minor: number): void {
  const old = oldHeader === undefined ? {} : { [oldHeader]: `${major}.${minor}` }
  const vary = oldHeader === undefined ? 'OpenStack-API-Version' : 'OpenStack-API-Version, X-OpenStack-Nova-API-Version'
  reply.headers({ [HEADER]: `${service} ${major}.${minor}`, ...old, vary })
}
