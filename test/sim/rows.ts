/** Rows of views as checkers read them: many times between two writes, so each is parsed once. Nobody changes what is handed out. */
import type { EncodedRow } from '../../persistence/encode.ts'

const parsed = new WeakMap<EncodedRow, unknown>()

export function bodyOf(row: EncodedRow): unknown {
  const known = parsed.get(row)
  if (known !== undefined) return known
  const body: unknown = JSON.parse(row.body)
  parsed.set(row, body)
  return body
}
