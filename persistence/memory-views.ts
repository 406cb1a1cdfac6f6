/** The views in memory: filtered and sorted at each call, in the order and with the refusals of the real ones. */
import type { ViewRow, ViewTable } from '../actors/kernel/define.ts'
import type { Views } from '../actors/kernel/ports.ts'
import type { EncodedRow } from './encode.ts'
import type { Statement } from './memory.ts'
import { type Condition, conditionsOf, limitOf, unknownMarker, VIEW_COLUMNS } from './view-tables.ts'

const createdAt = (row: EncodedRow): number => Number(row.columns.created_at)

/** Newest first; ids decide between rows of the same millisecond. */
const newestFirst = (a: EncodedRow, b: EncodedRow): number => createdAt(b) - createdAt(a) || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0)

const toViewRow = (row: EncodedRow): ViewRow => ({
  table: row.table,
  id: row.id,
  columns: Object.fromEntries(VIEW_COLUMNS[row.table].map(c => [c.name, row.columns[c.name] ?? null])),
  body: JSON.parse(row.body),
})

const matches = (row: EncodedRow, conditions: readonly Condition[]): boolean =>
  conditions.every(c => c.anyOf.includes(c.column === 'id' ? row.id : (row.columns[c.column] ?? null)))

export function memoryViews(views: Readonly<Record<ViewTable, Map<string, EncodedRow>>>, statement: Statement): Views {
  return {
    get: (table, id) =>
      statement('get', () => {
        const row = views[table].get(id)
        return row ? toViewRow(row) : null
      }),

    list: async (table, query) => {
      const conditions = conditionsOf(table, query.where)
      const limit = limitOf(query)
      return statement('list', () => {
        const marker = query.marker === undefined ? null : views[table].get(query.marker)
        if (marker === undefined) throw unknownMarker(table, query.marker ?? '')
        return [...views[table].values()]
          .filter(row => matches(row, conditions) && (marker === null || newestFirst(row, marker) > 0))
          .sort(newestFirst)
          .slice(0, limit)
          .map(toViewRow)
      })
    },

    count: async (table, query) => {
      const conditions = conditionsOf(table, query.where)
      return statement('count', () => [...views[table].values()].filter(row => matches(row, conditions)).length)
    },
  }
}
