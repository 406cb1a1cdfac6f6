/**
 * The `Link` port over ZeroMQ: a ROUTER for each endpoint we listen on, a DEALER for each endpoint we dial.
 *
 * - **Batching.** Messages wait in the outbox of their peer until the event loop has finished its turn; then everything that
 *   waits becomes one frame (see `zeromq-frames.ts`). Under load batches grow by themselves, a lone message leaves at once.
 * - **One send at a time per peer**, so order holds. A DEALER's `send` may wait for room, which concerns no other peer. A ROUTER is
 *   shared by all who dialled it, so it never waits (`sendTimeout: 0`): a peer without room is tried again a little later.
 * - **Not connected.** ZeroMQ gets nothing for a peer it has no connection to (`immediate`, and we watch its events): what is sent
 *   meanwhile waits in the outbox, which is bounded. When a connection breaks, what waited for it is dropped: its answers would
 *   be waited for by nobody, and whoever still wants something asks again.
 * - **Names.** Each DEALER introduces itself by `identity` and a random part, so a hung-up and newly dialled connection is a new
 *   peer, nobody can guess another's name, and `handover` lets a reconnect replace the dead connection it had before.
 * - **Nothing thrown here reaches the process**: every promise of ZeroMQ ends in a loop that reports to `onFault`.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import { Dealer, Router } from 'zeromq'
import { BatonError } from '../actors/kernel/errors.ts'
import type { Link, LinkStats, Peer, SendResult } from './link.ts'
import { type CurveDialler, type CurveListener, createAdmission, diallerOptions } from './zeromq-curve.ts'
import { checkEndpoint, endpointFault, errorCode, ipcPath, isListening, portInUse } from './zeromq-endpoints.ts'
import { isSendable, MAX_FRAME_BYTES, unpack } from './zeromq-frames.ts'
import { createLine, type Line, type LinkCounts, type Outcome } from './zeromq-line.ts'

export interface ZeromqLinkOptions {
  /** `nodeId#incarnation`; at most 200 bytes. Peers see it only as part of an opaque handle. */
  readonly identity: string
  /** Told of what a message handler threw and of unexpected errors of a socket. */
  readonly onFault?: (error: unknown) => void
  /** Left out, everything is in the clear and everybody is let in. */
  readonly listens?: CurveListener
  readonly dials?: CurveDialler
  /** Who sends a larger frame is hung up on, bytes. */
  readonly maxFrameBytes?: number
}

const LIMITS = {
  /** Frames inside ZeroMQ per peer and direction: enough to keep the wire busy, few enough that our own queue is what fills. */
  framesInside: 16,
  /** Peers remembered behind one listener; beyond it the one known for longest with nothing queued is forgotten until it speaks. */
  callers: 16_384,
  /** Messages handled before other work of the process gets its turn. */
  messagesPerTurn: 1024,
  /** Pause after an unexpected error of a socket. */
  faultPauseMs: 100,
  /** Frames that ZeroMQ has accepted may still leave for this long after `close`. */
  lastWordsMs: 100,
} as const

const SOCKET_OPTIONS = {
  linger: 0,
  sendHighWaterMark: LIMITS.framesInside,
  receiveHighWaterMark: LIMITS.framesInside,
  // ZMTP heartbeats stay off: in a process that stands still while its input is full and its peer hangs up, they end it with
  // `Assertion failed: !_io_error` (libzmq issues 4364, 4767). Sessions ping by themselves; dead machines are noticed by the kernel.
  tcpKeepalive: 1,
  tcpKeepaliveIdle: 3,
  tcpKeepaliveInterval: 1,
  tcpKeepaliveCount: 3,
  tcpMaxRetransmitTimeout: 6000,
  handshakeInterval: 5000,
} as const

interface Dialled {
  readonly endpoint: string
  readonly socket: Dealer
  readonly line: Line
}

interface Listener {
  readonly socket: Router
  /** Who has spoken, in the order in which they first did. */
  readonly callers: Map<Peer, Line>
}

