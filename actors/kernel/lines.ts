/** Bytes of a stream as lines of bounded length. For peers that may be broken or hostile: what they send is never held beyond the bound. Pure. */

export interface LineReader {
  /** The lines that these bytes complete; null when one is too long: then nothing that follows can be trusted. */
  push(bytes: Uint8Array): string[] | null
}

export function lineReader(maxBytes: number): LineReader {
  let pieces: Uint8Array[] = []
  let held = 0
  let broken = false
  return {
    push(bytes) {
      const lines: string[] = []
      let rest = bytes
      for (let end = rest.indexOf(10); end >= 0 && !broken; end = rest.indexOf(10)) {
        broken = held + end > maxBytes
        if (!broken) lines.push(Buffer.concat([...pieces, rest.subarray(0, end)]).toString('utf8'))
        pieces = []
        held = 0
        rest = rest.subarray(end + 1)
      }
      held += rest.length
      broken ||= held > maxBytes
      if (broken) {
        pieces = []
        return null
      }
      // A copy: the buffer that it came in may be used again.
      if (rest.length > 0) pieces.push(Uint8Array.from(rest))
      return lines
    },
  }
}
