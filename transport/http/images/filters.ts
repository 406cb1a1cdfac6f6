/** The query of GET /v2/images: filters, sort keys and operators in Glance's manner. Throws `BadRequest` for what cannot be read. */
import {
  IMAGE_SORT_KEYS,
  type ImageFilter,
  type ImageSort,
  MEMBER_STATUSES,
  TIME_OPERATORS,
  type TimeFilter,
  VISIBILITIES,
} from '../../../actors/api.ts'
import { badRequest, printable } from '../requests/errors.ts'

export type Query = Readonly<Record<string, string | readonly string[] | undefined>>

/** Values in one `in:` list, and filters in one query. */
const VALUES_MAX = 100

const last = (value: string | readonly string[] | undefined): string | undefined => (typeof value === 'string' ? value : value?.at(-1))
const all = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value

function oneOf<T extends string>(name: string, value: string | undefined, allowed: readonly T[]): T | undefined {
  if (value === undefined) return undefined
  const found = allowed.find(each => each === value)
  if (found === undefined) throw badRequest(`Invalid ${name} value: ${printable(value)}; it must be one of ${allowed.join(', ')}.`)
  return found
}

function flag(name: string, value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined
  if (/^true$/i.test(value)) return true
  if (/^false$/i.test(value)) return false
  throw badRequest(`Invalid value '${printable(value)}' for '${name}' filter. Valid values are case sensitive "true" or "false".`)
}

function size(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  if (!/^\d{1,15}$/.test(value))
    throw badRequest(`Invalid value '${printable(value)}' for '${name}' filter: it must be a whole number of at least 0.`)
  return Number(value)
}

/** `in:a,"b,c"` is several values, anything else is one. */
function valuesOf(name: string, value: string | undefined): readonly string[] | undefined {
  if (value === undefined) return undefined
  if (!value.startsWith('in:')) return [value]
  const rest = value.slice(3)
  if (!/^(?:"[^"]*"|[^",]*)(?:,(?:"[^"]*"|[^",]*))*$/.test(rest)) throw badRequest(`Invalid filter value for '${name}': quotes do not match.`)
  const values = [...rest.matchAll(/"([^"]*)"|([^",]+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
  if (values.length > VALUES_MAX) throw badRequest(`Invalid filter value for '${name}': at most ${VALUES_MAX} values.`)
  return values
}

/** `gte:2026-01-31T12:00:00Z`; without an operator it means equal. */
function timeOf(name: string, value: string): TimeFilter {
  const [, named, rest = ''] = /^(?:([a-z]+):)?(\d{4}.*)$/.exec(value) ?? []
  const operator = TIME_OPERATORS.find(each => each === (named ?? 'eq'))
  const at = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(rest) ? rest : `${rest}Z`)
  if (operator === undefined || Number.isNaN(at)) {
    throw badRequest(`Invalid filter for '${name}': ${printable(value)}; it is an operator (${TIME_OPERATORS.join(', ')}), a colon and a time.`)
  }
  return { operator, at }
}

const TAKEN = new Set(['limit', 'marker', 'sort', 'sort_key', 'sort_dir', 'visibility', 'member_status', 'owner', 'os_hidden', 'protected', 'id'])
for (const name of [
  'name',
  'status',
  'container_format',
  'disk_format',
  'tag',
  'size',
  'size_min',
  'size_max',
  'min_disk',
  'min_ram',
  'created_at',
  'updated_at',
  'checksum',
])
  TAKEN.add(name)

export function filterOf(query: Query): ImageFilter {
  const times = (name: string) => all(query[name]).map(value => timeOf(name, value))
  const properties = Object.entries(query).flatMap(([name, value]) => (TAKEN.has(name) ? [] : [[name, last(value) ?? ''] as const]))
  if (properties.length > VALUES_MAX) throw badRequest(`At most ${VALUES_MAX} filters.`)
  const given: { [K in keyof ImageFilter]: ImageFilter[K] | undefined } = {
    visibility: oneOf('visibility', last(query.visibility), [...VISIBILITIES, 'all'] as const),
    memberStatus: oneOf('member_status', last(query.member_status), [...MEMBER_STATUSES, 'all'] as const),
    owner: last(query.owner),
    hidden: flag('os_hidden', last(query.os_hidden)),
    protected: flag('protected', last(query.protected)),
    ids: valuesOf('id', last(query.id)),
    names: valuesOf('name', last(query.name)),
    statuses: valuesOf('status', last(query.status)),
    containerFormats: valuesOf('container_format', last(query.container_format)),
    diskFormats: valuesOf('disk_format', last(query.disk_format)),
    tags: query.tag === undefined ? undefined : all(query.tag),
    sizeMin: size('size', last(query.size)) ?? size('size_min', last(query.size_min)),
    sizeMax: size('size', last(query.size)) ?? size('size_max', last(query.size_max)),
    minDiskGb: size('min_disk', last(query.min_disk)),
    minRamMb: size('min_ram', last(query.min_ram)),
    properties: properties.length > 0 ? Object.fromEntries(properties) : undefined,
    created: query.created_at === undefined ? undefined : times('created_at'),
    updated: query.updated_at === undefined ? undefined : times('updated_at'),
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

/** `sort=name:asc,size` or `sort_key` and `sort_dir`, one or several; what has no direction is descending. */
export function sortOf(query: Query): ImageSort[] | undefined {
  const column = (name: string) => {
    const found = IMAGE_SORT_KEYS.find(each => each === name)
    if (found === undefined) throw badRequest(`Invalid sort key: ${printable(name)}. It must be one of ${IMAGE_SORT_KEYS.join(', ')}.`)
    return found
  }
  const direction = (name = 'desc') => {
    if (name === 'asc' || name === 'desc') return name
    throw badRequest(`Invalid sort direction: ${printable(name)}. It must be one of asc, desc.`)
  }
  const sort = last(query.sort)
  const keys = all(query.sort_key)
  const directions = all(query.sort_dir)
  if (sort !== undefined && (keys.length > 0 || directions.length > 0)) throw badRequest('Old and new sorting syntax cannot be combined')
  if (directions.length > 1 && directions.length !== keys.length) throw badRequest('Number of sort dirs does not match the number of sort keys')
  const asked = sort === undefined ? keys.map((key, i) => [key, directions[i] ?? directions[0]] as const) : sort.split(',').map(pairOf)
  if (asked.length > IMAGE_SORT_KEYS.length) throw badRequest('Too many sort keys.')
  if (asked.length === 0) return directions[0] === undefined ? undefined : [{ column: 'created_at', direction: direction(directions[0]) }]
  return asked.map(([key, dir]) => ({ column: column(key), direction: direction(dir) }))
}

const pairOf = (each: string): readonly [string, string | undefined] => {
  const [key = '', dir] = each.trim().split(':', 2)
  return [key, dir]
}
