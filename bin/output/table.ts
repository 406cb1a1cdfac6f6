/** Tables for people and JSON for programs: the two forms in which a command prints what it found. */
import Table from 'cli-table3'

/** A column: its title, and its cell for a row. Empty cells are shown as a dash. */
export type Column<T> = readonly [title: string, cell: (row: T) => string | number | boolean | null | undefined]

const BORDERLESS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}

const plain = (rows: readonly (readonly string[])[], head: readonly string[]): string => {
  const table = new Table({
    head: [...head],
    chars: BORDERLESS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  })
  table.push(...rows.map(row => [...row]))
  return table
    .toString()
    .split('\n')
    .map(line => line.trimEnd())
    .join('\n')
}

const cellText = (value: ReturnType<Column<unknown>[1]>): string =>
  value === null || value === undefined || value === '' ? '-' : printable(String(value))

/** Names come from users: control characters must not reach the terminal. */
export const printable = (text: string): string => text.replace(/\p{Cc}/gu, '�')

/** A table with one line per row, as text. */
export const table = <T>(columns: readonly Column<T>[], rows: readonly T[]): string =>
  plain(
    rows.map(row => columns.map(([, cell]) => cellText(cell(row)))),
    columns.map(([title]) => title),
  )

/** One thing, with one line per field. */
export const card = <T>(columns: readonly Column<T>[], row: T): string =>
  plain(
    columns.map(([title, cell]) => [title, cellText(cell(row))]),
    [],
  )

/** Prints JSON, or else the text made by `asText`. */
export function print(json: boolean, value: unknown, asText: () => string): void {
  process.stdout.write(json ? `${JSON.stringify(value, null, 2)}\n` : `${asText()}\n`)
}

/** Prints a list as JSON or as a table. */
export const printList = <T>(json: boolean, columns: readonly Column<T>[], rows: readonly T[]): void => print(json, rows, () => table(columns, rows))

/** `1h 5m`, `12 s`, `80 ms`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  const seconds = ms / 1000
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes}m ${Math.floor(seconds % 60)}s` : `${Math.floor(minutes / 60)}h ${minutes % 60}m`
}

/** A time in ms since 1970 in the form `2026-01-31 12:00:05`, UTC. */
export const timeText = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
