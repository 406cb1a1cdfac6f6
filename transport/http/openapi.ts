/**
 * The OpenAPI 3.1 document of everything this server answers, made of the routes themselves: a path is there because it is routed, and what
 * it takes is the very schema it is validated by. `x-since` and `x-until` on a part of a schema are the microversions it belongs to;
 * `x-openstack` on an operation says which service's versions are meant and in which of them the path is there.
 */

import { COMPUTE, IMAGE, isPlacement, PLACEMENT } from './context.ts'
import { PUBLIC, ROUTE_RULES } from './policy/routes.ts'
import { CHANGES, type ChangeName } from './requests/changes.ts'
import { COMPUTE_API, PLACEMENT_API } from './requests/microversion.ts'
import type { RouteInfo } from './requests/not-found.ts'

type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue }
type JsonObject = { readonly [name: string]: JsonValue }

export interface OpenApiDocument extends JsonObject {
  readonly openapi: string
  readonly paths: { readonly [path: string]: JsonObject }
}

export const OPENAPI_PATH = '/openapi.json'

/** The first part of a path, and what is said of it. */
const SERVICES: Readonly<Record<string, string>> = {
  compute: "Nova's API, 2.1 with microversions",
  identity: "Keystone's API, v3",
  image: "Glance's API, v2",
  placement: "Placement's API, 1.0 with microversions",
  baton: 'what only Baton has',
}
const OTHER = 'other'

const fault = (required: readonly string[], properties: JsonObject): JsonObject => ({ type: 'object', required, properties })
const TEXT = { type: 'string', minLength: 1 }
const STATUS = { type: 'integer', minimum: 400, maximum: 599 }

const SCHEMAS = {
  Fault: {
    description: "Nova's error body: one field, named by the status",
    type: 'object',
    minProperties: 1,
    maxProperties: 1,
    additionalProperties: fault(['code', 'message'], { code: STATUS, message: TEXT }),
  },
  IdentityFault: {
    description: "Keystone's error body",
    ...fault(['error'], { error: fault(['code', 'message', 'title'], { code: STATUS, message: TEXT, title: TEXT }) }),
  },
  PlacementFault: {
    description: "Placement's error body; `code` since 1.23",
    ...fault(['errors'], {
      errors: {
        type: 'array',
        minItems: 1,
        items: fault(['status', 'title', 'detail', 'request_id'], {
          status: STATUS,
          title: TEXT,
          detail: TEXT,
          request_id: TEXT,
          code: { type: 'string', pattern: '^placement\\.' },
        }),
      },
    }),
  },
} as const satisfies Record<string, JsonObject>

/** The schema of the error body of a path. */
export function faultName(path: string): keyof typeof SCHEMAS {
  if (isPlacement(path)) return 'PlacementFault'
  return /^\/identity(?:[/?]|$)/.test(path) ? 'IdentityFault' : 'Fault'
}

const version = (service: string, example: string): JsonObject => ({
  name: 'OpenStack-API-Version',
  in: 'header',
  description: `The microversion, as \`${service} ${example}\`; without it the first.`,
  schema: { type: 'string', examples: [`${service} ${example}`] },
})

