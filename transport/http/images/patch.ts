/**
 * JSON Patch as Glance takes it (application/openstack-images-v2.1-json-patch): add, replace and remove of one field each. It becomes the
 * changes that the image's actor is told; what it says of the same field last counts.
 */
import type { ImageBody, UpdateImage } from '../../../actors/api.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { badRequest, printable } from '../requests/errors.ts'
import { isWritable, partsOf } from './fields.ts'
import { isReserved } from './schemas.ts'

export const PATCH_TYPES = ['application/openstack-images-v2.1-json-patch', 'application/openstack-images-v2.0-json-patch'] as const

/** Operations in one request. */
const OPS_MAX = 256

export interface PatchOp {
  readonly op: 'add' | 'replace' | 'remove'
  readonly field: string
  readonly value?: unknown
}

/** Throws `BadRequest` for what is no patch of one field each. */
export function parsePatch(body: unknown): PatchOp[] {
  if (!Array.isArray(body)) throw badRequest('Request body must be a JSON array of operation objects.')
  if (body.length > OPS_MAX) throw badRequest(`A patch has at most ${OPS_MAX} operations.`)
  return body.map((each: unknown) => {
    if (typeof each !== 'object' || each === null) throw badRequest('Operations must be JSON objects.')
    const { op, path, value } = inNewForm(each)
    if (op !== 'add' && op !== 'replace' && op !== 'remove') throw badRequest('Operation must be one of add, replace and remove.')
    if (typeof path !== 'string' || !/^\/[^/]{1,255}$/.test(path)) throw badRequest('A path must be / and the name of one field.')
    if (/~(?![01])/.test(path)) throw badRequest(`Pointer ${printable(path)} contains "~" not part of a recognized escape sequence.`)
    if (op !== 'remove' && value === undefined) throw badRequest(`Operation ${op} requires a member named "value".`)
    const field = path.slice(1).replaceAll('~1', '/').replaceAll('~0', '~')
    return op === 'remove' ? { op, field } : { op, field, value }
  })
}

/** The older type says `{"replace": "/name", "value": …}`; here it is put as the newer one has it. */
function inNewForm(each: object): { op?: unknown; path?: unknown; value?: unknown } {
  if ('op' in each) return each
  const [op, ...more] = ['add', 'replace', 'remove'].filter(name => name in each)
  if (op === undefined || more.length > 0) return each
  const { [op]: path, ...rest }: Record<string, unknown> = { ...each }
  return { ...rest, op, path }
}

/**
 * The changes of a patch to this image. `problem` says what is wrong with the value of a field, or null. Throws `BadRequest` for a wrong value,
 * `Forbidden` for a field that nobody may change, `Conflict` for one that is not there.
 */
export function changesOf(
  image: Pick<ImageBody, 'properties'>,
  patch: readonly PatchOp[],
  problem: (field: string, value: unknown) => string | null,
): Omit<UpdateImage, 'id'> {
  const fields: Record<string, unknown> = {}
  const properties = new Map<string, string | null>(Object.entries(image.properties))
  const touched = new Set<string>()
  for (const { op, field, value } of patch) {
    if (isReserved(field)) throw new BatonError('Forbidden', `Attribute '${printable(field)}' is read-only.`)
    if (isWritable(field)) {
      if (op === 'remove') throw new BatonError('Forbidden', `Property ${field} may not be removed.`)
    } else if (op !== 'add' && (properties.get(field) ?? null) === null) {
      throw new BatonError('Conflict', `Property ${printable(field)} does not exist.`)
    }
    const wrong = op === 'remove' ? null : problem(field, value)
    if (wrong) throw badRequest(`Invalid input for ${printable(field)}: ${wrong}.`)
    if (isWritable(field)) fields[field] = value
    else {
      properties.set(field, op === 'remove' ? null : String(value))
      touched.add(field)
    }
  }
  const set = [...touched].flatMap(name => (typeof properties.get(name) === 'string' ? [[name, String(properties.get(name))] as const] : []))
  const unset = [...touched].filter(name => properties.get(name) === null)
  return {
    ...partsOf(fields),
    ...(set.length > 0 ? { setProperties: Object.fromEntries(set) } : {}),
    ...(unset.length > 0 ? { unsetProperties: unset } : {}),
  }
}
