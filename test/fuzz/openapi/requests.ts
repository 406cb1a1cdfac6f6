/** Requests by the OpenAPI document: of each operation such as it describes, and such as it does not. */
import type { Json } from '../../../actors/kernel/define.ts'
import type { OpenApiDocument } from '../../../transport/http/openapi.ts'
import type { Random } from '../../sim/random.ts'
import { isRecord } from '../target.ts'
import { oddText, oddValue, spoiled, valueFor } from './values.ts'

type Schema = { readonly [name: string]: Json }

export interface Operation {
  readonly method: string
  /** With `{id}` for what is named in it. */
  readonly path: string
  readonly query: Schema
  readonly body: Schema | null
  readonly service: string
  /** N of the versions X.N in which it is there. */
  readonly minor: { readonly from: number; readonly to: number }
}

/** Who asks. */
export const CALLERS = ['admin', 'member', 'nobody', 'stranger'] as const
export type Caller = (typeof CALLERS)[number]

export interface ApiRequest {
  readonly operation: string
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** As it is sent; null for none. */
  readonly body: string | null
  readonly caller: Caller
}

/** What is there to be named: ids by the part of a path before them. */
export type Things = Readonly<Record<string, readonly string[]>>

const SERVICES: Readonly<Record<string, { readonly major: number; readonly max: number }>> = {
  compute: { major: 2, max: 90 },
  placement: { major: 1, max: 39 },
}

const objectOf = (value: Json | undefined): Schema => (isRecord(value) ? value : {})
const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : [])

const minorIn = (value: Json | undefined, otherwise: number): number => (typeof value === 'string' ? Number(value.split('.')[1]) : otherwise)

/** Every operation of the document, in its order. */
export function operationsOf(document: OpenApiDocument): Operation[] {
  const paths: Schema = JSON.parse(JSON.stringify(document.paths))
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(objectOf(operations)).map(([method, described]): Operation => {
      const operation = objectOf(described)
      const service = String(listOf(operation.tags)[0])
      const parameters = listOf(operation.parameters).map(objectOf)
      const inQuery = parameters.filter(parameter => parameter.in === 'query')
      const groups = inQuery.find(({ name }) => name === 'groups')
      const content = objectOf(objectOf(objectOf(operation.requestBody).content)['application/json'])
      const versions = objectOf(operation['x-openstack'])
      return {
        method: method.toUpperCase(),
        path,
        query: {
          type: 'object',
          required: inQuery.filter(parameter => parameter.required === true).map(({ name }) => String(name)),
          properties: Object.fromEntries(inQuery.filter(p => p !== groups).map(({ name, schema }) => [String(name), schema ?? {}])),
          ...(groups ? { patternProperties: objectOf(groups.schema).patternProperties ?? {} } : {}),
        },
        body: 'schema' in content ? objectOf(content.schema) : null,
        service,
        minor: { from: minorIn(versions['min-ver'], 0), to: minorIn(versions['max-ver'], SERVICES[service]?.max ?? 0) },
      }
    }),
  )
}

const BAD_VERSIONS = ['2', 'x', '2.', '2.01', '2.91', '1.40', '3.1', '-1.1', '2.1.1', '9'.repeat(300), '2.1, compute 2.2', 'latest latest', '']

function versionHeader({ service }: Operation, minor: number, random: Random, isValid: boolean): Record<string, string> {
  const known = SERVICES[service]
  if (!known) return isValid ? {} : { 'openstack-api-version': oddHeader(random) }
  const { major, max } = known
  if (isValid) return { 'openstack-api-version': `${service} ${major}.${minor}` }
  const text = random.pick([random.pick(BAD_VERSIONS), `${major}.${random.int(0, max)}`, 'latest', oddHeader(random)])
  return { [random.pick(['openstack-api-version', 'openstack-api-version', 'x-openstack-nova-api-version'])]: `${service} ${text}` }
}

/** Text that may stand in a header. */
const oddHeader = (random: Random): string => oddText(random).replace(/[^\x20-\x7e]/g, '?')

