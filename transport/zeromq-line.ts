/**
 * The way to one peer of a ZeroMQ link: an outbox, and one send at a time out of it.
 *
 * What is pushed waits until the event loop has finished its turn; then everything that waits leaves, frame by frame. While the peer
 * is not connected it goes on waiting. When ZeroMQ has no room for the peer, the frame is held back and tried again a little later.
 */
import type { LinkStats, Peer } from './link.ts'
import { type Batch, createOutbox } from './zeromq-frames.ts'

/** What became of a frame: ZeroMQ has it; it has no room now; the peer does not exist any more. */
export type Outcome = 'taken' | 'later' | 'gone'

/** Gives a frame to ZeroMQ. Never rejects. */
export type Transmit = (frame: Uint8Array) => Promise<Outcome>

export type LinkCounts = { -readonly [K in keyof Omit<LinkStats, 'queued'>]: number }

export interface Line {
  readonly peer: Peer
  /** Messages not yet accepted by ZeroMQ. */
  readonly waiting: number
  /** False when there is no room. */
  push(message: Uint8Array): boolean
  /** What waits may leave from now on. */
  connected(): void
  /** The connection broke: what waited for it is dropped. False if there was none. */
  broken(): boolean
  /** Sends without waiting for the end of the turn. */
  pump(): void
  /** No more messages; what waits is dropped. */
  end(): void
  readonly ended: boolean
}

const RETRY_MIN_MS = 5
const RETRY_MAX_MS = 100

/** `onGone` is called once when the peer turns out to be gone; the line has ended by then. */
export function createLine(peer: Peer, isConnected: boolean, counts: LinkCounts, transmit: Transmit, onGone: () => void): Line {
  const outbox = createOutbox()
  let connected = isConnected
  let ended = false
  let sending = false
  let scheduled = false
  /** Taken from the outbox and not yet accepted by ZeroMQ. */
  let held: Batch | null = null
  let retryMs = RETRY_MIN_MS
  let retry: NodeJS.Timeout | null = null

  /** Gives frame after frame to ZeroMQ until nothing waits or there is no room. Never rejects. */
  async function pump(): Promise<void> {
    if (sending || retry) return
    sending = true
    while (connected && !ended) {
      held ??= outbox.take()
      if (!held) break
      const { frame, messages, bytes } = held
      const outcome = await transmit(frame)
      if (ended) break
      if (outcome === 'later') {
        retryLater()
        break
      }
      if (outcome === 'gone') {
        end()
        onGone()
        break
      }
      held = null
      retryMs = RETRY_MIN_MS
      counts.messagesOut += messages
      counts.bytesOut += bytes
    }
    sending = false
  }

  function retryLater(): void {
    retry = setTimeout(() => {
      retry = null
      void pump()
    }, retryMs)
    retryMs = Math.min(RETRY_MAX_MS, retryMs * 2)
  }

  function end(): void {
    if (ended) return
    ended = true
    counts.droppedUnknown += outbox.clear() + (held?.messages ?? 0)
    held = null
    if (retry) clearTimeout(retry)
    retry = null
  }

  return {
    peer,
    get waiting() {
      return outbox.size + (held?.messages ?? 0)
    },
    get ended() {
      return ended
    },
    push(message) {
      if (ended || !outbox.push(message)) return false
      if (!scheduled && !sending && connected) {
        scheduled = true
        setImmediate(() => {
          scheduled = false
          void pump()
        })
      }
      return true
    },
    connected() {
      connected = true
      void pump()
    },
    broken() {
      if (!connected) return false
      connected = false
      counts.droppedUnknown += outbox.clear()
      return true
    },
    pump() {
      void pump()
    },
    end,
  }
}
