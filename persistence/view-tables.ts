/**
 * The typed columns of the views, beside `id` and `body`: what lists are filtered and sorted by. The one description that the
 * journal, the views and the memory database share; a test compares it with the entities and with the migrated schema.
 */

import type { ViewRow, ViewTable } from '../actors/kernel/define.ts'
import { BatonError } from '../actors/kernel/errors.ts'
import type { Sort, ViewQuery } from '../actors/kernel/ports.ts'

export type ColumnType = 'text' | 'bigint' | 'boolean'
export type ColumnValue = string | number | boolean | null

export interface Column {
  readonly name: string
  readonly type: ColumnType
  readonly nullable: boolean
}

const column = (name: string, type: ColumnType, nullable = false): Column => ({ name, type, nullable })

/** Every view has these: milliseconds of cluster time. Lists are ordered by the first. */
const TIMES = [column('created_at', 'bigint'), column('updated_at', 'bigint')] as const

export const VIEW_COLUMNS: Readonly<Record<ViewTable, readonly Column[]>> = {
  instance: [
    column('name', 'text'),
    column('project', 'text'),
    column('vm_state', 'text'),
    column('task_state', 'text', true),
    column('host', 'text', true),
    column('reservation', 'text', true),
    column('deleted', 'boolean'),
    ...TIMES,
  ],
  operation: [
    column('kind', 'text'),
    column('subject', 'text'),
    column('status', 'text'),
    column('open', 'boolean'),
    column('request_id', 'text', true),
    column('ended_at', 'bigint', true),
    ...TIMES,
  ],
  host: [column('state', 'text'), column('enabled', 'boolean'), ...TIMES],
  flavor: [column('name', 'text'), column('deleted', 'boolean'), ...TIMES],
  server_group: [column('name', 'text'), column('project', 'text'), column('deleted', 'boolean'), ...TIMES],
  aggregates: [...TIMES],
  image: [
    column('name', 'text'),
    column('project', 'text'),
    column('status', 'text'),
    column('visibility', 'text', true),
    column('size', 'bigint', true),
    column('disk_format', 'text', true),
    column('container_format', 'text', true),
    column('instance', 'text', true),
    column('backup_type', 'text', true),
    column('deleted', 'boolean'),
    ...TIMES,
  ],
  guest: [
    column('project', 'text'),
    column('host', 'text'),
    column('agent', 'text'),
    column('status', 'text'),
    column('deleted', 'boolean'),
    ...TIMES,
  ],
  agent: [
    column('name', 'text'),
    column('project', 'text'),
    column('key', 'text'),
    column('door', 'text'),
    column('agent', 'text'),
    column('status', 'text'),
    column('deleted', 'boolean'),
    ...TIMES,
  ],
  disk: [column('host', 'text'), column('instance', 'text', true), column('deleted', 'boolean'), ...TIMES],
}

export const VIEW_TABLES: readonly ViewTable[] = [
  ...(['instance', 'operation', 'host', 'flavor', 'image', 'disk', 'guest', 'agent', 'server_group', 'aggregates'] as const),
]

export const VIEW_LIMITS = { defaultLimit: 1000, maxLimit: 10_000 } as const

const fits = (column: Column, value: ColumnValue): boolean => {
  if (value === null) return column.nullable
  if (column.type === 'bigint') return Number.isSafeInteger(value)
  return typeof value === (column.type === 'text' ? 'string' : 'boolean')
}

/** What is wrong with a row (a column missing, unknown, or of the wrong type), or null. */
export function checkRow(row: ViewRow): string | null {
  const columns = VIEW_COLUMNS[row.table]
  if (!columns) return `there is no view ${JSON.stringify(row.table)}`
  for (const c of columns) {
    const value = row.columns[c.name] ?? null
    if (!fits(c, value)) return `view ${row.table}: column ${c.name} must be ${c.type}${c.nullable ? ' or null' : ''}, not ${JSON.stringify(value)}`
  }
  const unknown = Object.keys(row.columns).find(name => !columns.some(c => c.name === name))
  return unknown === undefined ? null : `view ${row.table} has no column ${unknown}`
}

export interface Condition {
  readonly column: string
  /** Any of these. */
  readonly anyOf: readonly ColumnValue[]
}