const BAD_IDS = [
  ...['..', '../../../../etc/passwd', '..%2f..%2fetc%2fpasswd', '%2e%2e%2f%2e%2e', '%00', 'a%00b', '%0a', '%0d%0aX: y', '%ff%fe', '%c0%ae', '.'],
  ...['x', '0', '-1', '1e9', 'null', 'undefined', '__proto__', 'constructor', 'toString', '*', '%20', '%7b%7d', '%F0%9F%98%80', '%E2%80%AE', '%25'],
  ...['00000000-0000-0000-0000-000000000000', `${'a'.repeat(600)}`, 'b'.repeat(10_000), `${'%41'.repeat(400)}`, 'i.1', 'i.99999999999999999999'],
]

function fillPath({ path }: Operation, things: Things, random: Random, isValid: boolean): string {
  const parts = path.split('/')
  return parts
    .map((part, i) => {
      if (!part.startsWith('{')) return part
      const known = things[parts[i - 1] ?? ''] ?? ['x']
      return !isValid && random.chance(0.7) ? random.pick(BAD_IDS) : encodeURIComponent(random.pick(known))
    })
    .join('/')
}

/** `%` sequences for what a URL cannot have; half a surrogate pair becomes a replacement character. */
const encoded = (text: string): string => encodeURIComponent(text.toWellFormed())

function queryText(given: Json): string {
  if (!isRecord(given)) return typeof given === 'string' ? encoded(given) : ''
  const pairs = Object.entries(given).flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((each): [string, Json] => [name, each]))
  return pairs.map(([name, value]) => `${encoded(name)}=${encoded(typeof value === 'string' ? value : JSON.stringify(value))}`).join('&')
}

const RAW_BODIES = [
  '',
  '{',
  '[]',
  'null',
  '"x"',
  '1',
  '{"a":1}{"b":2}',
  '{"__proto__":{"a":1}}',
  `${'['.repeat(5000)}`,
  '{"a":"\\ud800"}',
  '\u0000',
  '{"a":1e999}',
]

/** What is spoiled in one request; nothing, in a valid one. */
const FAULTS = ['body', 'body', 'body', 'query', 'query', 'path', 'version', 'raw', 'type', 'caller'] as const

/** One request of an operation; `isValid`: as the document describes it. */
export function requestOf(operation: Operation, things: Things, random: Random, isValid: boolean): ApiRequest {
  const faults = new Set(isValid ? [] : [random.pick(FAULTS), random.pick(FAULTS)])
  const { from, to } = operation.minor
  const minor = random.chance(0.3) ? to : random.int(Math.max(from, 1), Math.max(from, to, 1))
  const draw = { random, minor, known: Object.values(things).flat() }
  const asked = valueFor(operation.query, draw)
  const spoiledQuery = () => ({
    ...(isRecord(asked) ? asked : {}),
    [random.pick([...namesOf(operation.query), 'extra', 'limit', 'marker'])]: oddValue(random),
  })
  const query = queryText(faults.has('query') ? random.pick([spoiledQuery, () => spoiled(asked, random)])() : asked)
  const path = fillPath(operation, things, random, !faults.has('path'))
  const value = operation.body === null ? null : valueFor(operation.body, draw)
  const sent = faults.has('body') && operation.method !== 'GET' ? spoiled(value, random) : value
  const hasBody = operation.body !== null || (faults.has('body') && operation.method !== 'GET')
  const body = faults.has('raw') ? random.pick(RAW_BODIES) : hasBody ? JSON.stringify(sent) : null
  const type = faults.has('type')
    ? random.pick(['text/plain', 'application/xml', 'multipart/form-data', 'application/json; charset=utf-16', ''])
    : 'application/json'
  return {
    operation: `${operation.method} ${operation.path}`,
    method: operation.method,
    url: query === '' ? path : `${path}?${query}`,
    headers: {
      ...(body === null || type === '' ? {} : { 'content-type': type }),
      ...versionHeader(operation, minor, random, !faults.has('version')),
    },
    body,
    caller: faults.has('caller') ? random.pick(CALLERS) : 'admin',
  }
}

const namesOf = (query: Schema): string[] => Object.keys(objectOf(query.properties))
