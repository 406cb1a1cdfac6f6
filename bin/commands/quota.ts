/** `baton quota show`, `set`, `reset` and `check` */
import { BatonError } from '../../actors/kernel/errors.ts'
import { type Amounts, type QuotaBody, type QuotaDifference, RESOURCES, type Resource, UNLIMITED } from '../../actors/kernel/quota.ts'
import { type Call, given, type Options, text } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { type Guard, isNumber, isText, listOf, nullable, optional, shape } from '../client/guards.ts'
import { httpClient } from '../client/http.ts'
import { type Column, print, table } from '../output/table.ts'

const isLimits = shape({
  instances: isNumber,
  cores: isNumber,
  ram: isNumber,
  server_groups: isNumber,
  server_group_members: isNumber,
  key_pairs: isNumber,
  metadata_items: isNumber,
  image_count_total: isNumber,
  image_size_total: isNumber,
})
const isQuota: Guard<QuotaBody> = shape({ id: isText, limits: isLimits, defaults: isLimits, used: isLimits })

const isAmounts: Guard<Amounts> = shape({ instances: optional(isNumber), cores: optional(isNumber), ram: optional(isNumber) })
const isDifference: Guard<QuotaDifference> = shape({ holder: isText, entered: nullable(isAmounts), held: nullable(isAmounts) })
const isCheck = shape({ holders: isNumber, differences: listOf(isDifference) })

const isAnything: Guard<unknown> = (value): value is unknown => value !== undefined

type Row = readonly [resource: Resource, quota: QuotaBody]

const LIMITS: readonly Column<Row>[] = [
  ['QUOTA', ([resource]) => (resource === 'ram' || resource === 'image_size_total' ? `${resource} MB` : resource)],
  // Counted per group, and per instance or image, not per project.
  ['USED', ([resource, { used }]) => (resource === 'server_group_members' || resource === 'metadata_items' ? null : used[resource])],
  ['LIMIT', ([resource, { limits }]) => limitText(limits[resource])],
  ['DEFAULT', ([resource, { defaults }]) => limitText(defaults[resource])],
]

const DIFFERENCES: readonly Column<QuotaDifference>[] = [
  ['HOLDER', d => d.holder],
  ['ENTERED', d => amountsText(d.entered)],
  ['HOLDS', d => amountsText(d.held)],
]

const limitText = (limit: number): string | number => (limit === UNLIMITED ? 'unlimited' : limit)

const amountsText = (amounts: Amounts | null): string => (amounts ? `${amounts.cores ?? 0} cores, ${amounts.ram ?? 0} MB` : 'nothing')

function projectOf({ args, options }: Call): string {
  const [argument] = args
  const option = text(options, 'project')
  if (argument !== undefined && option !== undefined && argument !== option)
    throw new BatonError('BadRequest', `two projects are named, ${argument} and ${option}; name one`)
  return argument ?? option ?? 'default'
}

const clientOf = (call: Call) => httpClient(endpointOf(call.options))
const own = (project: string): string => `/baton/v1/quotas/${encodeURIComponent(project)}`
const novas = (project: string): string => `/compute/v2.1/os-quota-sets/${encodeURIComponent(project)}`

export async function show(call: Call): Promise<void> {
  const { quota } = (await clientOf(call).request('GET', own(projectOf(call)), shape({ quota: isQuota }))).body
  print(given(call.options, 'json'), quota, () =>
    table(
      LIMITS,
      RESOURCES.map((resource): Row => [resource, quota]),
    ),
  )
}

export async function set(call: Call): Promise<void> {
  const limits = Object.fromEntries(
    RESOURCES.flatMap(resource => {
      const limit = limitOf(call.options, resource)
      return limit === undefined ? [] : [[resource, limit] as const]
    }),
  )
  if (Object.keys(limits).length === 0) throw new BatonError('BadRequest', 'give --instances, --cores, --ram or another limit to set')
  const body = { quota_set: { ...limits, ...(given(call.options, 'force') ? { force: true } : {}) } }
  const ofAll = { path: '/compute/v2.1/os-quota-class-sets/default', body: { quota_class_set: limits } }
  const asked = given(call.options, 'defaults') ? ofAll : { path: novas(projectOf(call)), body }
  await clientOf(call).request('PUT', asked.path, isAnything, { body: asked.body, repeatable: true })
  await show(call)
}

/** `server_groups` is `--server-groups`. Throws `BadRequest`. */
function limitOf(options: Options, resource: Resource): number | undefined {
  const value = text(
    options,
    resource.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
  )
  if (value === undefined) return undefined
  const limit = /^-?\d+$/.test(value) ? Number(value) : Number.NaN
  if (!Number.isSafeInteger(limit) || limit < UNLIMITED)
    throw new BatonError('BadRequest', `--${resource.replaceAll('_', '-')} must be a whole number, or -1 for no limit, not ${JSON.stringify(value)}`)
  return limit
}

export async function reset(call: Call): Promise<void> {
  await clientOf(call).request('DELETE', novas(projectOf(call)), isAnything)
  await show(call)
}

export async function check(call: Call): Promise<void> {
  const project = projectOf(call)
  const { check } = (await clientOf(call).request('GET', `${own(project)}/check`, shape({ check: isCheck }))).body
  const { holders, differences } = check
  const same = `project ${project}: ${holders} holders, what is entered for them is what they hold`
  print(given(call.options, 'json'), check, () => (differences.length === 0 ? same : table(DIFFERENCES, differences)))
  if (differences.length > 0)
    throw new BatonError('Conflict', `${differences.length} of ${holders} holders of project ${project} hold other amounts than are entered for them`)
}
