/**
 * The newest bytes of a stream, each known by its place: its offset from the beginning of the stream. Who reads says from where, so reading
 * twice changes nothing; what was let go is missed, and can be counted. Pure.
 */

export interface StreamTail {
  push(bytes: Uint8Array): void
  /** Up to `maxBytes` from `from` on, or from where it still begins. */
  read(from: number, maxBytes: number): { readonly at: number; readonly bytes: Uint8Array }
  /** Lets go of what is before `offset`. */
  drop(offset: number): void
  /** Offset of the first byte that is held, and the one behind the last. */
  begin(): number
  end(): number
}

/** Holds the newest `limit` bytes at least; what is older is let go in whole chunks. */
export function createStreamTail(limit: number = Number.POSITIVE_INFINITY): StreamTail {
  let chunks: Uint8Array[] = []
  let begin = 0
  let end = 0

  function drop(offset: number): void {
    let gone = 0
    for (const chunk of chunks) {
      if (begin + chunk.length > offset) break
      begin += chunk.length
      gone++
    }
    if (gone > 0) chunks = chunks.slice(gone)
  }

  return {
    push(bytes) {
      if (bytes.length === 0) return
      chunks.push(bytes)
      end += bytes.length
      if (end - begin > limit) drop(end - limit)
    },
    read(from, maxBytes) {
      const at = Math.min(end, Math.max(begin, from))
      const parts: Uint8Array[] = []
      let room = maxBytes
      let place = begin
      for (const chunk of chunks) {
        if (room === 0) break
        const part = chunk.subarray(Math.max(0, at - place), Math.max(0, at - place) + room)
        if (part.length > 0) parts.push(part)
        room -= part.length
        place += chunk.length
      }
      return { at, bytes: parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts) }
    },
    drop,
    begin: () => begin,
    end: () => end,
  }
}
