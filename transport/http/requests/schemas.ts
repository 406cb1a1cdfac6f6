/**
 * The pieces of which request schemas are made. A `description` is the text a client gets when the value does not fit.
 * Text that PostgreSQL cannot store (NUL, lone surrogates) is refused here, before it reaches an actor.
 */
import { isIPv6 } from 'node:net'
import { type Static, Type } from 'typebox'
import type { AboutChange, DiskConfig } from '../../../actors/api.ts'
import { badRequest } from './errors.ts'

export const MAX_INT32 = 2 ** 31 - 1

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
    description: 'metadata has keys of 1 to 255 characters out of a-z, A-Z, 0-9, "-", "_", ":", "." and space',
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

/** What may be said of a server by its create, its update and its rebuild alike. */
export const ACCESS_FIELDS = {
  accessIPv4: Type.Optional(
    Type.String({ pattern: '^((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])([.](?!$)|$)){4}$|^$', description: 'it must be an IPv4 address, or empty' }),
  ),
  accessIPv6: Type.Optional(
    Type.String({ maxLength: 45, pattern: '^([0-9a-fA-F:]*:[0-9a-fA-F:.]*)?$', description: 'it must be an IPv6 address, or empty' }),
  ),
  'OS-DCF:diskConfig': Type.Optional(Type.Union([Type.Literal('AUTO'), Type.Literal('MANUAL')], { description: "it must be 'AUTO' or 'MANUAL'" })),
}

interface AccessFields {
  readonly accessIPv4?: string
  readonly accessIPv6?: string
  readonly 'OS-DCF:diskConfig'?: DiskConfig
}

/** These fields as a change; an empty address is none. Throws 400 for what is no address. */
export function accessOf({ accessIPv4, accessIPv6, 'OS-DCF:diskConfig': diskConfig }: AccessFields): AboutChange {
  if (accessIPv6 && !isIPv6(accessIPv6)) throw badRequest('Invalid input for server.accessIPv6: it must be an IPv6 address, or empty.')
  return {
    ...(accessIPv4 === undefined ? {} : { accessIPv4: accessIPv4 || null }),
    // In the one form that each address has.
    ...(accessIPv6 === undefined ? {} : { accessIPv6: accessIPv6 ? new URL(`http://[${accessIPv6}]`).hostname.slice(1, -1) : null }),
    ...(diskConfig === undefined ? {} : { diskConfig }),
  }
}

/** A password for a new guest: see `HARMLESS` of server-create.ts. */
export const AdminPass = Type.Optional(Type.String({ maxLength: 1024, description: 'it must be a text' }))

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

/** Nova takes whole numbers as text, too, and clients send them so; `Number` of either is the number. */
const integerOrText = (minimum: 0 | 1, maximum: number, unit: string) =>
  Type.Union([Type.Integer({ minimum, maximum }), Type.String({ pattern: minimum === 0 ? '^[0-9]{1,9}$' : '^[1-9][0-9]{0,8}$' })], {
    description: `it must be a whole number from ${minimum} to ${maximum}${unit && ` ${unit}`}`,
  })

export const Vcpus = integerOrText(1, 256, '')
export const RamMb = integerOrText(1, MAX_INT32, 'MB')
export const DiskGb = integerOrText(0, MAX_INT32, 'GB')
export const SwapMb = integerOrText(0, MAX_INT32, 'MB')
export const Count = integer(1, MAX_INT32, '')

/** Nova's words for yes and no. */
const YES = /^(?:1|t|true|on|y|yes)$/i
export const Switch = Type.String({
  pattern: '^(?:[01]|[tT]|[fF]|[yY]|[nN]|[tT]rue|TRUE|[fF]alse|FALSE|[oO]n|ON|[oO]ff|OFF|[yY]es|YES|[nN]o|NO)$',
  description: 'it must be true or false',
})

export const isOn = (value: string | boolean | undefined): boolean => value === true || (typeof value === 'string' && YES.test(value))

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
