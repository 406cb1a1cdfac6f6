/**
 * How messages share a ZeroMQ frame, and the queue in which they wait for one.
 *
 * Crossing from JavaScript into ZeroMQ and back costs a few microseconds per frame, and far less per byte. So everything that
 * waits for a peer is packed into one frame: for each message its length in 4 bytes, most significant first, then its bytes.
 *
 * What comes in is not trusted: a frame is read up to the first message that cannot be one of ours, and no further.
 */
import { LINK_LIMITS } from './link.ts'

export const FRAME_LIMITS = {
  /** Messages in one frame. */
  messages: 256,
  /** A frame is closed when it has reached this size; one large message may make it larger. */
  bytes: 1024 * 1024,
} as const

const LENGTH_BYTES = 4

/** No frame that we send is larger, in bytes. */
export const MAX_FRAME_BYTES = Math.max(LINK_LIMITS.maxMessageBytes + LENGTH_BYTES, FRAME_LIMITS.bytes)

export interface Batch {
  readonly frame: Uint8Array
  readonly messages: number
  /** Bytes of the messages without their lengths. */
  readonly bytes: number
}

/** The bounded queue of messages to one peer. */
export interface Outbox {
  readonly size: number
  /** False when there is no room, by count or by bytes. */
  push(message: Uint8Array): boolean
  /** Takes as many messages as fit into a frame; null when none wait. */
  take(): Batch | null
  /** Drops everything; answers with how many messages that were. */
  clear(): number
}

/** Whether a message may go over a link at all. */
export const isSendable = (message: Uint8Array): boolean => message.length > 0 && message.length <= LINK_LIMITS.maxMessageBytes

function pack(messages: readonly Uint8Array[], bytes: number): Uint8Array {
  const frame = Buffer.allocUnsafe(bytes + messages.length * LENGTH_BYTES)
  let at = 0
  for (const message of messages) {
    frame.writeUInt32BE(message.length, at)
    frame.set(message, at + LENGTH_BYTES)
    at += LENGTH_BYTES + message.length
  }
  return frame
}

export function createOutbox(): Outbox {
  let messages: Uint8Array[] = []
  let bytes = 0
  /** `messages` before this index have been taken. */
  let head = 0

  return {
    get size() {
      return messages.length - head
    },
    push(message) {
      if (messages.length - head >= LINK_LIMITS.sendQueue || bytes + message.length > LINK_LIMITS.sendQueueBytes) return false
      messages.push(message)
      bytes += message.length
      return true
    },
    take() {
      let end = head
      let taken = 0
      for (; end < messages.length && end - head < FRAME_LIMITS.messages; end++) {
        const length = messages[end]?.length ?? 0
        if (end > head && taken + length + (end - head + 1) * LENGTH_BYTES > FRAME_LIMITS.bytes) break
        taken += length
      }
      if (end === head) return null
      const batch = messages.slice(head, end)
      head = end
      bytes -= taken
      if (head === messages.length) {
        messages = []
        head = 0
      } else if (head >= 4096) {
        messages = messages.slice(head)
        head = 0
      }
      return { frame: pack(batch, taken), messages: batch.length, bytes: taken }
    },
    clear() {
      const dropped = messages.length - head
      messages = []
      bytes = 0
      head = 0
      return dropped
    },
  }
}

/**
 * Hands each message of a frame to `handle`, in order; the bytes are a view of the frame. Answers with false when the frame was
 * not wholly made of messages of ours: empty, a length of zero, over the limit or over the end, or too many messages.
 */
export function unpack(frame: Buffer, handle: (message: Uint8Array) => void): boolean {
  const end = frame.length
  let at = 0
  for (let count = 0; at < end; count++) {
    if (count === FRAME_LIMITS.messages || at + LENGTH_BYTES > end) return false
    const length = frame.readUInt32BE(at)
    at += LENGTH_BYTES
    if (length === 0 || length > LINK_LIMITS.maxMessageBytes || at + length > end) return false
    handle(frame.subarray(at, at + length))
    at += length
  }
  return end > 0
}