/** A link over ZeroMQ. Endpoints are `tcp://address:port`, `tcp://address:*` for any free port, or `ipc://path`. */
export function createZeromqLink(options: ZeromqLinkOptions): Link {
  const { identity } = options
  if (identity.length === 0 || Buffer.byteLength(identity) > 200) throw new Error('the identity of a link has 1 to 200 bytes')

  const counts: LinkCounts = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0, droppedFull: 0, droppedUnknown: 0, malformed: 0 }
  const dialled = new Map<string, Dialled>()
  const listeners = new Set<Listener>()
  /** Every peer that can be sent to. */
  const lines = new Map<Peer, Line>()
  const loops = new Set<Promise<void>>()
  let onMessage: (peer: Peer, message: Uint8Array) => void = () => {}
  let onDisconnect: (peer: Peer) => void = () => {}
  let serial = 0
  let closing: Promise<void> | null = null
  const admission = options.listens ? createAdmission(options.listens, report) : null
  const socketOptions = { ...SOCKET_OPTIONS, maxMessageSize: options.maxFrameBytes ?? MAX_FRAME_BYTES }

  function report(error: unknown): void {
    try {
      options.onFault?.(error)
    } catch {
      // A failing fault handler has nobody left to tell.
    }
  }

  // Sending

  function drop(line: Line): void {
    line.end()
    lines.delete(line.peer)
  }

  function send(peer: Peer, message: Uint8Array): SendResult {
    const line = closing ? undefined : lines.get(peer)
    if (!line) {
      counts.droppedUnknown++
      return 'unknown'
    }
    if (!isSendable(message)) {
      counts.malformed++
      return 'full'
    }
    if (line.push(message)) return 'sent'
    counts.droppedFull++
    return 'full'
  }

  // Receiving

  function handle(peer: Peer, message: Uint8Array): void {
    counts.messagesIn++
    counts.bytesIn += message.length
    try {
      onMessage(peer, message)
    } catch (error) {
      report(error)
    }
  }

  /** Reads from a socket until it is closed. `take` answers with how many messages it handled. Never rejects. */
  async function receive(socket: Dealer | Router, take: (parts: Buffer[]) => number): Promise<void> {
    let handled = 0
    while (!socket.closed) {
      try {
        handled += take(await socket.receive())
        if (handled >= LIMITS.messagesPerTurn) {
          handled = 0
          await turn()
        }
      } catch (error) {
        if (socket.closed) return
        report(error)
        await delay(LIMITS.faultPauseMs)
      }
    }
  }

  /** Hands over the messages of a frame; answers with their number. */
  function takeFrame(peer: Peer, frame: Buffer | undefined, partsAreRight: boolean): number {
    const before = counts.messagesIn
    if (!frame || !partsAreRight || !unpack(frame, message => handle(peer, message))) counts.malformed++
    return counts.messagesIn - before + 1
  }

  function run(loop: Promise<void>): void {
    loops.add(loop)
    void loop.then(() => loops.delete(loop))
  }

  // Those we dial

  async function watch({ socket, line }: Dialled): Promise<void> {
    const { events } = socket
    while (!events.closed) {
      try {
        // Undefined when closed meanwhile, whatever the type says.
        const event: { type: string } | undefined = await events.receive()
        if (event?.type === 'handshake') line.connected()
        else if (event?.type === 'disconnect' && line.broken() && !line.ended && !closing) onDisconnect(line.peer)
      } catch (error) {
        if (events.closed || socket.closed) return
        report(error)
        await delay(LIMITS.faultPauseMs)
      }
    }
  }

  function dial(endpoint: string): Peer {
    const known = dialled.get(endpoint)
    if (known) return known.line.peer
    const peer = `>${++serial}:${endpoint}`
    checkEndpoint(endpoint, 'dial')
    if (closing) return peer
    const socket = new Dealer({
      ...socketOptions,
      ...(options.dials ? diallerOptions(options.dials) : {}),
      routingId: `${identity}/${randomBytes(9).toString('base64url')}`,
      immediate: true,
      reconnectInterval: 100,
      reconnectMaxInterval: 1000,
    })
    const transmit = async (frame: Uint8Array): Promise<Outcome> => {
      try {
        await socket.send(frame)
        return 'taken'
      } catch (error) {
        if (socket.closed) return 'gone'
        report(error)
        return 'later'
      }
    }
    const entry: Dialled = { endpoint, socket, line: createLine(peer, false, counts, transmit, () => lines.delete(peer)) }
    // Before the connection, or its first event would be missed.
    run(watch(entry))
    try {
      socket.connect(endpoint)
    } catch (error) {
      socket.close()
      throw endpointFault(endpoint, 'dial', error)
    }
    dialled.set(endpoint, entry)
    lines.set(peer, entry.line)
    run(receive(socket, parts => (closing || entry.line.ended ? 0 : takeFrame(peer, parts[0], parts.length === 1))))
    return peer
  }

  // Those who dial us

  function meet(listener: Listener, peer: Peer, routingId: Buffer): Line {
    const { socket, callers } = listener
    const transmit = async (frame: Uint8Array): Promise<Outcome> => {
      try {
        await socket.send([routingId, frame])
        return 'taken'
      } catch (error) {
        const code = errorCode(error)
        if (code === 'EAGAIN' && !socket.closed) return 'later'
        if (code !== 'EHOSTUNREACH' && !socket.closed) report(error)
        return 'gone'
      }
    }
    const line = createLine(peer, true, counts, transmit, () => {
      callers.delete(peer)
      lines.delete(peer)
    })
    callers.set(peer, line)
    lines.set(peer, line)
    if (callers.size > LIMITS.callers) forgetIdle(callers)
    return line
  }

  function forgetIdle(callers: Map<Peer, Line>): void {
    for (const [peer, line] of callers) {
      if (line.waiting > 0) continue
      callers.delete(peer)
      drop(line)
      return
    }
  }

  async function listen(endpoint: string): Promise<string> {
    if (closing) throw new BatonError('Unavailable', 'the link is closed')
    checkEndpoint(endpoint, 'listen')
    const path = ipcPath(endpoint)
    if (path !== null && (await isListening(path))) throw portInUse(endpoint)
    await admission?.open()
    const secure = admission?.socketOptions ?? {}
    const socket = new Router({ ...socketOptions, ...secure, mandatory: true, handover: true, sendTimeout: 0, backlog: 1024 })
    try {
      await socket.bind(endpoint)
    } catch (error) {
      socket.close()
      throw endpointFault(endpoint, 'listen on', error)
    }
    if (closing) {
      socket.close()
      throw new BatonError('Unavailable', 'the link was closed meanwhile')
    }
    const listener: Listener = { socket, callers: new Map() }
    listeners.add(listener)
    const prefix = `<${++serial}:`
    run(
      receive(socket, ([routingId, frame, ...more]) => {
        if (closing || !routingId) return 0
        const peer = prefix + routingId.toString('latin1')
        if (!listener.callers.has(peer)) meet(listener, peer, routingId)
        return takeFrame(peer, frame, more.length === 0)
      }),
    )
    return socket.lastEndpoint ?? endpoint
  }

  function hangUp(peer: Peer): void {
    const line = lines.get(peer)
    if (!line) return
    drop(line)
    for (const entry of dialled.values()) {
      if (entry.line !== line) continue
      dialled.delete(entry.endpoint)
      entry.socket.close()
    }
    for (const listener of listeners) listener.callers.delete(peer)
  }

  async function shut(): Promise<void> {
    // One last turn for what was sent before `close`.
    for (const line of lines.values()) line.pump()
    await turn()
    for (const socket of [...[...dialled.values()].map(d => d.socket), ...[...listeners].map(l => l.socket)]) {
      socket.linger = LIMITS.lastWordsMs
      socket.close()
    }
    admission?.close()
    for (const line of [...lines.values()]) drop(line)
    dialled.clear()
    listeners.clear()
    await Promise.all(loops)
  }

  return {
    listen,
    dial,
    hangUp,
    send,
    onMessage(handler) {
      onMessage = handler
    },
    onDisconnect(handler) {
      onDisconnect = handler
    },
    stats(): LinkStats {
      let queued = 0
      for (const line of lines.values()) queued += line.waiting
      return { ...counts, queued }
    },
    close() {
      closing ??= shut()
      return closing
    },
  }
}
