/**
 * The newest bytes of a stream, each known by its place: its offset from the beginning of the stream. Who reads says from where, so reading
 * twice changes nothing; what was let go is missed, and can be counted. A serial line may come byte by byte, so bytes are kept in pages. Pure.
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

const PAGE_BYTES = 4096

/** Holds the newest `limit` bytes. */
export function createStreamTail(limit: number = Number.POSITIVE_INFINITY): StreamTail {
  /** One behind the other, from `base` on. */
  const pages: Uint8Array[] = []
  let base = 0
  let begin = 0
  let end = 0

  /** The part of a page from a place on. */
  function from(offset: number): Uint8Array {
    const index = Math.floor((offset - base) / PAGE_BYTES)
    const page = pages[index] ?? new Uint8Array(PAGE_BYTES)
    if (index === pages.length) pages.push(page)
    return page.subarray((offset - base) % PAGE_BYTES)
  }

  function drop(offset: number): void {
    begin = Math.max(begin, Math.min(offset, end))
    const gone = Math.floor((begin - base) / PAGE_BYTES)
    pages.splice(0, gone)
    base += gone * PAGE_BYTES
  }

  return {
    push(bytes) {
      for (let done = 0; done < bytes.length; ) {
        const room = from(end)
        const part = bytes.subarray(done, done + room.length)
        room.set(part)
        done += part.length
        end += part.length
      }
      drop(end - limit)
    },
    read(wanted, maxBytes) {
      const at = Math.min(end, Math.max(begin, wanted))
      const bytes = new Uint8Array(Math.min(maxBytes, end - at))
      for (let done = 0; done < bytes.length; ) {
        const part = from(at + done).subarray(0, bytes.length - done)
        bytes.set(part, done)
        done += part.length
      }
      return { at, bytes }
    },
    drop,
    begin: () => begin,
    end: () => end,
  }
}
