/** Aggregates, groups, extra specs and explanations over HTTP. */
import { type Explanation, GROUP_POLICIES, type GroupBody, type HostBody } from '../../actors/api.ts'
import { isHost } from './bodies.ts'
import { type Guard, isFlag, isNumber, isText, listOf, nullable, oneOf, recordOf, shape } from './guards.ts'
import type { Client } from './http.ts'
import { listAll } from './pages.ts'
import { findNamed } from './resolve.ts'

const isAggregate = shape({
  id: isNumber,
  name: isText,
  availability_zone: nullable(isText),
  hosts: listOf(isText),
  metadata: recordOf(isText),
})
export type Aggregate = typeof isAggregate extends Guard<infer T> ? T : never

const isGroup: Guard<GroupBody> = shape({
  id: isText,
  name: isText,
  project: isText,
  policy: oneOf(...GROUP_POLICIES),
  maxServerPerHost: nullable(isNumber),
  members: listOf(isText),
  createdAt: isNumber,
})

const isExplanation: Guard<Explanation> = shape({
  hosts: isNumber,
  fitting: isNumber,
  wanted: isText,
  refusedBy: recordOf(isNumber),
  verdicts: listOf(shape({ host: isText, fits: isFlag, weight: nullable(isNumber), refusals: listOf(shape({ filter: isText, reason: isText })) })),
  nearest: listOf(isText),
})

const isAnything: Guard<unknown> = (value): value is unknown => value !== undefined
const one = shape({ aggregate: isAggregate })
const AGGREGATES = '/compute/v2.1/os-aggregates'
const specsPath = (flavor: string): string => `/compute/v2.1/flavors/${encodeURIComponent(flavor)}/os-extra_specs`

export async function listAggregates(client: Client): Promise<readonly Aggregate[]> {
  return (await client.request('GET', AGGREGATES, shape({ aggregates: listOf(isAggregate) }))).body.aggregates
}

/** By id or by name. Rejects `NotFound` with those there are. */
export async function findAggregate(client: Client, reference: string): Promise<Aggregate> {
  const all = (await listAggregates(client)).map(aggregate => ({ id: String(aggregate.id), name: aggregate.name, aggregate }))
  return findNamed('aggregate', reference, all).aggregate
}

export async function createAggregate(client: Client, name: string, zone: string | undefined): Promise<Aggregate> {
  const body = { aggregate: { name, ...(zone === undefined ? {} : { availability_zone: zone }) } }
  // A create does not answer with hosts and metadata.
  const { id } = (await client.request('POST', AGGREGATES, shape({ aggregate: shape({ id: isNumber }) }), { body })).body.aggregate
  return (await client.request('GET', `${AGGREGATES}/${id}`, one)).body.aggregate
}

export async function updateAggregate(client: Client, id: number, change: { name?: string; availability_zone?: string }): Promise<Aggregate> {
  return (await client.request('PUT', `${AGGREGATES}/${id}`, one, { body: { aggregate: change }, repeatable: true })).body.aggregate
}

export async function actOnAggregate(client: Client, id: number, action: object): Promise<Aggregate> {
  return (await client.request('POST', `${AGGREGATES}/${id}/action`, one, { body: action })).body.aggregate
}

export async function deleteAggregate(client: Client, id: number): Promise<void> {
  await client.request('DELETE', `${AGGREGATES}/${id}`, isAnything)
}

export const listGroups = (client: Client): Promise<GroupBody[]> => listAll(client, { path: '/baton/v1/groups', name: 'groups', item: isGroup })

export const findGroup = async (client: Client, reference: string): Promise<GroupBody> => findNamed('group', reference, await listGroups(client))

export async function createGroup(client: Client, body: { name: string; policy: string; maxServerPerHost?: number }): Promise<GroupBody> {
  return (await client.request('POST', '/baton/v1/groups', shape({ group: isGroup }), { body })).body.group
}

export async function deleteGroup(client: Client, id: string): Promise<void> {
  await client.request('DELETE', `/baton/v1/groups/${encodeURIComponent(id)}`, isAnything)
}

export async function extraSpecs(client: Client, flavor: string): Promise<Readonly<Record<string, string>>> {
  return (await client.request('GET', specsPath(flavor), shape({ extra_specs: recordOf(isText) }))).body.extra_specs
}

export async function setExtraSpecs(client: Client, flavor: string, specs: Readonly<Record<string, string>>): Promise<void> {
  await client.request('POST', specsPath(flavor), isAnything, { body: { extra_specs: specs }, repeatable: true })
}

export async function unsetExtraSpec(client: Client, flavor: string, key: string): Promise<void> {
  await client.request('DELETE', `${specsPath(flavor)}/${encodeURIComponent(key)}`, isAnything)
}

export async function configureHost(client: Client, host: string, change: object): Promise<HostBody> {
  const path = `/baton/v1/hosts/${encodeURIComponent(host)}/configure`
  return (await client.request('POST', path, shape({ host: isHost }), { body: change, repeatable: true })).body.host
}

export async function explainSchedule(client: Client, body: object): Promise<Explanation> {
  const answer = await client.request('POST', '/baton/v1/schedule/explain', shape({ explanation: isExplanation }), { body, repeatable: true })
  return answer.body.explanation
}
