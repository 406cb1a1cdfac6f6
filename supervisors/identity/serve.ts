/** The door to identity on a conductor, and the same interface on the gateway's side. */
import { type IdentityApi, KINDS } from '../../actors/identity/api.ts'
import { checkAssignment, checkAssignmentQuery, checkImplication, checkMembership } from '../../actors/identity/directory.ts'
import { anyOf, type Check, checkObject, flag, optional, record, text } from '../../actors/kernel/check.ts'
import { BatonError } from '../../actors/kernel/errors.ts'

const id = text(255)
const kind = anyOf(...KINDS)
/** Long enough that a password that is too long is told so by what checks passwords. */
const secret = text(100_000, 0)
const name = text(1000, 0)
const reference = checkObject({ id: optional(name), name: optional(name), domainId: optional(name), domainName: optional(name) })
const fields = checkObject({
  name: optional(text(1000, 0)),
  domain: optional(id),
  enabled: optional(flag),
  attributes: optional(record),
  secret: optional(secret),
})

const CHECKS: Readonly<Record<keyof IdentityApi, Check>> = {
  login: checkObject({
    password: optional(checkObject({ user: reference, password: secret })),
    token: optional(text(10_000)),
    credential: optional(checkObject({ id: optional(name), name: optional(name), user: optional(reference), secret })),
    scope: checkObject({ type: anyOf('default', 'none', 'system', 'project', 'domain'), ref: optional(reference) }),
    source: text(100, 0),
  }),
  trust: checkObject({ version: optional(text(100)) }),
  revoke: checkObject({ audit: text(64) }),
  catalog: record,
  read: checkObject({ kind, id }),
  find: checkObject({ kind, where: record }),
  create: checkObject({ kind, id, fields }),
  update: checkObject({ kind, id, fields }),
  remove: checkObject({ kind, id }),
  changeOwnPassword: checkObject({ id, original: secret, password: secret, source: text(100, 0) }),
  assign: checkAssignment,
  unassign: checkAssignment,
  assignments: checkAssignmentQuery,
  addMember: checkMembership,
  removeMember: checkMembership,
  members: checkObject({ group: id }),
  groupsOf: checkObject({ user: id }),
  imply: checkImplication,
  unimply: checkImplication,
  implications: record,
}

const isMethod = (method: string): method is keyof IdentityApi => Object.hasOwn(CHECKS, method)

export function serveIdentity(api: IdentityApi, method: string, args: unknown): Promise<unknown> {
  if (!isMethod(method)) return Promise.reject(new BatonError('UnknownMethod', `identity has no method ${method}`))
  const wrong = CHECKS[method](args)
  if (wrong) return Promise.reject(new BatonError('BadRequest', `identity.${method}: ${wrong}`))
  const handler = api[method] as (args: unknown) => Promise<unknown>
  return handler(args)
}

export function identityProxy(call: (method: string, args: unknown) => Promise<unknown>): IdentityApi {
  return new Proxy({} as IdentityApi, {
    get: (_, method) => (typeof method === 'string' && isMethod(method) ? (args: unknown) => call(method, args) : undefined),
  })
}
