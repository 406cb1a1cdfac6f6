/**
 * The port under all messages: bytes to a peer, bytes from a peer. A link promises order per sender and receiver,
 * and nothing else: a message may be lost, and `send` never waits. Two adapters pass the same contract tests:
 * ZeroMQ (`zeromq-link.ts`) and memory (`memory-link.ts`, for the simulator).
 *
 * A peer is an opaque handle that lives as long as one connection: what we dialled (`dial` answers with the handle), or
 * who dialled us (first seen in `onMessage`). Who stands behind it is learned by the HELLO of the layer above.
 */

export type Peer = string

/** `full`: the bounded queue to that peer has no room; `unknown`: there is no such peer (any more). */
export type SendResult = 'sent' | 'full' | 'unknown'

export interface LinkStats {
  readonly messagesIn: number
  readonly messagesOut: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly droppedFull: number
  readonly droppedUnknown: number
  /** Frames that were no message of ours: wrong shape or over the size limit. */
  readonly malformed: number
  /** Messages waiting in all send queues. */
  readonly queued: number
}

export interface Link {
  /** Starts to listen; answers with the endpoint under which others can dial it. Throws `PortInUse`. */
  listen(endpoint: string): Promise<string>
  /**
   * Connects, and keeps reconnecting until `hangUp`. Dialling the same endpoint again answers with the same handle. What is sent
   * before there is a connection waits in the bounded queue. Throws `ConfigInvalid` for an endpoint that cannot be one.
   */
  dial(endpoint: string): Peer
  hangUp(peer: Peer): void
  /**
   * Never waits, never throws. The bytes belong to the link from here on: do not change them. An empty message or one over
   * `maxMessageBytes` is dropped, counted as malformed and answered with `full`; a caller who may have such checks before.
   */
  send(peer: Peer, message: Uint8Array): SendResult
  onMessage(handler: (peer: Peer, message: Uint8Array) => void): void
  /** A hint: the connection to this dialled peer broke and what was queued for it is lost; the handle stays and reconnects. */
  onDisconnect?(handler: (peer: Peer) => void): void
  stats(): LinkStats
  close(): Promise<void>
}

export const LINK_LIMITS = {
  /** Largest message in bytes; a larger frame is dropped and counted. */
  maxMessageBytes: 4 * 1024 * 1024,
  /** Messages that may wait for one peer. */
  sendQueue: 10_000,
  /** Bytes that may wait for one peer. */
  sendQueueBytes: 32 * 1024 * 1024,
} as const
