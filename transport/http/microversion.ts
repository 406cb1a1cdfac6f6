/**
 * Nova's microversions. A client names one in `OpenStack-API-Version: compute 2.N` (or the older header), nothing means
 * 2.1. What each changed stands in `changes.ts`; every answer names the version it was made by.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { badRequest, HttpRefusal } from './errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** N of the microversion 2.N this request is served by. */
    novaMinor: number
  }
}

export const MIN_MINOR = 1
export const MAX_MINOR = 90

const HEADER = 'openstack-api-version'
const OLD_HEADER = 'x-openstack-nova-api-version'

function wanted(request: FastifyRequest): string | undefined {
  const header = request.headers[HEADER]
  if (typeof header === 'string') {
    const compute = header
      .split(',')
      .map(part => part.trim().split(/\s+/))
      .find(([service]) => service?.toLowerCase() === 'compute')
    if (compute) return compute[1] ?? ''
  }
  const old = request.headers[OLD_HEADER]
  return typeof old === 'string' ? old.trim() : undefined
}

/** Throws 400 for what is no version and 406 for one that is not spoken here. */
export function minorOf(request: FastifyRequest): number {
  const version = wanted(request)
  if (version === undefined) return MIN_MINOR
  if (version.toLowerCase() === 'latest') return MAX_MINOR
  const match = /^([1-9]\d{0,3})\.(0|[1-9]\d{0,3})$/.exec(version)
  if (!match) throw badRequest('API Version String in the header is of invalid format. Must be of format MajorNum.MinorNum.')
  const minor = Number(match[2])
  if (match[1] !== '2' || minor < MIN_MINOR || minor > MAX_MINOR) {
    throw new HttpRefusal(406, `Version ${version} is not supported by the API. Minimum is 2.${MIN_MINOR} and maximum is 2.${MAX_MINOR}.`)
  }
  return minor
}

export function nameMicroversion(reply: FastifyReply, minor: number): void {
  reply.headers({ [HEADER]: `compute 2.${minor}`, [OLD_HEADER]: `2.${minor}`, vary: 'OpenStack-API-Version, X-OpenStack-Nova-API-Version' })
}