const COMPONENTS: JsonObject = {
  schemas: SCHEMAS,
  securitySchemes: { token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token', description: 'from POST /identity/v3/auth/tokens' } },
  parameters: {
    compute: version('compute', `${COMPUTE_API.major}.${COMPUTE_API.maxMinor}`),
    placement: version('placement', `${PLACEMENT_API.major}.${PLACEMENT_API.maxMinor}`),
  },
}

/** A schema as it is written down: what TypeBox hides beside JSON Schema is left out. */
const written = (schema: unknown): JsonValue => JSON.parse(JSON.stringify(schema ?? {}))

const isObject = (value: JsonValue | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)

export const openApiPath = (url: string): string => url.replace(/:([a-zA-Z]+)/g, '{$1}')

function queryParameters(schema: unknown): JsonObject[] {
  const query = written(schema)
  if (!isObject(query)) return []
  const required = Array.isArray(query.required) ? query.required : []
  const properties = isObject(query.properties) ? query.properties : {}
  const named = Object.entries(properties).map(([name, part]) => ({
    name,
    in: 'query',
    ...(required.includes(name) ? { required: true } : {}),
    schema: part,
  }))
  if (!isObject(query.patternProperties)) return named
  // Parameters whose names are a pattern: one object, exploded into its fields.
  const more = { type: 'object', patternProperties: query.patternProperties, additionalProperties: false }
  return [...named, { name: 'groups', in: 'query', style: 'form', explode: true, schema: more }]
}

/** In which versions the path is there; nothing when in all. */
function versionsOf({ url, config }: RouteInfo): JsonObject {
  const numberOf = (change: ChangeName | undefined): number | undefined => (change === undefined ? undefined : CHANGES[change].since)
  const placement = isPlacement(url)
  const { major } = placement ? PLACEMENT_API : COMPUTE_API
  const first = placement ? config?.placementSince : numberOf(config?.since)
  const gone = numberOf(config?.until)
  if (first === undefined && gone === undefined) return {}
  return {
    'x-openstack': {
      ...(first === undefined ? {} : { 'min-ver': `${major}.${first}` }),
      ...(gone === undefined ? {} : { 'max-ver': `${major}.${gone - 1}` }),
    },
  }
}

const serviceOf = (url: string): string => {
  const first = url.split('/')[1] ?? ''
  return Object.hasOwn(SERVICES, first) ? first : OTHER
}

const nameOf = (method: string, url: string): string =>
  `${method.toLowerCase()}${url
    .split('/')
    .filter(part => part !== '')
    .map(part => part.replace(/[^a-zA-Z0-9]/g, ' ').trim())
    .join(' ')
    .replace(/(?:^|\s+)([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase())}`

function operationOf(route: RouteInfo): JsonObject {
  const { method, url, schema, config } = route
  const body = schema?.body ?? config?.describedBody
  const service = serviceOf(url)
  const rule = ROUTE_RULES[`${method} ${url}`]?.rule
  const ids = [...url.matchAll(/:([a-zA-Z]+)/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', minLength: 1, maxLength: 512 },
  }))
  const versioned = url.startsWith(COMPUTE) ? 'compute' : isPlacement(url) ? 'placement' : null
  const headers = versioned === null ? [] : [{ $ref: `#/components/parameters/${versioned}` }]
  const error = { 'application/json': { schema: { $ref: `#/components/schemas/${faultName(url)}` } } }
  return {
    operationId: nameOf(method, url),
    tags: [service],
    ...(rule === undefined || rule === PUBLIC ? {} : { 'x-policy': rule }),
    ...versionsOf(route),
    ...(rule === PUBLIC ? { security: [] } : {}),
    parameters: [...ids, ...queryParameters(schema?.querystring), ...headers],
    ...(body === undefined ? {} : { requestBody: { content: { 'application/json': { schema: written(body) } } } }),
    responses: { '2XX': { description: 'done, or begun' }, '4XX': { description: 'refused; the message says why', content: error } },
  }
}

/** Routes in any order give the same document. */
export function openApiDocument(routes: readonly RouteInfo[]): OpenApiDocument {
  const paths: Record<string, Record<string, JsonValue>> = {}
  const sorted = [...routes].sort((a, b) => (a.url === b.url ? (a.method < b.method ? -1 : 1) : a.url < b.url ? -1 : 1))
  for (const route of sorted) {
    const path = openApiPath(route.url)
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) }
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Baton',
      version: '1',
      summary: 'Compute, identity, images and placement as OpenStack clients speak them, and what only Baton has',
      description:
        `Microversions ${COMPUTE_API.major}.${COMPUTE_API.minMinor} to ${COMPUTE_API.major}.${COMPUTE_API.maxMinor} at ${COMPUTE}, ` +
        `${PLACEMENT_API.major}.${PLACEMENT_API.minMinor} to ${PLACEMENT_API.major}.${PLACEMENT_API.maxMinor} at ${PLACEMENT}; images at ${IMAGE}.`,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    tags: [...Object.entries(SERVICES), [OTHER, 'version documents and health'] as const].map(([name, description]) => ({ name, description })),
    paths,
    components: COMPONENTS,
  }
}
