/**
 * Who has which role where: Keystone's grants, to users and to groups, for a place or (OS-INHERIT) for the projects below it; and the list of
 * all assignments.
 */
import type { FastifyInstance } from 'fastify'
import type { Assignment, Holder, IdentityGate, Kind, Resource, Target } from '../../../actors/identity/api.ts'
import { badRequest, notFound } from '../requests/errors.ts'
import { originOf } from '../requests/request.ts'
import { checkedId, listBody } from './resources.ts'
import { assignmentView, resourceView } from './views.ts'

const V3 = '/identity/v3'

interface HolderParams {
  readonly id?: string
  readonly holder: string
}

interface GrantParams extends HolderParams {
  readonly role: string
}

const isSet = (value: string | undefined): boolean => value !== undefined && !/^(0|false|f|no|off)$/i.test(value)

const PLACES: readonly (readonly [path: string, targetOf: (id: string) => Target])[] = [
  ['projects/:id', id => ({ type: 'project', id: checkedId('project', id) })],
  ['domains/:id', id => ({ type: 'domain', id: checkedId('domain', id) })],
  ['system', () => ({ type: 'system' })],
]
const HOLDERS: readonly (readonly [path: string, holderOf: (id: string) => Holder])[] = [
  ['users/:holder', id => ({ user: checkedId('user', id) })],
  ['groups/:holder', id => ({ group: checkedId('group', id) })],
]

/** One way to grant: in a kind of place, to a kind of holder, for the place itself or for what is below. */
interface Way {
  /** Of the list, and of one role. */
  readonly path: string
  readonly one: string
  readonly inherited: boolean
  targetOf(id: string): Target
  holderOf(id: string): Holder
}

const WAYS: readonly Way[] = PLACES.flatMap(([place, targetOf]) =>
  HOLDERS.flatMap(([holder, holderOf]): Way[] => {
    const direct = `${V3}/${place}/${holder}/roles`
    const below = `${V3}/OS-INHERIT/${place}/${holder}/roles`
    return [
      { path: direct, one: `${direct}/:role`, inherited: false, targetOf, holderOf },
      // Nothing is below the system.
      ...(place === 'system'
        ? []
        : [{ path: `${below}/inherited_to_projects`, one: `${below}/:role/inherited_to_projects`, inherited: true, targetOf, holderOf }]),
    ]
  }),
)

export function grantRoutes(app: FastifyInstance, gate: IdentityGate): void {
  for (const way of WAYS) grantRoutesOf(app, gate, way)
  assignmentRoutes(app, gate)
}

function grantRoutesOf(app: FastifyInstance, gate: IdentityGate, { path, one, inherited, targetOf, holderOf }: Way): void {
  const { api } = gate
  const grantOf = ({ id = '', holder, role }: GrantParams): Assignment => ({
    ...holderOf(holder),
    ...{ role: checkedId('role', role), target: targetOf(id) },
    ...(inherited ? { inherited } : {}),
  })

  app.get<{ Params: HolderParams }>(path, async request => {
    const { id = '', holder } = request.params
    const held = await api.assignments({ ...holderOf(holder), target: targetOf(id), inherited })
    const roles = await Promise.all(held.map(a => api.read({ kind: 'role', id: a.role })))
    return listBody(
      'roles',
      roles.map(role => resourceView(role, originOf(request))),
      request,
    )
  })
  // With HEAD it is the question whether there is such a grant.
  app.get<{ Params: GrantParams }>(one, async (request, reply) => {
    const grant = grantOf(request.params)
    const held = await api.assignments({ ...grant, inherited })
    if (held.length === 0) throw notFound('Role assignment', grant.role)
    return reply.code(204).send()
  })
  app.put<{ Params: GrantParams }>(one, async (request, reply) => {
    await api.assign(grantOf(request.params))
    return reply.code(204).send()
  })
  app.delete<{ Params: GrantParams }>(one, async (request, reply) => {
    await api.unassign(grantOf(request.params))
    await gate.refresh()
    return reply.code(204).send()
  })
}

function assignmentRoutes(app: FastifyInstance, gate: IdentityGate): void {
  const { api } = gate
  app.get<{ Querystring: Record<string, string | undefined> }>(`${V3}/role_assignments`, async request => {
    const { query } = request
    const project = query['scope.project.id']
    const domain = query['scope.domain.id']
    const target: Target | undefined =
      project !== undefined
        ? { type: 'project', id: project }
        : domain !== undefined
          ? { type: 'domain', id: domain }
          : query['scope.system'] !== undefined
            ? { type: 'system' }
            : undefined
    const [user, group, role] = [query['user.id'], query['group.id'], query['role.id']]
    const inherited = query['scope.OS-INHERIT:inherited_to']
    if (user !== undefined && group !== undefined) throw badRequest('Ask for a user or for a group, not for both.')
    if (inherited !== undefined && inherited !== 'projects') throw badRequest('Roles are inherited to projects alone.')
    const found = await api.assignments({
      ...(user === undefined ? {} : { user }),
      ...(group === undefined ? {} : { group }),
      ...(role === undefined ? {} : { role }),
      ...(target ? { target } : {}),
      ...(inherited === undefined ? {} : { inherited: true }),
      effective: 'effective' in query && isSet(query.effective ?? ''),
    })
    const nameOf = 'include_names' in query && isSet(query.include_names ?? '') ? await names(gate) : (_: Kind, id: string) => ({ id })
    return listBody(
      'role_assignments',
      found.map(a => assignmentView(a, originOf(request), nameOf)),
      request,
    )
  })
}

/** From an id to it with its name, and the name of its domain. */
async function names({ api }: IdentityGate): Promise<(kind: Kind, id: string) => object> {
  const kinds = ['domain', 'project', 'user', 'group', 'role'] as const
  const lists = await Promise.all(kinds.map(kind => api.find({ kind, where: {} })))
  const byKey = new Map<string, Resource>(lists.flat().map(resource => [`${resource.kind} ${resource.id}`, resource]))
  return (kind, id) => {
    const found = byKey.get(`${kind} ${id}`)
    const domain = found?.domain ? byKey.get(`domain ${found.domain}`) : undefined
    return { id, name: found?.name ?? '', ...(domain ? { domain: { id: domain.id, name: domain.name } } : {}) }
  }
}
