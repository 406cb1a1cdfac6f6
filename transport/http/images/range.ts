/** The Range header (RFC 9110, section 14), of which one range of bytes is served. */
export interface ByteRange {
  readonly from: number
  /** The first byte behind it. */
  readonly to: number
}

/**
 * The bytes asked for of so many: null for all of them, which is also the answer to what is no range of bytes or several of them;
 * `unsatisfiable` when none of those asked for is there.
 */
export function rangeOf(header: string | undefined, sizeBytes: number): ByteRange | null | 'unsatisfiable' {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? []
  if (first === '' && last === '') return null
  if (first === '') {
    const length = Math.min(Number(last), sizeBytes)
    return length === 0 ? 'unsatisfiable' : { from: sizeBytes - length, to: sizeBytes }
  }
  const from = Number(first)
  const to = last === '' ? sizeBytes : Math.min(sizeBytes, Number(last) + 1)
  if (last !== '' && Number(last) < from) return null
  return from >= sizeBytes ? 'unsatisfiable' : { from, to }
}
