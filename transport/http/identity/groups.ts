/** Which users are in a group, and which roles others imply, in Keystone's shapes. */
import type { FastifyInstance } from 'fastify'
import type { IdentityGate, Implication, Resource } from '../../../actors/identity/api.ts'
import { notFound } from '../requests/errors.ts'
import { originOf } from '../requests/request.ts'
import type { IdParams } from '../requests/schemas.ts'
import { checkedId, listBody } from './resources.ts'
import { inferenceView, pathOf, resourceView, roleReference } from './views.ts'

interface MemberParams extends IdParams {
  readonly user: string
}

export function groupRoutes(app: FastifyInstance, gate: IdentityGate): void {
  const { api } = gate
  const members = `${pathOf('group')}/:id/users`
  const membershipOf = ({ id, user }: MemberParams) => ({ group: checkedId('group', id), user: checkedId('user', user) })

  app.get<{ Params: IdParams }>(members, async request => {
    const users = await api.members({ group: checkedId('group', request.params.id) })
    return listBody(
      'users',
      users.map(user => resourceView(user, originOf(request))),
      request,
    )
  })

  app.get<{ Params: IdParams }>(`${pathOf('user')}/:id/groups`, async request => {
    const groups = await api.groupsOf({ user: checkedId('user', request.params.id) })
    return listBody(
      'groups',
      groups.map(group => resourceView(group, originOf(request))),
      request,
    )
  })

  // With HEAD it is the question whether the user is a member.
  app.get<{ Params: MemberParams }>(`${members}/:user`, async (request, reply) => {
    const { group, user } = membershipOf(request.params)
    if (!(await api.members({ group })).some(({ id }) => id === user)) throw notFound('User in group', user)
    return reply.code(204).send()
  })

  app.put<{ Params: MemberParams }>(`${members}/:user`, async (request, reply) => {
    await api.addMember(membershipOf(request.params))
    return reply.code(204).send()
  })

  app.delete<{ Params: MemberParams }>(`${members}/:user`, async (request, reply) => {
    await api.removeMember(membershipOf(request.params))
    await gate.refresh()
    return reply.code(204).send()
  })
}

interface ImpliedParams extends IdParams {
  readonly implied: string
}

export function impliedRoleRoutes(app: FastifyInstance, gate: IdentityGate): void {
  const { api } = gate
  const implies = `${pathOf('role')}/:id/implies`
  const ruleOf = ({ id, implied }: ImpliedParams): Implication => ({ prior: checkedId('role', id), implied: checkedId('role', implied) })
  const role = (id: string): Promise<Resource> => api.read({ kind: 'role', id })

  const inference = async ({ prior, implied }: Implication, origin: string) => {
    const [from, to] = await Promise.all([role(prior), role(implied)])
    return { role_inference: { prior_role: roleReference(from, origin), implies: roleReference(to, origin) } }
  }

  app.get('/identity/v3/role_inferences', async request => {
    const [rules, roles] = await Promise.all([api.implications({}), api.find({ kind: 'role', where: {} })])
    const byId = new Map(roles.map(each => [each.id, each]))
    const grouped = Map.groupBy(rules, ({ prior }) => prior)
    const inferences = [...grouped].flatMap(([prior, list]) => {
      const from = byId.get(prior)
      return from
        ? [
            inferenceView(
              from,
              list.flatMap(({ implied }) => byId.get(implied) ?? []),
              originOf(request),
            ),
          ]
        : []
    })
    return { role_inferences: inferences, links: { self: `${originOf(request)}/identity/v3/role_inferences` } }
  })

  app.get<{ Params: IdParams }>(implies, async request => {
    const prior = await role(checkedId('role', request.params.id))
    const rules = (await api.implications({})).filter(rule => rule.prior === prior.id)
    const implied = await Promise.all(rules.map(rule => role(rule.implied)))
    return { role_inference: inferenceView(prior, implied, originOf(request)) }
  })

  app.get<{ Params: ImpliedParams }>(`${implies}/:implied`, async (request, reply) => {
    const { prior, implied } = ruleOf(request.params)
    const rules = await api.implications({})
    if (!rules.some(rule => rule.prior === prior && rule.implied === implied)) throw notFound('Implied role', implied)
    // It says nothing, so it has another status in Keystone.
    if (request.method === 'HEAD') return reply.code(204).send()
    return inference({ prior, implied }, originOf(request))
  })

  app.put<{ Params: ImpliedParams }>(`${implies}/:implied`, async (request, reply) => {
    const rule = ruleOf(request.params)
    await api.imply(rule)
    return reply.code(201).send(await inference(rule, originOf(request)))
  })

  app.delete<{ Params: ImpliedParams }>(`${implies}/:implied`, async (request, reply) => {
    await api.unimply(ruleOf(request.params))
    await gate.refresh()
    return reply.code(204).send()
  })
}
