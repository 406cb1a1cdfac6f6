/** /os-server-groups in Nova's shapes, and /baton/v1/groups. */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { GROUP_POLICIES, type GroupPolicy } from '../../../actors/api.ts'
import { BATON, COMPUTE, type HttpContext } from '../context.ts'
import { CHANGES, has, since, until } from '../requests/changes.ts'
import { badRequest } from '../requests/errors.ts'
import { pageOf } from '../requests/paging.ts'
import { originOf, plainId, projectOf } from '../requests/request.ts'
import { type IdParams, integer, Name, PageQuery } from '../requests/schemas.ts'
import { groupView } from '../views/aggregate.ts'
import { nextLinks } from '../views/links.ts'

const only = { additionalProperties: false } as const

const Policy = Type.Enum([...GROUP_POLICIES], { description: `it must be one of ${GROUP_POLICIES.join(', ')}` })
/** The openstack client sends the number as text. */
const PerHost = Type.Union([integer(1, 10_000, ''), Type.String({ pattern: '^([1-9][0-9]{0,3}|10000)$' })], {
  description: 'it must be a whole number from 1 to 10000',
})
const Rules = Type.Object({ max_server_per_host: Type.Optional(PerHost) }, only)
const Policies = Type.Array(Policy, { minItems: 1, maxItems: 1, description: 'it must be a list of one policy' })
const CreateServerGroup = Type.Object(
  {
    server_group: Type.Object(
      {
        name: Name,
        policies: Type.Optional(until('group.rules', Policies)),
        policy: Type.Optional(since('group.rules', Policy)),
        rules: Type.Optional(since('group.rules', Rules)),
      },
      only,
    ),
  },
  only,
)
type CreateServerGroup = Static<typeof CreateServerGroup>

const CreateGroup = Type.Object({ name: Name, policy: Policy, maxServerPerHost: Type.Optional(integer(1, 10_000, '')) }, only)
type CreateGroup = Static<typeof CreateGroup>

/** The policy, which has two names by version. */
function policyOf({ policies, policy = policies?.[0] }: CreateServerGroup['server_group'], minor: number): GroupPolicy {
  const field = has(minor, 'group.rules') ? 'policy' : 'policies'
  if (policy === undefined) throw badRequest(`Invalid input: server_group.${field} is missing.`)
  if (policy.startsWith('soft-') && !has(minor, 'group.soft')) {
    throw badRequest(`Invalid input for server_group.${field}: ${policy} needs microversion 2.${CHANGES['group.soft'].since} or later.`)
  }
  return policy
}

export function groupRoutes(app: FastifyInstance, { api, limits }: HttpContext): void {
  const path = `${COMPUTE}/os-server-groups`
  const group = (id: string) => api.getGroup({ id: plainId('Server group', id) })
  const remove = (id: string) => api.deleteGroup({ id: plainId('Server group', id) })

  app.get<{ Querystring: PageQuery }>(path, { schema: { querystring: PageQuery } }, async request => {
    const { items } = await pageOf(request.query, limits.maxPageItems, page => api.listGroups({ project: projectOf(request), ...page }))
    return { server_groups: items.map(item => groupView(item, request.novaMinor)) }
  })

  app.post<{ Body: CreateServerGroup }>(path, { schema: { body: CreateServerGroup } }, async request => {
    const { name, rules } = request.body.server_group
    const policy = policyOf(request.body.server_group, request.novaMinor)
    const max = rules?.max_server_per_host
    const rule = max === undefined ? {} : { maxServerPerHost: Number(max) }
    const made = await api.createGroup({ id: randomUUID(), name, project: projectOf(request), policy, ...rule })
    return { server_group: groupView(made, request.novaMinor) }
  })

  app.get<{ Params: IdParams }>(`${path}/:id`, async request => ({ server_group: groupView(await group(request.params.id), request.novaMinor) }))

  app.delete<{ Params: IdParams }>(`${path}/:id`, async (request, reply) => {
    await remove(request.params.id)
    return reply.code(204).send()
  })

  app.get<{ Querystring: PageQuery }>(`${BATON}/groups`, { schema: { querystring: PageQuery } }, async request => {
    const { items, next } = await pageOf(request.query, limits.maxPageItems, page => api.listGroups({ project: projectOf(request), ...page }))
    return { groups: items, ...nextLinks('groups', originOf(request), request.url, next) }
  })

  app.post<{ Body: CreateGroup }>(`${BATON}/groups`, { schema: { body: CreateGroup } }, async request => {
    const { name, policy, maxServerPerHost } = request.body
    const rule = maxServerPerHost === undefined ? {} : { maxServerPerHost }
    return { group: await api.createGroup({ id: randomUUID(), name, project: projectOf(request), policy, ...rule }) }
  })

  app.get<{ Params: IdParams }>(`${BATON}/groups/:id`, async request => ({ group: await group(request.params.id) }))

  app.delete<{ Params: IdParams }>(`${BATON}/groups/:id`, async (request, reply) => {
    await remove(request.params.id)
    return reply.code(204).send()
  })
}
