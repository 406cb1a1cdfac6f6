/**
 * Requests by version. A route may belong to some versions only (`config.since`, `config.until`): elsewhere it is a 404, as in Nova. A part
 * of a body that belongs to another version is refused; of a query it is ignored, until `strict` lists refuse what they do not know.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { isPlacement } from '../context.ts'
import { CHANGES, type ChangeName, has } from './changes.ts'
import { badRequest, printable } from './errors.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The change with which this route came. */
    readonly since?: ChangeName
    /** The change with which it went. */
    readonly until?: ChangeName
    /** A list that refuses parameters it does not know, from the change `strict` on. */
    readonly strictQuery?: boolean
    /** N of the microversion 1.N with which a route of Placement came. */
    readonly placementSince?: number
    /** JSON Schema of a body that the route itself reads, for the OpenAPI document alone. */
    readonly describedBody?: object
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Why a part marked like `schema` may not be sent in 2.`minor`, or null. */
function misplaced(schema: Record<string, unknown>, minor: number, major = 2): string | null {
  const { 'x-since': from, 'x-until': to } = schema
  if (typeof from === 'number' && minor < from) return `it needs microversion ${major}.${from} or later`
  return typeof to === 'number' && minor >= to ? `it is not there any more from microversion 2.${to} on` : null
}

/** The first part of `value` that does not belong to 2.`minor`, as a sentence, or null. `schema` is JSON Schema that the value has passed. */
export function wrongVersion(schema: unknown, value: unknown, minor: number, path = ''): string | null {
  if (!isObject(schema)) return null
  const branches = [schema.anyOf, schema.allOf].filter(Array.isArray).flat()
  for (const branch of branches) {
    const wrong = wrongVersion(branch, value, minor, path)
    if (wrong) return wrong
  }
  if (Array.isArray(value)) return value.map((item, i) => wrongVersion(schema.items, item, minor, `${path}[${i}]`)).find(wrong => wrong) ?? null
  if (!isObject(value) || !isObject(schema.properties)) return null
  for (const [name, part] of Object.entries(schema.properties)) {
    if (!Object.hasOwn(value, name) || !isObject(part)) continue
    const at = path === '' ? name : `${path}.${name}`
    const why = misplaced(part, minor)
    if (why) return `Invalid input for ${printable(at)}: ${why}.`
    const wrong = wrongVersion(part, value[name], minor, at)
    if (wrong) return wrong
  }
  return null
}

/** `query` without what does not belong to 2.`minor`. Throws 400 for unknown parameters of a strict list. */
function queryOf(schema: unknown, query: Record<string, unknown>, minor: number, strict: boolean): Record<string, unknown> {
  const known = isObject(schema) && isObject(schema.properties) ? schema.properties : {}
  const kept: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(query)) {
    const part = Object.hasOwn(known, name) ? known[name] : undefined
    if (strict && has(minor, 'strict') && part === undefined) throw badRequest(`Invalid input for query parameters: ${printable(name)} is unknown.`)
    if (!isObject(part) || misplaced(part, minor) === null) kept[name] = value
  }
  return kept
}

/** Placement refuses every parameter that its version does not have; names may be patterns there. */
function checkPlacementQuery(schema: unknown, query: object, minor: number): void {
  if (!isObject(schema)) return
  const known = isObject(schema.properties) ? schema.properties : {}
  const patterns = Object.entries(isObject(schema.patternProperties) ? schema.patternProperties : {})
  for (const name of Object.keys(query)) {
    const part = Object.hasOwn(known, name) ? known[name] : patterns.find(([pattern]) => new RegExp(pattern).test(name))?.[1]
    const why = isObject(part) ? misplaced(part, minor, 1) : null
    if (why) throw badRequest(`Invalid query string parameters: ${printable(name)}: ${why}.`)
  }
}

function checkRoute({ routeOptions, novaMinor, placementMinor }: FastifyRequest): void {
  const { since, until, placementSince = 0 } = routeOptions.config
  if (placementMinor < placementSince) throw new BatonError('NotFound', 'The resource could not be found.')
  const early = since !== undefined && novaMinor < CHANGES[since].since
  if (early || (until !== undefined && has(novaMinor, until))) throw new BatonError('NotFound', 'The resource could not be found.')
}

export function watchVersions(app: FastifyInstance): void {
  // Before the query is checked, so that what is to be ignored cannot be wrong.
  app.addHook('preValidation', async request => {
    checkRoute(request)
    const { schema, config } = request.routeOptions
    if (!isObject(request.query)) return
    if (isPlacement(request.routeOptions.url ?? '')) checkPlacementQuery(schema?.querystring, request.query, request.placementMinor)
    else if (schema?.querystring !== undefined) {
      request.query = queryOf(schema.querystring, request.query, request.novaMinor, config.strictQuery === true)
    }
  })
  app.addHook('preHandler', async request => {
    const wrong = wrongVersion(request.routeOptions.schema?.body, request.body, request.novaMinor)
    if (wrong) throw badRequest(wrong)
  })
}
