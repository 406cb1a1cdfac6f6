/** What is read from a request outside its body. */
import type { FastifyRequest } from 'fastify'
import type { ClusterApi, FlavorBody } from '../../../actors/api.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { PROJECT_NAME } from '../../../actors/kernel/quota.ts'
import type { Requester } from '../../../actors/kernel/requester.ts'
import { PROJECT, USER } from '../context.ts'
import { isAdmin, projectIn } from '../policy/checks.ts'
import { badRequest, notFound, printable } from './errors.ts'
import { traceOf } from './trace.ts'

const HOST = /^[a-zA-Z0-9._-]+(:\d{1,5})?$|^\[[0-9a-fA-F:.]+\](:\d{1,5})?$/
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const OPERATION = /^[^\p{Cc}\p{Cs}/]{1,255}\.[0-9]{1,15}$/u
const PLAIN_ID = /^[^\p{Cc}\p{Cs}/]{1,255}$/u

/** Where the client reached us, for links: scheme and host, without a slash at the end. */
export function originOf(request: FastifyRequest): string {
  // Behind a balancer that is trusted, how the client spoke to that.
  const { host, protocol } = request
  if (host !== undefined && HOST.test(host)) return `${protocol}://${host}`
  const { localAddress = '127.0.0.1', localPort = 80 } = request.socket
  return `${protocol}://${localAddress.includes(':') ? `[${localAddress}]` : localAddress}:${localPort}`
}

export function checkProject(what: string, name: string): string {
  if (!PROJECT_NAME.test(name)) throw badRequest(`${what} must be 1 to 64 letters, digits, "-" or "_", not "${printable(name)}".`)
  return name
}

/** Whose request this is: by its token; without identities whoever the client says, in X-Project-Id. */
export function projectOf(request: FastifyRequest): string {
  if (request.claims) return projectIn(request.claims) ?? noProject()
  const name = request.headers['x-project-id']
  if (name === undefined) return PROJECT
  if (typeof name !== 'string') throw badRequest('X-Project-Id must be sent once.')
  return checkProject('X-Project-Id', name)
}

/** Who asks; without identities everybody is the same. */
export const userOf = ({ claims }: FastifyRequest): string => claims?.user.id ?? USER

/** What goes with a request into the operation it begins: its id, who asks, and the trace it is part of. */
export function beginning(request: FastifyRequest): { readonly requestId: string; readonly by?: Requester } {
  const trace = traceOf(request)
  const by: Requester = { ...(request.claims ? { user: request.claims.user.id } : {}), ...(trace === undefined ? {} : { trace }) }
  return { requestId: request.id, ...(Object.keys(by).length > 0 ? { by } : {}) }
}

/** The user whose things a request is about: who asks, or another one if an admin says so. */
export function checkUser(request: FastifyRequest, named: string | undefined): string {
  const me = userOf(request)
  const { claims } = request
  if (named !== undefined && named !== me && claims && !isAdmin(claims))
    throw new BatonError('Forbidden', "Only an admin may ask for another user's.")
  return named ?? me
}

/** Without identities everybody may do anything, but a list is as anybody's. */
export const isAdminOf = ({ claims }: FastifyRequest): boolean => claims !== undefined && claims !== null && isAdmin(claims)

/** Whether who asks may use this flavor, and know of it. */
export const mayUse = ({ claims }: FastifyRequest, { isPublic = true, access = [] }: Pick<FlavorBody, 'isPublic' | 'access'>): boolean =>
  isPublic || !claims || isAdmin(claims) || access.includes(projectIn(claims) ?? '')

/** Rejects `NotFound` for a flavor that who asks may not know of. */
export async function checkFlavor(request: FastifyRequest, api: Pick<ClusterApi, 'getFlavor'>, id: string): Promise<FlavorBody> {
  const flavor = await api.getFlavor({ id })
  if (!mayUse(request, flavor)) throw notFound('Flavor', id)
  return flavor
}

const noProject = (): never => {
  throw new BatonError('Forbidden', 'This needs a token of a project.')
}

// An id that cannot exist is answered here: no actor is woken for it.

export function instanceId(id: string): string {
  const lower = id.toLowerCase()
  if (!UUID.test(lower)) throw notFound('Instance', id)
  return lower
}

export function agentIdOf(id: string): string {
  const lower = id.toLowerCase()
  if (!UUID.test(lower)) throw notFound('Agent', id)
  return lower
}

export function operationId(id: string): string {
  if (!OPERATION.test(id)) throw notFound('Operation', id)
  return id
}

/** Ids given by people: flavors, images, hosts, nodes. `what` is the word for the message. */
export function plainId(what: string, id: string): string {
  if (!PLAIN_ID.test(id)) throw notFound(what, id)
  return id
}
