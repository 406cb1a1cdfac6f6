/**
 * A table of any length: only the rows that can be seen are drawn. Arrow keys go up and down, Enter opens. Every row has the same height, so
 * that where a row is follows from its number.
 */
import { Component, type ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { count } from '../format.ts'

export interface Column<Row> {
  readonly name: string
  /** Sorts by it when it is clicked on, if it can. */
  readonly sort?: string
  /** Of the width that is there; in `fr`. */
  readonly width: number
  /** Left out where the screen is narrow. */
  readonly wide?: boolean
  cell(row: Row): ComponentChildren
}

export interface TableProps<Row> {
  readonly label: string
  readonly rows: readonly Row[]
  readonly columns: readonly Column<Row>[]
  readonly sort?: string
  onSort?(sort: string): void
  onOpen?(row: Row): void
  /** Told when the last rows come into sight. */
  onEnd?(): void
}

/** px, as in style/rows.css */
const ROW = 38
/** Rows drawn above and below what can be seen. */
const MARGIN = 12
/** Drawn anew when so many rows have been scrolled by: fewer than are drawn beyond what can be seen. */
const STEP = 4

interface LineProps<Row> {
  readonly row: Row
  /** Of the row in the table, from 0. */
  readonly index: number
  readonly isActive: boolean
  readonly columns: readonly Column<Row>[]
  readonly opens: boolean
}

/** One row. Drawn again only when it is another: while a table scrolls, most of its rows stay what they are. */
class Line<Row extends { readonly id: string }> extends Component<LineProps<Row>> {
  override shouldComponentUpdate(next: LineProps<Row>): boolean {
    const { row, index, isActive, columns, opens } = this.props
    return next.row !== row || next.index !== index || next.isActive !== isActive || next.columns !== columns || next.opens !== opens
  }

  override render({ row, index, isActive, columns, opens }: LineProps<Row>) {
    return (
      <div class={`tr${isActive ? ' active' : ''}${opens ? ' opens' : ''}`} role="row" data-index={index} aria-rowindex={index + 2}>
        {columns.map(each => (
          <div key={each.name} class={each.wide ? 'wide' : ''} role="cell">
            {each.cell(row)}
          </div>
        ))}
      </div>
    )
  }
}

export function Table<Row extends { readonly id: string }>({ label, rows, columns, sort = '', onSort, onOpen, onEnd }: TableProps<Row>) {
  const body = useRef<HTMLDivElement>(null)
  const [top, setTop] = useState(0)
  const [height, setHeight] = useState(600)
  const [active, setActive] = useState(0)
  useEffect(() => {
    const node = body.current
    if (!node) return
    const watcher = new ResizeObserver(() => setHeight(node.clientHeight))
    watcher.observe(node)
    return () => watcher.disconnect()
  }, [])
  const first = Math.max(0, Math.floor(top / ROW) - MARGIN)
  const last = Math.min(rows.length, Math.ceil((top + height) / ROW) + STEP + MARGIN)
  useEffect(() => {
    if (rows.length > 0 && last >= rows.length) onEnd?.()
  }, [last, rows.length])
  const [column, direction] = sort.split(':')

  const go = (to: number) => {
    const next = Math.max(0, Math.min(rows.length - 1, to))
    setActive(next)
    const node = body.current
    if (!node) return
    // The row of names stays on top of the others.
    if (next * ROW < node.scrollTop) node.scrollTop = next * ROW
    else if ((next + 2) * ROW > node.scrollTop + node.clientHeight) node.scrollTop = (next + 2) * ROW - node.clientHeight
  }
  const pressed = (event: KeyboardEvent) => {
    const page = Math.floor(height / ROW)
    const to = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page, Home: 0, End: rows.length - 1 }[
      event.key
    ]
    const row = rows[active]
    if (to !== undefined) go(to)
    else if (event.key === 'Enter' && row && event.target === body.current) onOpen?.(row)
    else return
    event.preventDefault()
  }
  const clicked = (event: MouseEvent) => {
    if (!(event.target instanceof HTMLElement)) return
    const index = Number(event.target.closest<HTMLElement>('.tr')?.dataset.index)
    const row = rows[index]
    if (!row) return
    setActive(index)
    if (!event.target.closest('a,button')) onOpen?.(row)
  }
  // Columns by style, since their widths are data; the object is the same for every row.
  const grid = { '--columns': columns.map(each => `minmax(0,${each.width}fr)`).join(' ') }
  const narrow = {
    '--narrow': columns
      .filter(each => !each.wide)
      .map(each => `minmax(0,${each.width}fr)`)
      .join(' '),
  }

  return (
    <div
      class="table"
      ref={body}
      role="table"
      tabIndex={0}
      aria-label={`${label}: ${count(rows.length)} rows`}
      aria-rowcount={rows.length + 1}
      style={{ ...grid, ...narrow }}
      onKeyDown={pressed}
      onClick={clicked}
      onScroll={event => setTop(Math.floor(event.currentTarget.scrollTop / (ROW * STEP)) * ROW * STEP)}
    >
      <div role="rowgroup" class="thead">
        <div class="tr head" role="row">
          {columns.map(each => (
            <div
              key={each.name}
              class={each.wide ? 'wide' : ''}
              role="columnheader"
              aria-sort={each.sort && each.sort === column ? (direction === 'asc' ? 'ascending' : 'descending') : undefined}
            >
              {each.sort && onSort ? (
                <button type="button" onClick={() => onSort(`${each.sort}:${each.sort === column && direction === 'asc' ? 'desc' : 'asc'}`)}>
                  {each.name} {each.sort === column ? (direction === 'asc' ? '▲' : '▼') : ''}
                </button>
              ) : (
                each.name
              )}
            </div>
          ))}
        </div>
      </div>
      <div class="space" role="rowgroup" style={{ height: `${rows.length * ROW}px` }}>
        <div role="presentation" style={{ transform: `translateY(${first * ROW}px)` }}>
          {rows.slice(first, last).map((row, i) => (
            <Line key={row.id} row={row} index={first + i} isActive={first + i === active} columns={columns} opens={onOpen !== undefined} />
          ))}
        </div>
      </div>
    </div>
  )
}
