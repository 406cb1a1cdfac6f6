/**
 * /os-quota-sets, /os-quota-class-sets and /limits, in the shapes of Nova's API reference. A check of what is entered against what is
 * there is Baton's own. Nova's quotas of single users, and of what Baton does not have, are refused.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { type Amounts, isResource, LIMIT_MAX, type Limits, type QuotaBody, RESOURCES, UNLIMITED } from '../../../actors/kernel/quota.ts'
import { BATON, COMPUTE, type HttpContext } from '../context.ts'
import { type Shape, shaped, until } from '../requests/changes.ts'
import { badRequest } from '../requests/errors.ts'
import { checkProject, projectOf } from '../requests/request.ts'
import { Id, type IdParams } from '../requests/schemas.ts'

const NO_USERS = { description: 'quotas are per project; there are none per user' }
const SetsQuery = Type.Object({ user_id: Type.Optional(Type.Literal('', NO_USERS)) })
/** What limits a user is the project's. */
const ReadQuery = Type.Object({ user_id: Type.Optional(Id) })

const Limit = Type.Union([Type.Integer({ minimum: UNLIMITED, maximum: LIMIT_MAX }), Type.String({ pattern: '^(-1|[0-9]{1,9})$' })], {
  description: `it must be a whole number from 0 to ${LIMIT_MAX}, or -1: no limit`,
})

/** What Nova had quotas of and Baton does not have: nothing limits it. A limit may be set, as older clients do, and changes nothing. */
const NETWORK = ['floating_ips', 'fixed_ips', 'security_groups', 'security_group_rules'] as const
const INJECTED = ['injected_files', 'injected_file_content_bytes', 'injected_file_path_bytes'] as const

const each = <T>(names: readonly string[], value: T): Record<string, T> => Object.fromEntries(names.map(name => [name, value]))

/** What may be limited, in all versions. */
const LIMITED = {
  ...each(RESOURCES, Type.Optional(Limit)),
  ...each(NETWORK, Type.Optional(until('proxies-gone', Limit))),
  ...each(INJECTED, Type.Optional(until('personality.gone', Limit))),
}
const NO_SUCH_QUOTA = { additionalProperties: false, description: `there is no such quota; there are ${RESOURCES.join(', ')}` }

const UpdateClass = Type.Object({ quota_class_set: Type.Object(LIMITED, NO_SUCH_QUOTA) }, { additionalProperties: false })
type UpdateClass = Static<typeof UpdateClass>

const UpdateQuota = Type.Object(
  {
    quota_set: Type.Object(
      {
        ...LIMITED,
        force: Type.Optional(Type.Boolean()),
        tenant_id: Type.Optional(Id),
      },
      NO_SUCH_QUOTA,
    ),
  },
  { additionalProperties: false },
)
type UpdateQuota = Static<typeof UpdateQuota>

const LimitsQuery = Type.Object({ tenant_id: Type.Optional(Id), reserved: Type.Optional(Type.String({ maxLength: 5 })) })
type LimitsQuery = Static<typeof LimitsQuery>

const SET_SHAPES: readonly Shape<null>[] = [
  { change: 'proxies-gone', drop: NETWORK },
  { change: 'personality.gone', drop: INJECTED },
]

/** Glance's quotas are set here like the others, but Nova's clients know nothing of them: they are shown under /image/v2/info/usage. */
const NOVAS = RESOURCES.filter(resource => !resource.startsWith('image_'))

const quotaSet = (limits: Limits, minor: number, unused: Readonly<Record<string, number>> = {}) => {
  const known = Object.fromEntries(NOVAS.map(resource => [resource, limits[resource]]))
  return shaped({ ...each([...NETWORK, ...INJECTED], UNLIMITED), ...unused, ...known }, null, minor, SET_SHAPES)
}

/** Limits as a body names them, numbers or text: those of what there is, and those of nothing. */
function limitsIn(named: Readonly<Record<string, unknown>>): { readonly limits: Amounts; readonly unused: Readonly<Record<string, number>> } {
  const all = Object.entries(named).map(([name, limit]) => [name, Number(limit)] as const)
  return {
    limits: Object.fromEntries(all.filter(([name]) => isResource(name))),
    unused: Object.fromEntries(all.filter(([name]) => !isResource(name))),
  }
}

/** What is reserved counts as used, as it does in Nova. */
function detailOf({ id, limits, used }: QuotaBody, minor: number) {
  const resources = NOVAS.map(resource => [resource, { limit: limits[resource], in_use: used[resource], reserved: 0 }] as const)
  const unused = each([...NETWORK, ...INJECTED], { limit: UNLIMITED, in_use: 0, reserved: 0 })
  const fields = { id, ...unused, ...Object.fromEntries(resources) }
  return shaped(fields, null, minor, SET_SHAPES)
}