/** The conditions of a query, checked. Throws `BadRequest` on a column the view does not have or a value that cannot match. */
export function conditionsOf(table: ViewTable, where: ViewQuery['where'] = {}): Condition[] {
  const found: Condition[] = []
  for (const [name, wanted] of Object.entries(where)) {
    if (wanted === undefined) continue
    const column = name === 'id' ? ID : VIEW_COLUMNS[table].find(c => c.name === name)
    if (!column) throw new BatonError('BadRequest', `${table} cannot be filtered by ${JSON.stringify(name)}`)
    const anyOf: readonly ColumnValue[] = typeof wanted === 'object' && wanted !== null ? wanted : [wanted]
    const wrong = anyOf.find(value => value !== null && (!fits(column, value) || String(value).includes('\0')))
    if (wrong !== undefined) throw new BatonError('BadRequest', `${name} must be ${column.type}, not ${JSON.stringify(wrong)}`)
    found.push({ column: name, anyOf })
  }
  return found
}

/** What is looked for in which columns of text. Throws `BadRequest` as `checkTextColumn`, and on text that no row can hold. */
export function containedIn(
  table: ViewTable,
  contains: ViewQuery['contains'],
): { readonly columns: readonly string[]; readonly text: string } | null {
  if (!contains) return null
  for (const column of contains.columns) checkTextColumn(table, column)
  if (contains.text.includes('\0')) throw new BatonError('BadRequest', 'a text that is looked for has no zero character')
  return { columns: ['id', ...contains.columns], text: contains.text.toLowerCase() }
}

/** Throws `BadRequest` unless the view has this column and it holds texts. */
export function checkTextColumn(table: ViewTable, name: string): void {
  if (!VIEW_COLUMNS[table].some(c => c.name === name && c.type === 'text'))
    throw new BatonError('BadRequest', `${table} cannot be counted by ${JSON.stringify(name)}`)
}

const ID = column('id', 'text')

/** A column to sort by; null counts as `least`. */
export interface SortKey {
  readonly column: string
  readonly nullable: boolean
  readonly direction: 'asc' | 'desc'
  readonly least: string | number | boolean
}

const LEAST = { text: '', bigint: -1, boolean: false } as const
const NEWEST_FIRST: readonly Sort[] = [{ column: 'created_at', direction: 'desc' }]
/** More than there are columns would only be work. */
const MAX_SORT_KEYS = 10

/** The order of a query, with the id at its end, so that no two rows are equal. Throws `BadRequest` on a column the view does not have. */
export function orderOf(table: ViewTable, sort: readonly Sort[] = NEWEST_FIRST): SortKey[] {
  if (sort.length > MAX_SORT_KEYS) throw new BatonError('BadRequest', `a list is sorted by at most ${MAX_SORT_KEYS} columns`)
  const keys = sort.map(({ column: name, direction }): SortKey => {
    const found = name === 'id' ? ID : VIEW_COLUMNS[table].find(c => c.name === name)
    if (!found) throw new BatonError('BadRequest', `${table} cannot be sorted by ${JSON.stringify(name)}`)
    if (direction !== 'asc' && direction !== 'desc')
      throw new BatonError('BadRequest', `a list is sorted asc or desc, not ${JSON.stringify(direction)}`)
    return { column: name, nullable: found.nullable, direction, least: LEAST[found.type] }
  })
  const direction = keys.at(-1)?.direction ?? 'desc'
  return keys.some(({ column: name }) => name === 'id') ? keys : [...keys, { column: 'id', nullable: false, direction, least: '' }]
}

/** The number of rows to answer with. Throws `BadRequest` when it is no positive whole number. */
export function limitOf(query: ViewQuery): number {
  const limit = query.limit ?? VIEW_LIMITS.defaultLimit
  if (!Number.isSafeInteger(limit) || limit < 1) throw new BatonError('BadRequest', `limit must be a whole number above 0, not ${limit}`)
  return Math.min(limit, VIEW_LIMITS.maxLimit)
}

export const unknownMarker = (table: ViewTable, marker: string): BatonError =>
  new BatonError('BadRequest', `there is no ${table} ${JSON.stringify(marker)} to continue after; start again without a marker`)
