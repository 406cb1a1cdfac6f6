/** The views on PostgreSQL, through MikroORM's Kysely. Pages follow a key, not an offset: rows that come and go never shift a page. */
import type { ViewRow, ViewTable } from '../actors/kernel/define.ts'
import type { Views } from '../actors/kernel/ports.ts'
import { type Connector, overHosts } from './hosts.ts'
import type { Orm } from './orm.ts'
import {
  type Column,
  type ColumnValue,
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

/** What every view has; the other columns are named by `VIEW_COLUMNS`. */
interface ViewRecord {
  readonly id: string
  readonly created_at: number
  readonly updated_at: number
  readonly body: object
}

export function createViews(connector: Connector, orm: () => Promise<Orm>): Views {
  const read = <T>(statement: (db: Database) => Promise<T>): Promise<T> =>
    overHosts(connector.target, async () => statement(databaseOf(await orm())), 'reads')

  const byId = (db: Database, table: ViewTable, id: string) => db.selectFrom(table).selectAll().where('id', '=', id).executeTakeFirst()

  return {
    async get(table, id) {
      if (id.includes('\0')) return null
      const row = await read(db => byId(db, table, id))
      return row ? toViewRow(table, row) : null
    },

    async list(table, query) {
      const conditions = conditionsOf(table, query.where)
      const limit = limitOf(query)
      const order = orderOf(table, query.sort)
      const { marker, changed } = query
      const contained = containedIn(table, query.contains)
      const rows = await read(async db => {
        let select = matching(db, table, conditions).selectAll()
        if (contained) {
          // Where a text stands in another; `like` would need its signs escaped.
          select = select.where(eb =>
            eb.or(
              contained.columns.map(name => eb(eb.fn<number>('strpos', [eb.fn('lower', [db.dynamic.ref(name)]), eb.val(contained.text)]), '>', 0)),
            ),
          )
        }
        if (changed?.from !== undefined) select = select.where('updated_at', '>=', changed.from)
        if (changed?.to !== undefined) select = select.where('updated_at', '<=', changed.to)
        if (marker !== undefined) {
          const last = marker.includes('\0') ? undefined : await byId(db, table, marker)
          if (!last) throw unknownMarker(table, marker)
          const values: Readonly<Record<string, unknown>> = { ...last }
          select = select.where(eb => {
            if (isByCreation(order) && order[0]?.direction === order[1]?.direction) {
              return eb(eb.refTuple('created_at', 'id'), order[0]?.direction === 'asc' ? '>' : '<', eb.tuple(last.created_at, last.id))
            }
            const key = ({ column, least }: SortKey) => eb.fn.coalesce(db.dynamic.ref<string>(column), eb.val(least))
            const at = ({ column, least }: SortKey) => eb.val(values[column] ?? least)
            // One term for each key: equal in those before, and behind in this one.
            return eb.or(
              order.map((each, i) =>
                eb.and([...order.slice(0, i).map(one => eb(key(one), '=', at(one))), eb(key(each), each.direction === 'asc' ? '>' : '<', at(each))]),
              ),
            )
          })
        }
        for (const { column, nullable, direction } of order) {
          const isAscending = direction === 'asc'
          select = select.orderBy(db.dynamic.ref(column), ob => {
            const plain = isAscending ? ob.asc() : ob.desc()
            // Where to put nulls is said only where there can be some: said elsewhere, no index has that order and the whole table is sorted.
            if (!nullable) return plain
            return isAscending ? plain.nullsFirst() : plain.nullsLast()
          })
        }
        return select.limit(limit).execute()
      })
      return rows.map(row => toViewRow(table, row))
    },

    async count(table, query) {
      const conditions = conditionsOf(table, query.where)
      const row = await read(db =>
        matching(db, table, conditions)
          .select(eb => eb.fn.countAll().as('rows'))
          .executeTakeFirst(),
      )
      return Number(row?.rows ?? 0)
    },

    async countBy(table, column) {
      checkTextColumn(table, column)
      const rows = await read(db => {
        const named = db.dynamic.ref<string>(column)
        return db
          .selectFrom(table)
          .select(eb => [eb.fn.coalesce(named, eb.val('')).as('value'), eb.fn.countAll().as('rows')])
          .groupBy(named)
          .execute()
      })
      return new Map(rows.map(({ value, rows: count }) => [String(value), Number(count)]))
    },
  }
}

const databaseOf = (orm: Orm) => orm.em.getKysely<Record<ViewTable, ViewRecord>>()
type Database = ReturnType<typeof databaseOf>

/** Newest first, as nearly every list is: one comparison of rows, which an index serves. */
const isByCreation = (order: readonly SortKey[]): boolean => order.length === 2 && order[0]?.column === 'created_at' && order[1]?.column === 'id'

function matching(db: Database, table: ViewTable, conditions: readonly Condition[]) {
  let select = db.selectFrom(table)
  for (const { column, anyOf } of conditions) {
    const values = anyOf.filter(value => value !== null)
    const named = db.dynamic.ref(column)
    // `in ()` is no SQL; no values and no null match nothing.
    select = select.where(eb =>
      eb.or([...(values.length > 0 ? [eb(named, 'in', values)] : []), ...(values.length < anyOf.length ? [eb(named, 'is', null)] : [])]),
    )
  }
  return select
}

/** A bigint comes as text; ours are milliseconds and fit a number. */
const columnValue = ({ type, name }: Column, row: Readonly<Record<string, unknown>>): ColumnValue => {
  const value = row[name]
  if (value === null || value === undefined) return null
  if (type === 'bigint') return Number(value)
  return type === 'boolean' ? value === true : String(value)
}

const toViewRow = (table: ViewTable, row: ViewRecord): ViewRow => ({
  table,
  id: row.id,
  columns: Object.fromEntries(VIEW_COLUMNS[table].map(column => [column.name, columnValue(column, { ...row })])),
  body: row.body,
})
