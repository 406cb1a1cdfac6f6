/**
 * As much of ZMTP 3 as it takes to see where a message begins and ends: a greeting of 64 bytes, then frames. A frame is a byte of
 * flags, its size in one byte or eight, and its body; frames with the flag MORE belong to one message with those that follow.
 */

const GREETING_BYTES = 64
const MORE = 1
const LONG = 2
const COMMAND = 4

/** One thing that went over a connection, whole. */
export interface Unit {
  readonly kind: 'greeting' | 'command' | 'message'
  readonly bytes: Buffer
}

/** Cuts one direction of a connection into units. Bytes come in pieces of any size; the answer is what they complete. */
export function createCutter(): (piece: Buffer) => Unit[] {
  let rest: Buffer = Buffer.alloc(0)
  let greeted = false
  /** Bytes of `rest` that are whole frames of a message still to be completed. */
  let begun = 0

  return piece => {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece])
    const units: Unit[] = []
    const take = (kind: Unit['kind'], length: number): void => {
      units.push({ kind, bytes: rest.subarray(0, length) })
      rest = rest.subarray(length)
      begun = 0
    }
    if (!greeted) {
      if (rest.length < GREETING_BYTES) return units
      greeted = true
      take('greeting', GREETING_BYTES)
    }
    for (let frame = frameAt(rest, begun); frame !== null; frame = frameAt(rest, begun)) {
      begun = frame.end
      if ((frame.flags & MORE) === 0) take((frame.flags & COMMAND) === 0 ? 'message' : 'command', frame.end)
    }
    return units
  }
}

/** The whole frame that begins there, or null when it is not all there yet. */
function frameAt(bytes: Buffer, at: number): { readonly flags: number; readonly end: number } | null {
  const flags = bytes[at]
  if (flags === undefined) return null
  const head = (flags & LONG) === 0 ? 2 : 9
  if (bytes.length < at + head) return null
  const size = head === 2 ? bytes.readUInt8(at + 1) : Number(bytes.readBigUInt64BE(at + 1))
  const end = at + head + size
  return bytes.length < end ? null : { flags, end }
}
