/**
 * The pieces of which request schemas are made. A `description` is the text a client gets when the value does not fit.
 * Text that PostgreSQL cannot store (NUL, lone surrogates) is refused here, before it reaches an actor.
 */
import { type Static, Type } from 'typebox'

const MAX_INT32 = 2 ** 31 - 1

export const Name = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '^(?!\\s)[^\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}]*(?<!\\s)$',
  description: 'it must be text of 1 to 255 characters, without control characters and without spaces at its ends',
})

export const Metadata = Type.Record(
  Type.String({ pattern: '^[a-zA-Z0-9_:. -]{1,255}$' }),
  Type.String({ maxLength: 255, pattern: '^[^\\u0000\\p{Cs}]*$', description: 'it must be text of at most 255 characters' }),
  {
    additionalProperties: false,
    maxProperties: 128,
    description: 'metadata has at most 128 items, with keys of 1 to 255 characters out of a-z, A-Z, 0-9, "-", "_", ":", "." and space',
  },
)

export const MAX_TAGS = 50
export const Tag = Type.String({
  pattern: '^[^,/\\p{Cc}\\p{Cs}]{1,60}$',
  description: 'a tag has 1 to 60 characters, none of them a comma or a slash',
})
export const Tags = Type.Array(Tag, { maxItems: MAX_TAGS, description: `at most ${MAX_TAGS} tags` })

export const Description = Type.Union([Type.String({ maxLength: 255, pattern: '^[^\\p{Cc}\\p{Cs}]*$' }), Type.Null()], {
  description: 'it must be text of at most 255 characters on one line, or null',
})

export const Hostname = Type.String({
  pattern: '^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$',
  description: 'it must be a host name: 1 to 63 letters, digits and dashes, the first and last no dash',
})

/** An id in a body or a query: whatever an id may be, it is short and printable. */
export const Id = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '^[^\\p{Cc}\\p{Cs}]*$',
  description: 'it must be text of 1 to 255 printable characters',
})

export const integer = (minimum: number, maximum: number, unit: string) =>
  Type.Integer({ minimum, maximum, description: `it must be a whole number from ${minimum} to ${maximum}${unit && ` ${unit}`}` })

export const Vcpus = integer(1, 256, '')
export const RamMb = integer(1, MAX_INT32, 'MB')
export const DiskGb = integer(0, MAX_INT32, 'GB')
export const Count = integer(1, MAX_INT32, '')

export const Switch = Type.Union(
  [Type.Literal('true'), Type.Literal('false'), Type.Literal('True'), Type.Literal('False'), Type.Literal('1'), Type.Literal('0')],
  {
    description: 'it must be true or false',
  },
)

export const isOn = (value: Static<typeof Switch> | boolean | undefined): boolean =>
  value === true || value === 'true' || value === 'True' || value === '1'

export const PageLimit = Type.String({ pattern: '^[0-9]{1,9}$', description: 'it must be a whole number of at least 0' })

export const pageFields = {
  limit: Type.Optional(PageLimit),
  marker: Type.Optional(Id),
}

export const PageQuery = Type.Object(pageFields)
export type PageQuery = Static<typeof PageQuery>

export interface IdParams {
  readonly id: string
}
