/** What `baton top` shows and what its keys do, as two pure functions: keys change the picture, data and picture make lines of text. */
import { printable, table } from '../output/table.ts'
import { type Cell, type Data, headline, type Line, VIEW_NAMES, VIEWS, type ViewName } from './views.ts'

export interface Picture {
  readonly view: ViewName
  /** As in `View.sort`. */
  readonly sort: number
  readonly filter: string
  /** The filter is being typed. */
  readonly typing: boolean
  /** Index of the chosen row among those that are shown. */
  readonly cursor: number
  /** The row whose details are shown, or null. */
  readonly detail: string | null
  readonly over: boolean
}

export const firstPicture = (view: ViewName = 'nodes'): Picture => ({
  ...{ view, sort: VIEWS[view].sort, filter: '', typing: false, cursor: 0, detail: null, over: false },
})

const HELP = '1-6 or Tab: view   s: sort   r: reverse   /: filter   arrows, Enter: detail   Esc: back   q: quit'

/** `key` is what the terminal sends. `lines` are those shown now. */
export function press(picture: Picture, key: string, lines: readonly Line[]): Picture {
  if (key === '\u0003') return { ...picture, over: true }
  if (picture.typing) return typed(picture, key)
  const number = Number(key)
  const view = VIEW_NAMES[number - 1]
  if (view) return firstPicture(view)
  switch (key) {
    case 'q':
      return { ...picture, over: true }
    case '\t':
      return firstPicture(VIEW_NAMES[(VIEW_NAMES.indexOf(picture.view) + 1) % VIEW_NAMES.length])
    case 's':
      return { ...picture, sort: (Math.abs(picture.sort) % VIEWS[picture.view].columns.length) + 1 }
    case 'r':
      return { ...picture, sort: -picture.sort }
    case '/':
      return { ...picture, typing: true, filter: '', cursor: 0, detail: null }
    case '\u001b[A':
      return { ...picture, cursor: Math.max(0, picture.cursor - 1) }
    case '\u001b[B':
      return { ...picture, cursor: Math.max(0, Math.min(lines.length - 1, picture.cursor + 1)) }
    case '\r':
      return { ...picture, detail: lines[picture.cursor]?.id ?? null }
    case '\u001b':
      return picture.detail === null ? { ...picture, filter: '' } : { ...picture, detail: null }
    default:
      return picture
  }
}

function typed(picture: Picture, key: string): Picture {
  if (key === '\r') return { ...picture, typing: false }
  if (key === '\u001b') return { ...picture, typing: false, filter: '' }
  if (key === '\u007f') return { ...picture, filter: picture.filter.slice(0, -1) }
  return /^\p{Cc}/u.test(key) ? picture : { ...picture, filter: picture.filter + key, cursor: 0 }
}

function compareCells(a: Cell | undefined, b: Cell | undefined): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return String(a ?? '').localeCompare(String(b ?? ''), 'en', { numeric: true })
}

/** The rows of the view that fit the filter, in order. */
export function linesOf({ view, sort, filter }: Picture, data: Data): Line[] {
  const wanted = filter.toLowerCase()
  const column = Math.abs(sort) - 1
  return VIEWS[view]
    .lines(data)
    .filter(
      ({ cells }) =>
        wanted === '' ||
        cells.some(cell =>
          String(cell ?? '')
            .toLowerCase()
            .includes(wanted),
        ),
    )
    .toSorted((a, b) => Math.sign(sort) * compareCells(a.cells[column], b.cells[column]) || (a.id < b.id ? -1 : 1))
}

/** The screen as lines of at most `width` characters, at most `height` of them. `note` says how the connection is. */
export function draw(picture: Picture, data: Data, note: string, { width, height }: { readonly width: number; readonly height: number }): string[] {
  const { view, sort, filter, typing, cursor, detail } = picture
  const tabs = VIEW_NAMES.map((name, i) => (name === view ? `[${i + 1} ${name}]` : ` ${i + 1} ${name} `)).join('')
  const looks = filter === '' && !typing ? '' : `   filter: ${filter}${typing ? '_' : ''}`
  const top = [...headline(data), '', `${tabs}${looks}   ${note}`]
  const room = Math.max(1, height - top.length - 2)
  const body = detail === null ? rowsOf(picture, data, room) : detailOf(view, data, detail)
  const arrow = `sorted by ${VIEWS[view].columns[Math.abs(sort) - 1]} ${sort < 0 ? 'down' : 'up'}, row ${cursor + 1}`
  return [...top, ...body.slice(0, room), detail === null ? arrow : '', HELP].slice(0, height).map(line => printable(line).slice(0, width))
}

function rowsOf(picture: Picture, data: Data, room: number): string[] {
  const lines = linesOf(picture, data)
  // The chosen row stays in sight.
  const from = Math.max(0, Math.min(picture.cursor - Math.floor(room / 2), lines.length - (room - 1)))
  const shown = lines.slice(from, from + room - 1)
  const { columns } = VIEWS[picture.view]
  const [head = '', ...rows] = table<Line>(
    columns.map((title, i) => [title, line => line.cells[i]]),
    shown,
  ).split('\n')
  return [`  ${head}`, ...rows.map((row, i) => `${from + i === picture.cursor ? '> ' : '  '}${row}`)]
}

function detailOf(view: ViewName, data: Data, id: string): string[] {
  const lines = VIEWS[view].detail(data, id)
  return lines.length > 0 ? [...lines] : [`${id} is gone`]
}

/** All tables, for what is no terminal. */
export function plainText(data: Data, views: readonly ViewName[]): string {
  const parts = views.map(view => {
    const lines = linesOf(firstPicture(view), data)
    const columns = VIEWS[view].columns
    return `${view.toUpperCase()}\n${table<Line>(
      columns.map((title, i) => [title, line => line.cells[i]]),
      lines,
    )}`
  })
  return [...headline(data), '', parts.join('\n\n')].join('\n')
}
