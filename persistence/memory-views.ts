/** The views in memory: filtered and sorted at each call, in the order and with the refusals of the real ones. */
import type { ViewRow, ViewTable } from '../actors/kernel/define.ts'
import type { ViewQuery, Views } from '../actors/kernel/ports.ts'
import type { EncodedRow } from './encode.ts'
import type { Statement } from './memory.ts'
import {
  type Condition,
  checkTextColumn,
  conditionsOf,
  containedIn,
  limitOf,
  orderOf,
  type SortKey,
  unknownMarker,
  VIEW_COLUMNS,
} from './view-tables.ts'

const sortValue = (row: EncodedRow, { column, least }: SortKey) => (column === 'id' ? row.id : (row.columns[column] ?? least))

/** Below 0 when `a` comes before `b`. */
function compare(order: readonly SortKey[], a: EncodedRow, b: EncodedRow): number {
  for (const key of order) {
    const [left, right] = [sortValue(a, key), sortValue(b, key)]
    if (left !== right) return left < right === (key.direction === 'asc') ? -1 : 1
  }
  return 0
}

const isWithin = (row: EncodedRow, { from = 0, to = Number.MAX_SAFE_INTEGER }: NonNullable<ViewQuery['changed']>): boolean => {
  const at = Number(row.columns.updated_at)
  return at >= from && at <= to
}

const toViewRow = (row: EncodedRow): ViewRow => ({
  table: row.table,
  id: row.id,
  columns: Object.fromEntries(VIEW_COLUMNS[row.table].map(c => [c.name, row.columns[c.name] ?? null])),
  body: JSON.parse(row.body),
})

const matches = (row: EncodedRow, conditions: readonly Condition[]): boolean =>
  conditions.every(c => c.anyOf.includes(c.column === 'id' ? row.id : (row.columns[c.column] ?? null)))

const contains = (row: EncodedRow, wanted: ReturnType<typeof containedIn>): boolean =>
  wanted === null ||
  wanted.columns.some(name =>
    String((name === 'id' ? row.id : row.columns[name]) ?? '')
      .toLowerCase()
      .includes(wanted.text),
  )

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
      const order = orderOf(table, query.sort)
      const changed = query.changed ?? {}
      const contained = containedIn(table, query.contains)
      return statement('list', () => {
        const marker = query.marker === undefined ? null : views[table].get(query.marker)
        if (marker === undefined) throw unknownMarker(table, query.marker ?? '')
        return [...views[table].values()]
          .filter(
            row =>
              matches(row, conditions) && contains(row, contained) && isWithin(row, changed) && (marker === null || compare(order, row, marker) > 0),
          )
          .sort((a, b) => compare(order, a, b))
          .slice(0, limit)
          .map(toViewRow)
      })
    },

    count: async (table, query) => {
      const conditions = conditionsOf(table, query.where)
      return statement('count', () => [...views[table].values()].filter(row => matches(row, conditions)).length)
    },

    countBy: async (table, column) => {
      checkTextColumn(table, column)
      return statement('count', () => {
        const counts = new Map<string, number>()
        for (const row of views[table].values()) {
          const value = String(row.columns[column] ?? '')
          counts.set(value, (counts.get(value) ?? 0) + 1)
        }
        return counts
      })
    },
  }
}
