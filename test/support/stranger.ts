/** Somebody who dials a conductor and says what no node of ours would: over ZeroMQ in any bytes, or over TCP without ZeroMQ. */
import { connect } from 'node:net'
import { Dealer } from 'zeromq'
import { decode, type Envelope, encode, PROTOCOL } from '../../transport/protocol.ts'
import { unpack } from '../../transport/zeromq-frames.ts'
import { until } from './cluster.ts'

const HEARD_MS = 5_000

/** Messages as they stand in one frame: each behind its length. */
export const frame = (...messages: readonly Uint8Array[]): Buffer =>
  Buffer.concat(
    messages.flatMap(message => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(message.length)
      return [length, message]
    }),
  )

export interface Stranger {
  /** One ZeroMQ message of these parts. */
  send(...parts: Uint8Array[]): Promise<void>
  say(...envelopes: readonly Envelope[]): Promise<void>
  readonly heard: readonly Envelope[]
  /** The first envelope heard that fits; rejects when none comes. */
  hears(what: string, fits: (envelope: Envelope) => boolean): Promise<Envelope>
  /** Says hello in this role, and waits to be welcomed. */
  enter(role: 'gateway' | 'client'): Promise<void>
  /** Resolves when all that was said before has been handled: what comes from one peer is handled in order. */
  handled(): Promise<void>
  /** Resolves when the other side has closed the connection. */
  disconnected(): Promise<void>
  close(): void
}

export function dialAsStranger(endpoint: string): Stranger {
  const socket = new Dealer({ linger: 0, sendTimeout: HEARD_MS })
  const heard: Envelope[] = []
  let pings = 0
  let broken = false
  socket.events.on('disconnect', () => {
    broken = true
  })
  socket.connect(endpoint)
  const listen = async (): Promise<void> => {
    for await (const [bytes] of socket) if (bytes) unpack(bytes, message => heard.push(decode(message)))
  }
  void listen()
  const stranger: Stranger = {
    heard,
    send: (...parts) => socket.send(parts),
    say: (...envelopes) => socket.send(frame(...envelopes.map(encode))),
    hears: (what, fits) => until(`${what} after ${JSON.stringify(heard)}`, HEARD_MS, () => heard.find(fits), 5),
    async enter(role) {
      const id = { node: 'stranger', inc: performance.now(), role, pid: 1, ver: 'stranger', eng: 'stranger' } as const
      await stranger.say({ t: 'hello', vs: [PROTOCOL.min, PROTOCOL.max], id, at: performance.now() })
      await stranger.hears('a welcome', e => e.t === 'welcome')
    },
    async handled() {
      const at = ++pings
      const whoBefore = heard.filter(e => e.t === 'who').length
      await stranger.say({ t: 'ping', at })
      await stranger.hears('an answer to a ping', e => (e.t === 'pong' && e.at === at) || heard.filter(h => h.t === 'who').length > whoBefore)
    },
    async disconnected() {
      await until('the end of the connection', HEARD_MS, () => broken, 5)
    },
    close: () => socket.close(),
  }
  return stranger
}

/** Greeting and READY of a ZMTP 3 peer without security, up to the first frame. */
export const ZMTP_HANDSHAKE: Buffer = (() => {
  const greeting = Buffer.alloc(64)
  Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0]).copy(greeting)
  greeting.write('NULL', 12, 'latin1')
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)])
  const type = Buffer.from('DEALER')
  const body = Buffer.concat([text('READY'), text('Socket-Type'), Buffer.from([0, 0, 0, type.length]), type])
  return Buffer.concat([greeting, Buffer.from([0x04, body.length]), body])
})()

/** Sends bytes over plain TCP and then closes; resolves when the connection has ended, however. */
export async function shout(endpoint: string, bytes: Uint8Array): Promise<void> {
  const { hostname, port } = new URL(endpoint)
  const socket = connect(Number(port), hostname)
  // A reset is an end like any other.
  const closed = new Promise(resolve => socket.on('error', () => {}).once('close', resolve))
  socket.setTimeout(HEARD_MS, () => socket.destroy())
  socket.resume().end(bytes)
  await closed
}