const LIMIT_SHAPES: readonly Shape<null>[] = [
  {
    change: 'proxies-gone',
    drop: ['maxTotalFloatingIps', 'totalFloatingIpsUsed', 'maxSecurityGroups', 'totalSecurityGroupsUsed', 'maxSecurityGroupRules'],
  },
  { change: 'image.metadata-gone', drop: ['maxImageMeta'] },
  { change: 'personality.gone', drop: ['maxPersonality', 'maxPersonalitySize'] },
]

const absoluteOf = ({ limits, used }: QuotaBody) => ({
  maxTotalFloatingIps: UNLIMITED,
  totalFloatingIpsUsed: 0,
  maxSecurityGroups: UNLIMITED,
  totalSecurityGroupsUsed: 0,
  maxSecurityGroupRules: UNLIMITED,
  maxImageMeta: limits.metadata_items,
  // No driver writes files into a guest.
  maxPersonality: 0,
  maxPersonalitySize: 0,
  maxTotalInstances: limits.instances,
  maxTotalCores: limits.cores,
  maxTotalRAMSize: limits.ram,
  maxTotalKeypairs: limits.key_pairs,
  maxServerGroups: limits.server_groups,
  maxServerGroupMembers: limits.server_group_members,
  maxServerMeta: limits.metadata_items,
  totalInstancesUsed: used.instances,
  totalCoresUsed: used.cores,
  totalRAMUsed: used.ram,
  totalServerGroupsUsed: used.server_groups,
})

const DEFAULT_CLASS = 'default'

const project = (request: FastifyRequest<{ Params: IdParams }>): string => checkProject('The project', request.params.id)

export function quotaRoutes(app: FastifyInstance, { api }: HttpContext): void {
  const sets = `${COMPUTE}/os-quota-sets/:id`
  const schema = { querystring: SetsQuery }

  const read = { schema: { querystring: ReadQuery } }

  app.get<{ Params: IdParams }>(sets, read, async request => {
    const { id, limits } = await api.getQuota({ id: project(request) })
    return { quota_set: { id, ...quotaSet(limits, request.novaMinor) } }
  })

  app.get<{ Params: IdParams }>(`${sets}/detail`, read, async request => ({
    quota_set: detailOf(await api.getQuota({ id: project(request) }), request.novaMinor),
  }))

  app.get<{ Params: IdParams }>(`${sets}/defaults`, async request => {
    const { id, defaults } = await api.getQuota({ id: project(request) })
    return { quota_set: { id, ...quotaSet(defaults, request.novaMinor) } }
  })

  app.put<{ Params: IdParams; Body: UpdateQuota }>(sets, { schema: { ...schema, body: UpdateQuota } }, async request => {
    const { force, tenant_id, ...named } = request.body.quota_set
    const id = project(request)
    if (tenant_id !== undefined && tenant_id !== id) throw badRequest(`Invalid input for quota_set.tenant_id: the path names ${id}.`)
    if (Object.keys(named).length === 0) throw badRequest('Invalid input for quota_set: it names no quota to set.')
    const { limits } = limitsIn(named)
    const set = await api.setQuota({ id, limits, ...(force === undefined ? {} : { force }) })
    return { quota_set: quotaSet(set.limits, request.novaMinor) }
  })

  app.delete<{ Params: IdParams }>(sets, { schema }, async (request, reply) => {
    await api.resetQuota({ id: project(request) })
    return reply.code(202).send()
  })

  const classes = `${COMPUTE}/os-quota-class-sets/:id`

  app.get<{ Params: IdParams }>(classes, async request => {
    const { id } = request.params
    // Nova, too, answers for a class it does not know with the defaults.
    const { limits, unused } = await api.getDefaultLimits({})
    return { quota_class_set: { id: checkProject('The class', id), ...quotaSet(limits, request.novaMinor, unused) } }
  })

  app.put<{ Params: IdParams; Body: UpdateClass }>(classes, { schema: { body: UpdateClass } }, async request => {
    const named = request.body.quota_class_set
    if (request.params.id !== DEFAULT_CLASS)
      throw badRequest(`There is one class of quotas, ${DEFAULT_CLASS}: the limits of projects without own ones.`)
    if (Object.keys(named).length === 0) throw badRequest('Invalid input for quota_class_set: it names no quota to set.')
    const { limits, unused } = await api.setDefaultLimits(limitsIn(named))
    return { quota_class_set: quotaSet(limits, request.novaMinor, unused) }
  })

  app.get<{ Querystring: LimitsQuery }>(`${COMPUTE}/limits`, { schema: { querystring: LimitsQuery } }, async request => {
    const { tenant_id } = request.query
    const id = tenant_id === undefined ? projectOf(request) : checkProject('tenant_id', tenant_id)
    return { limits: { rate: [], absolute: shaped(absoluteOf(await api.getQuota({ id })), null, request.novaMinor, LIMIT_SHAPES) } }
  })

  app.get<{ Params: IdParams }>(`${BATON}/quotas/:id`, async request => ({ quota: await api.getQuota({ id: project(request) }) }))

  app.get<{ Params: IdParams }>(`${BATON}/quotas/:id/check`, async request => ({ check: await api.checkQuota({ id: project(request) }) }))
}
