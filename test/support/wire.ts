/** Nodes with messengers over the memory network: every frame passes the test's hands and can be lost, delayed or repeated. */
import { type Address, address } from '../../actors/kernel/address.ts'
import type { Env } from '../../actors/kernel/env.ts'
import type { Fault } from '../../actors/kernel/errors.ts'
import type { Tracing } from '../../actors/kernel/tracing.ts'
import type { Received } from '../../transport/incoming.ts'
import type { Link, Peer } from '../../transport/link.ts'
import { createMemoryNetwork, type MemoryNetwork } from '../../transport/memory-link.ts'
import { createMessenger, type Messenger, type Route } from '../../transport/messenger.ts'
import { decode, type Envelope, encode, type NodeIdentity } from '../../transport/protocol.ts'
import type { Bench } from './simulated.ts'

export interface WireNode {
  readonly name: string
  readonly messenger: Messenger
  readonly link: Link
  readonly env: Env
  /** What was served, in order. */
  readonly served: Received[]
  readonly casts: Received[]
  readonly moved: Fault[]
  readonly opened: string[]
  readonly closed: string[]
  /** This node's own monotonic clock. */
  nowMs(): number
  /** Called with every cast. */
  take: (message: Received) => void
  /** What this node answers; by default the arguments. */
  serve: (message: Received) => Promise<unknown>
  /** Where it sends what is not for a node by name. */
  route: (to: Address) => Route
}

export interface Frame {
  readonly from: string
  readonly to: string
  readonly envelope: Envelope
}

export interface Wire {
  readonly network: MemoryNetwork
  /** Every frame put on the wire. */
  readonly frames: Frame[]
  /** When each copy of a frame arrives, in ms from now; none is a loss. Changed by the test at will. */
  arrival: (frame: Frame) => readonly number[]
  /** A new life of a node that listens and dials `dials`. */
  node(name: string, more?: { role?: NodeIdentity['role']; inc?: number; dials?: readonly string[]; tracing?: Tracing }): Promise<WireNode>
  /** A bare connection to a node, for frames no messenger would send; answers with what comes back. */
  raw(name: string, to: string): { say(envelope: Envelope): void; bytes(bytes: Uint8Array): void; readonly heard: Envelope[]; readonly peer: Peer }
  crash(node: WireNode): void
}

export const to = (node: string): Address => address('node', node)

export function createWire(bench: Bench): Wire {
  const lives = new Map<string, number>()
  const wire: Wire = {
    network: createMemoryNetwork({
      schedule: (delayMs, fn) => void bench.loop.schedule(delayMs, fn),
      deliver(from, target, bytes) {
        let envelope: Envelope
        try {
          envelope = decode(bytes)
        } catch {
          return [1]
        }
        const frame = { from, to: target, envelope }
        wire.frames.push(frame)
        return wire.arrival(frame)
      },
    }),
    frames: [],
    arrival: () => [1],
    async node(name, more = {}) {
      const inc = more.inc ?? (lives.get(name) ?? 0) + 1
      lives.set(name, inc)
      const link = wire.network.link(name)
      await link.listen(`sim://${name}`)
      const env: Env = { ...bench.another(name).env, ...(more.tracing ? { tracing: more.tracing } : {}) }
      const node: WireNode = {
        name,
        link,
        served: [],
        casts: [],
        moved: [],
        opened: [],
        closed: [],
        env,
        nowMs: () => env.monotonicMs(),
        take: () => {},
        serve: async message => message.args,
        route: () => ({ at: 'nowhere', why: 'no route was given' }),
        messenger: createMessenger({
          env,
          link,
          self: { node: name, inc, role: more.role ?? 'conductor', pid: 1, ver: 'test', eng: 'test' },
          route: target => (target.kind !== 'node' ? node.route(target) : target.id === name ? { at: 'here' } : { at: 'node', node: target.id }),
          isRead: ({ method }) => method.startsWith('read'),
          serve(message) {
            node.served.push(message)
            return node.serve(message)
          },
          take(message) {
            node.casts.push(message)
            node.take(message)
          },
          onMoved: fault => void node.moved.push(fault),
          onSession: session => void node.opened.push(session.identity.node),
          onSessionClosed: session => void node.closed.push(session.identity.node),
        }),
      }
      for (const other of more.dials ?? []) node.messenger.sessions.dial(`sim://${other}`)
      return node
    },
    raw(name, target) {
      const link = wire.network.link(name)
      const heard: Envelope[] = []
      link.onMessage((_, bytes) => heard.push(decode(bytes)))
      const peer = link.dial(`sim://${target}`)
      return { say: envelope => void link.send(peer, encode(envelope)), bytes: bytes => void link.send(peer, bytes), heard, peer }
    },
    crash(node) {
      node.messenger.close()
      wire.network.crash(node.name)
    },
  }
  return wire
}

/** Two conductors, `a` connected to `b`. */
export async function pair(bench: Bench): Promise<{ wire: Wire; a: WireNode; b: WireNode }> {
  const wire = createWire(bench)
  const b = await wire.node('b')
  const a = await wire.node('a', { dials: ['b'] })
  await bench.run(50)
  return { wire, a, b }
}

export const countOf = (wire: Wire, t: Envelope['t'], from?: string): number =>
  wire.frames.filter(f => f.envelope.t === t && (from === undefined || f.from === from)).length
