/** Turns what ajv found wrong into one sentence that names the field. */
import type { FastifySchemaValidationError } from 'fastify/types/schema.js'
import type { BatonError } from '../../../actors/kernel/errors.ts'
import { badRequest, printable } from './errors.ts'

/** `/server/networks/0` as `server.networks[0]`. */
const fieldOf = (instancePath: string): string =>
  instancePath
    .slice(1)
    .split('/')
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part, i) => (/^\d+$/.test(part) ? `[${part}]` : i === 0 ? part : `.${part}`))
    .join('')

/** The `description` of the schema that was broken says what is allowed better than the keyword does. */
function descriptionOf(error: FastifySchemaValidationError): string | null {
  if (!('parentSchema' in error)) return null
  const schema = error.parentSchema
  if (typeof schema !== 'object' || schema === null || !('description' in schema)) return null
  return typeof schema.description === 'string' ? schema.description : null
}

const PARTS: Readonly<Record<string, string>> = { body: 'the body', querystring: 'the query', params: 'the path', headers: 'the headers' }

/** `part` is fastify's name of what was checked: body, querystring, params or headers. */
export function describeValidation(errors: readonly FastifySchemaValidationError[], part: string): BatonError {
  // Of a union every branch reports; the union itself is what has a description.
  const error = errors.find(({ keyword }) => keyword === 'anyOf') ?? errors[0]
  const where = PARTS[part] ?? part
  if (!error) return badRequest(`Invalid input in ${where}.`)
  const field = printable(fieldOf(error.instancePath)) || where
  const at = (name: unknown): string => (field === where ? printable(String(name)) : `${field}.${printable(String(name))}`)
  if (error.keyword === 'required') return badRequest(`Invalid input: ${at(error.params.missingProperty)} is missing.`)
  const description = descriptionOf(error)
  if (error.keyword === 'additionalProperties') {
    return badRequest(`Invalid input for ${at(error.params.additionalProperty)}: ${description ?? 'it is unknown, or not supported'}.`)
  }
  return badRequest(`Invalid input for ${field}: ${description ?? error.message ?? 'it is not valid'}.`)
}
