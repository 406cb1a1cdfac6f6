/**
 * What checks a request against the schema of its route. A route's schemas are compiled when its first request comes, not when the server
 * starts: for three hundred routes that would be 0.4 s of a processor at each start of a gateway, and most of them are never asked.
 */
import { Ajv, type Schema, type ValidateFunction } from 'ajv'

/** Nothing is changed to fit: what a client sends is either right or refused. The schema that was broken is kept, for its description. */
const ajv = new Ajv({
  keywords: ['x-since', 'x-until'],
  verbose: true,
  // More than the first error would let a client choose how much work its request is.
  allErrors: false,
  addUsedSchema: false,
})

/** For fastify: the validator of one part of a route's requests. All servers of a process share what was compiled. */
export function validatorOf({ schema }: { readonly schema: Schema }): Validator {
  const validate: Validator = data => {
    // ajv itself knows what it has compiled, by the schema's object.
    const compiled = ajv.compile(schema)
    const valid = compiled(data)
    validate.errors = compiled.errors
    return valid
  }
  return validate
}

interface Validator {
  (data: unknown): boolean
  /** What was wrong at the last call. */
  errors?: ValidateFunction['errors']
}
