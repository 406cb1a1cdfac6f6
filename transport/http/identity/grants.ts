/** Who has which role where: Keystone's grants, and the list of all assignments. */
import type { FastifyInstance } from 'fastify'
import type { IdentityGate, Kind, Resource, Target } from '../../../actors/identity/api.ts'
import { notFound } from '../errors.ts'
import { originOf } from '../request.ts'
import { checkedId, listBody } from './resources.ts'
import { assignmentView, resourceView } from './views.ts'

const V3 = '/identity/v3'

interface GrantParams {
  readonly id?: string
  readonly user: string
  readonly role: string
}

const isSet = (value: string | undefined): boolean => value !== undefined && !/^(0|false|f|no|off)$/i.test(value)

export function grantRoutes(app: FastifyInstance, gate: IdentityGate): void {
  const { api } = gate
  const places: readonly (readonly [string, (id: string) => Target])[] = [
    ['projects/:id', id => ({ type: 'project', id: checkedId('project', id) })],
    ['domains/:id', id => ({ type: 'domain', id: checkedId('domain', id) })],
    ['system', () => ({ type: 'system' })],
  ]
  for (const [place, targetOf] of places) {
    const path = `${V3}/${place}/users/:user/roles`
    const grantOf = ({ id = '', user, role }: GrantParams) => ({
      ...{ user: checkedId('user', user), role: checkedId('role', role), target: targetOf(id) },
    })
    app.get<{ Params: { id?: string; user: string } }>(path, async request => {
      const { id = '', user } = request.params
      const held = await api.assignments({ user: checkedId('user', user), target: targetOf(id) })
      const roles = await Promise.all(held.map(a => api.read({ kind: 'role', id: a.role })))
      return listBody(
        'roles',
        roles.map(role => resourceView(role, originOf(request))),
        request,
      )
    })
    // With HEAD it is the question whether there is such a grant.
    app.get<{ Params: GrantParams }>(`${path}/:role`, async (request, reply) => {
      const grant = grantOf(request.params)
      const held = await api.assignments(grant)
      if (held.length === 0) throw notFound('Role assignment', grant.role)
      return reply.code(204).send()
    })
    app.put<{ Params: GrantParams }>(`${path}/:role`, async (request, reply) => {
      await api.assign(grantOf(request.params))
      return reply.code(204).send()
    })
    app.delete<{ Params: GrantParams }>(`${path}/:role`, async (request, reply) => {
      await api.unassign(grantOf(request.params))
      await gate.refresh()
      return reply.code(204).send()
    })
  }

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
    const user = query['user.id']
    const role = query['role.id']
    const asked = { ...(user === undefined ? {} : { user }), ...(role === undefined ? {} : { role }), ...(target ? { target } : {}) }
    const found = await api.assignments({ ...asked, effective: 'effective' in query && isSet(query.effective ?? '') })
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
  const kinds = ['domain', 'project', 'user', 'role'] as const
  const lists = await Promise.all(kinds.map(kind => api.find({ kind, where: {} })))
  const byKey = new Map<string, Resource>(lists.flat().map(resource => [`${resource.kind} ${resource.id}`, resource]))
  return (kind, id) => {
    const found = byKey.get(`${kind} ${id}`)
    const domain = found?.domain ? byKey.get(`domain ${found.domain}`) : undefined
    return { id, name: found?.name ?? '', ...(domain ? { domain: { id: domain.id, name: domain.name } } : {}) }
  }
}
