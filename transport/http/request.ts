/** What is read from a request outside its body. */
import type { FastifyRequest } from 'fastify'
import { PROJECT_NAME } from '../../actors/kernel/quota.ts'
import { PROJECT } from './context.ts'
import { badRequest, notFound, printable } from './errors.ts'

const HOST = /^[a-zA-Z0-9._-]+(:\d{1,5})?$|^\[[0-9a-fA-F:.]+\](:\d{1,5})?$/
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const OPERATION = /^[^\p{Cc}\p{Cs}/]{1,255}\.[0-9]{1,15}$/u
const PLAIN_ID = /^[^\p{Cc}\p{Cs}/]{1,255}$/u

/** Where the client reached us, for links: scheme and host, without a slash at the end. */
export function originOf(request: FastifyRequest): string {
  const host = request.headers.host
  if (host !== undefined && HOST.test(host)) return `http://${host}`
  const { localAddress = '127.0.0.1', localPort = 80 } = request.socket
  return `http://${localAddress.includes(':') ? `[${localAddress}]` : localAddress}:${localPort}`
}

export function checkProject(what: string, name: string): string {
  if (!PROJECT_NAME.test(name)) throw badRequest(`${what} must be 1 to 64 letters, digits, "-" or "_", not "${printable(name)}".`)
  return name
}

/** Whose request this is: until identity exists, whoever the client says, in X-Project-Id. */
export function projectOf(request: FastifyRequest): string {
  const name = request.headers['x-project-id']
  if (name === undefined) return PROJECT
  if (typeof name !== 'string') throw badRequest('X-Project-Id must be sent once.')
  return checkProject('X-Project-Id', name)
}

// An id that cannot exist is answered here: no actor is woken for it.

export function instanceId(id: string): string {
  const lower = id.toLowerCase()
  if (!UUID.test(lower)) throw notFound('Instance', id)
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
