/**
 * /os-quota-sets, /os-quota-class-sets and /limits, in the shapes of Nova's API reference. A check of what is entered against what is
 * there is Baton's own. Nova's quotas of single users, and of what Baton does not have, are refused.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { BatonError } from '../../actors/kernel/errors.ts'
import { type Amounts, isResource, LIMIT_MAX, type Limits, type QuotaBody, RESOURCES, UNLIMITED } from '../../actors/kernel/quota.ts'
import { BATON, COMPUTE, type HttpContext } from './context.ts'
import { badRequest } from './errors.ts'
import { checkProject, projectOf } from './request.ts'
import { Id, type IdParams } from './schemas.ts'

const NO_USERS = { description: 'quotas are per project; there are none per user' }
const SetsQuery = Type.Object({ user_id: Type.Optional(Type.Literal('', NO_USERS)) })

const Limit = Type.Integer({
  minimum: UNLIMITED,
  maximum: LIMIT_MAX,
  description: `it must be a whole number from 0 to ${LIMIT_MAX}, or -1: no limit`,
})

const UpdateQuota = Type.Object(
  {
    quota_set: Type.Object(
      {
        ...Object.fromEntries(RESOURCES.map(resource => [resource, Type.Optional(Limit)])),
        force: Type.Optional(Type.Boolean()),
        tenant_id: Type.Optional(Id),
      },
      { additionalProperties: false, description: `there is no such quota; there are ${RESOURCES.join(', ')}` },
    ),
  },
  { additionalProperties: false },
)
type UpdateQuota = Static<typeof UpdateQuota> & { readonly quota_set: Amounts }

const LimitsQuery = Type.Object({ tenant_id: Type.Optional(Id), reserved: Type.Optional(Type.String({ maxLength: 5 })) })
type LimitsQuery = Static<typeof LimitsQuery>

/** Items of metadata that an instance may have: a rule of the API's schemas, the same for all. */
const METADATA_ITEMS = 128

/** Glance's quotas are set here like the others, but Nova's clients know nothing of them: they are shown under /image/v2/info/usage. */
const NOVAS = RESOURCES.filter(resource => !resource.startsWith('image_'))

const quotaSet = (limits: Limits) => ({ ...Object.fromEntries(NOVAS.map(resource => [resource, limits[resource]])), metadata_items: METADATA_ITEMS })

/** What is reserved counts as used, as it does in Nova. */
function detailOf({ id, limits, used }: QuotaBody) {
  const resources = NOVAS.map(resource => [resource, { limit: limits[resource], in_use: used[resource], reserved: 0 }] as const)
  return { id, ...Object.fromEntries(resources), metadata_items: { limit: METADATA_ITEMS, in_use: 0, reserved: 0 } }
}

const absoluteOf = ({ limits, used }: QuotaBody) => ({
  maxTotalInstances: limits.instances,
  maxTotalCores: limits.cores,
  maxTotalRAMSize: limits.ram,
  maxTotalKeypairs: limits.key_pairs,
  maxServerGroups: limits.server_groups,
  maxServerGroupMembers: limits.server_group_members,
  maxServerMeta: METADATA_ITEMS,
  totalInstancesUsed: used.instances,
  totalCoresUsed: used.cores,
  totalRAMUsed: used.ram,
  totalServerGroupsUsed: used.server_groups,
})

const project = (request: FastifyRequest<{ Params: IdParams }>): string => checkProject('The project', request.params.id)

export function quotaRoutes(app: FastifyInstance, { api }: HttpContext): void {
  const sets = `${COMPUTE}/os-quota-sets/:id`
  const schema = { querystring: SetsQuery }

  app.get<{ Params: IdParams }>(sets, { schema }, async request => {
    const { id, limits } = await api.getQuota({ id: project(request) })
    return { quota_set: { id, ...quotaSet(limits) } }
  })

  app.get<{ Params: IdParams }>(`${sets}/detail`, { schema }, async request => ({
    quota_set: detailOf(await api.getQuota({ id: project(request) })),
  }))

  app.get<{ Params: IdParams }>(`${sets}/defaults`, async request => {
    const { id, defaults } = await api.getQuota({ id: project(request) })
    return { quota_set: { id, ...quotaSet(defaults) } }
  })

  app.put<{ Params: IdParams; Body: UpdateQuota }>(sets, { schema: { ...schema, body: UpdateQuota } }, async request => {
    const { force, tenant_id, ...limits } = request.body.quota_set
    const id = project(request)
    if (tenant_id !== undefined && tenant_id !== id) throw badRequest(`Invalid input for quota_set.tenant_id: the path names ${id}.`)
    if (!Object.keys(limits).some(isResource)) throw badRequest('Invalid input for quota_set: it names no quota to set.')
    const set = await api.setQuota({ id, limits, ...(force === undefined ? {} : { force }) })
    return { quota_set: quotaSet(set.limits) }
  })

  app.delete<{ Params: IdParams }>(sets, { schema }, async (request, reply) => {
    await api.resetQuota({ id: project(request) })
    return reply.code(202).send()
  })

  const classes = `${COMPUTE}/os-quota-class-sets/:id`

  app.get<{ Params: IdParams }>(classes, async request => {
    const { id } = request.params
    // Nova, too, answers for a class it does not know with the defaults.
    const { defaults } = await api.getQuota({ id: 'default' })
    return { quota_class_set: { id: checkProject('The class', id), ...quotaSet(defaults) } }
  })

  app.put(classes, async () => {
    throw new BatonError('Forbidden', 'The default quotas are settings of the conductors: quota.instances and the others in their configuration.')
  })

  app.get<{ Querystring: LimitsQuery }>(`${COMPUTE}/limits`, { schema: { querystring: LimitsQuery } }, async request => {
    const { tenant_id } = request.query
    const id = tenant_id === undefined ? projectOf(request) : checkProject('tenant_id', tenant_id)
    return { limits: { rate: [], absolute: absoluteOf(await api.getQuota({ id })) } }
  })

  app.get<{ Params: IdParams }>(`${BATON}/quotas/:id`, async request => ({ quota: await api.getQuota({ id: project(request) }) }))

  app.get<{ Params: IdParams }>(`${BATON}/quotas/:id/check`, async request => ({ check: await api.checkQuota({ id: project(request) }) }))
}
