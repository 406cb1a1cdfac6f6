/** /placement/allocation_candidates: the hosts of which each could give what is asked for. The scheduler does not ask here; it has more filters. */
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import { type HttpContext, PLACEMENT } from '../context.ts'
import { badRequest, printable } from '../requests/errors.ts'
import { arrives, from, since } from './changes.ts'
import type { Known } from './known.ts'
import { candidatesOf, type Provider, type RequestGroup, totalOf } from './provider.ts'
import { type DemandQuery, demandOf, MemberOf, Required, ResourcesText, Uuid } from './query.ts'
import { summaryView } from './views.ts'

/** Groups of one request, the one without a name included. */
const MAX_GROUPS = 32

/** A group's name: a number at first, later anything without a blank. */
const SUFFIX = '([1-9][0-9]*|[a-zA-Z0-9_-]{1,64})'

const CandidateQuery = Type.Object(
  {
    resources: Type.Optional(ResourcesText),
    required: Type.Optional(from('candidates.required', Required)),
    member_of: Type.Optional(from('candidates.member-of', MemberOf)),
    in_tree: Type.Optional(from('candidates.in-tree', Uuid)),
    limit: Type.Optional(
      from('candidates.limit', Type.String({ pattern: '^[1-9][0-9]{0,8}$', description: 'it must be a whole number of at least 1' })),
    ),
    group_policy: Type.Optional(
      from('candidates.groups', Type.Union([Type.Literal('none'), Type.Literal('isolate')], { description: 'it must be none or isolate' })),
    ),
    root_required: Type.Optional(from('candidates.root-required', Required)),
    same_subtree: Type.Optional(from('candidates.same-subtree', Type.String({ maxLength: 4096, pattern: '^[a-zA-Z0-9_,-]+$' }))),
  },
  {
    additionalProperties: false,
    patternProperties: {
      [`^resources${SUFFIX}$`]: from('candidates.groups', ResourcesText),
      [`^required${SUFFIX}$`]: from('candidates.groups', Required),
      [`^member_of${SUFFIX}$`]: from('candidates.groups', MemberOf),
      [`^in_tree${SUFFIX}$`]: from('candidates.in-tree', Uuid),
    },
  },
)
type CandidateQuery = Static<typeof CandidateQuery>

const GROUPED = new RegExp(`^(resources|required|member_of|in_tree)(${SUFFIX})?$`)

/** The groups of a query, that without a name first. Throws 400 for what they cannot be. */
export function groupsOf(query: Readonly<Record<string, unknown>>, minor: number): RequestGroup[] {
  const bySuffix = new Map<string, Record<string, unknown>>()
  for (const [name, value] of Object.entries(query)) {
    const match = GROUPED.exec(name)
    if (!match) continue
    const [, field = '', suffix = ''] = match
    if (/\D/.test(suffix) && !since(minor, 'candidates.suffix')) throw badRequest(`Invalid query string parameters: ${printable(name)} is unknown.`)
    bySuffix.set(suffix, { ...bySuffix.get(suffix), [field]: value })
  }
  if (bySuffix.size > MAX_GROUPS) throw badRequest(`Invalid query string parameters: there are more than ${MAX_GROUPS} groups of resources.`)
  const suffixes = [...bySuffix.keys()].sort()
  const groups = suffixes.map(suffix => ({ suffix, ...demandOf(bySuffix.get(suffix) as DemandQuery, minor) }))
  if (groups.every(({ resources }) => Object.keys(resources).length === 0)) {
    throw badRequest('Invalid query string parameters: at least one of resources and its groups must be given.')
  }
  const orphan = groups.find(({ suffix, resources }) => suffix !== '' && Object.keys(resources).length === 0)
  if (orphan && !since(minor, 'candidates.same-subtree')) {
    throw badRequest(`Invalid query string parameters: group ${orphan.suffix} has no resources${orphan.suffix}.`)
  }
  return groups
}

/** One way to give all groups, in the shape of the version. */
function requestView({ uuid }: Provider, groups: readonly RequestGroup[], minor: number): object {
  const resources = totalOf(groups)
  const allocations = since(minor, 'allocations.by-provider') ? { [uuid]: { resources } } : [{ resource_provider: { uuid }, resources }]
  const mappings = Object.fromEntries(groups.map(({ suffix }) => [suffix, [uuid]]))
  return { allocations, ...(since(minor, 'candidates.mappings') ? { mappings } : {}) }
}

export function candidateRoutes(app: FastifyInstance, { limits }: HttpContext, known: Known): void {
  const options = { schema: { querystring: CandidateQuery }, config: arrives('candidates') }
  app.get<{ Querystring: CandidateQuery }>(`${PLACEMENT}/allocation_candidates`, options, async request => {
    const { query, placementMinor: minor } = request
    const groups = groupsOf(query, minor)
    const named = groups.filter(({ suffix, resources }) => suffix !== '' && Object.keys(resources).length > 0)
    if (named.length > 1 && query.group_policy === undefined) {
      throw badRequest('Invalid query string parameters: group_policy must be none or isolate when there is more than one numbered group.')
    }
    const subtree = query.same_subtree?.split(',') ?? []
    const missing = subtree.find(suffix => !groups.some(group => group.suffix === suffix))
    if (missing !== undefined)
      throw badRequest(`Invalid query string parameters: same_subtree names group ${printable(missing)}, which is not there.`)
    const root = demandOf(query.root_required === undefined ? {} : { required: query.root_required }, minor)
    const all = await known.providers()
    await known.check([...groups, root], all)
    const found = candidatesOf(all, { groups, isolate: query.group_policy === 'isolate', root })
    const shown = found.slice(0, Math.min(Number(query.limit ?? limits.maxPageItems), limits.maxPageItems))
    const wanted = Object.keys(totalOf(groups))
    return {
      allocation_requests: shown.map(provider => requestView(provider, groups, minor)),
      provider_summaries: Object.fromEntries(shown.map(provider => [provider.uuid, summaryView(provider, wanted, minor)])),
    }
  })
}
