/**
 * The `Link` port in memory, for the simulator: no sockets, no clock, no chance of its own. The simulator says how long each
 * message travels (`deliver`) and runs what is due (`schedule`); the same answers give the same run.
 *
 * Order without a clock: every connection has one queue per direction. When a message's time has come it is marked as
 * arrived, and the queue is emptied from its head for as long as the head has arrived. So a fast message behind a slow one
 * waits for it, as on TCP. A duplicate joins the end of the queue when its own time comes: it may arrive
 * after later messages, never before its original.
 *
 * What it mimics of ZeroMQ: a dialled handle survives the death of the listener and reaches the next one on that endpoint;
 * messages to an endpoint nobody listens on wait in the bounded queue; what was under way to a dead node is lost, what a
 * node had sent before it died still arrives.
 */
import { BatonError } from '../actors/kernel/errors.ts'
import { LINK_LIMITS, type Link, type LinkStats, type Peer, type SendResult } from './link.ts'

export interface MemoryNetworkOptions {
  /** Runs `fn` once, `delayMs` of simulated time from now, never within the call. */
  readonly schedule: (delayMs: number, fn: () => void) => void
  /** How long each copy of a message travels, in ms: `[]` is a loss, two numbers a duplicate. Without it all arrive after 1 ms. */
  readonly deliver?: (from: string, to: string, message: Uint8Array) => readonly number[]
  /** Time from a listener's (re)appearance to the connection of those who dialled it. 100 ms by default. */
  readonly reconnectMs?: number
  /** Told what a message handler threw. Without it the error leaves through the scheduled function. */
  readonly onFault?: (node: string, error: unknown) => void
}

export interface MemoryNetwork {
  /** A new life of `node`. Throws when the node has a living link. */
  link(node: string): Link
  /** The node is gone at once: nothing is said to it or by it any more, diallers see a disconnect. */
  crash(node: string): void
  /** What arrives at the node waits until `resume`. */
  pause(node: string): void
  resume(node: string): void
}

interface Flight {
  readonly message: Uint8Array
  arrived: boolean
}

/** One direction of a connection. `sender` is the handle by which the receiver knows who sends. */
interface Pipe {
  readonly from: Life
  readonly to: Life
  readonly sender: Peer
  /** The way back, through which the receiver answers `sender`. */
  back: Pipe | null
  readonly flights: Flight[]
  bytes: number
  open: boolean
}

interface Dial {
  readonly peer: Peer
  readonly endpoint: string
  readonly owner: Life
  /** Our handle at the listener: a new one for every dial, the same over reconnects. */
  readonly routing: Peer
  readonly waiting: Uint8Array[]
  waitingBytes: number
  /** The way to the listener, null while nobody listens. */
  pipe: Pipe | null
  /** The way from the newest listener; outlives its death until what it had sent has arrived. */
  inbound: Pipe | null
  ended: boolean
}

/** One life of a node, from `link` to `close` or crash. */
interface Life {
  readonly node: string
  readonly number: number
  readonly endpoints: Set<string>
  /** By handle. */
  readonly dials: Map<Peer, Dial>
  /** Who dialled us and has spoken: the pipe that leads back. */
  readonly callers: Map<Peer, Pipe>
  readonly counts: { -readonly [K in keyof Omit<LinkStats, 'queued'>]: number }
  onMessage: (peer: Peer, message: Uint8Array) => void
  onDisconnect: (peer: Peer) => void
  alive: boolean
}

const noCounts = (): Life['counts'] => ({
  messagesIn: 0,
  messagesOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  droppedFull: 0,
  droppedUnknown: 0,
  malformed: 0,
})

/** A network without sockets. See the head of this file for what it promises. */
export function createMemoryNetwork(options: MemoryNetworkOptions): MemoryNetwork {
  const { schedule, deliver = () => [1], reconnectMs = 100, onFault } = options
  const living = new Map<string, Life>()
  const listeners = new Map<string, Life>()
  const paused = new Set<string>()
  const dials = new Set<Dial>()
  const pipes = new Set<Pipe>()
  let lives = 0
  let dialled = 0
  let ports = 0

  const hasRoom = (count: number, bytes: number, message: Uint8Array): boolean =>
    count < LINK_LIMITS.sendQueue && bytes + message.length <= LINK_LIMITS.sendQueueBytes

  /** Hands over everything at the head of the queue that has arrived. The handler may do anything, even crash its own node. */
  function drain(pipe: Pipe): void {
    const { to, sender } = pipe
    while (pipe.open && to.alive && !paused.has(to.node)) {
      const flight = pipe.flights[0]
      if (!flight?.arrived) break
      pipe.flights.shift()
      const { message } = flight
      pipe.bytes -= message.length
      if (pipe.back && !to.dials.has(sender) && pipe.back.open) to.callers.set(sender, pipe.back)
      to.counts.messagesIn++
      to.counts.bytesIn += message.length
      try {
        to.onMessage(sender, message)
      } catch (error) {
        if (!onFault) throw error
        onFault(to.node, error)
      }
    }
    retire(pipe)
  }

  /** A pipe whose sender has gone lives on until what it had sent has arrived. */
  function retire(pipe: Pipe): void {
    if (pipe.flights.length === 0 && (!pipe.from.alive || !pipe.back?.open)) pipes.delete(pipe)
  }

  function put(pipe: Pipe, message: Uint8Array): void {
    const { counts } = pipe.from
    counts.messagesOut++
    counts.bytesOut += message.length
    const [first, ...copies] = [...deliver(pipe.from.node, pipe.to.node, message)].sort((a, b) => a - b)
    if (first === undefined) return
    const enter = (arrived: boolean): Flight => {
      const flight = { message, arrived }
      pipe.flights.push(flight)
      pipe.bytes += message.length
      return flight
    }
    const flight = enter(false)
    schedule(first, () => {
      flight.arrived = true
      drain(pipe)
    })
    for (const delayMs of copies) {
      schedule(delayMs, () => {
        if (!pipe.open) return
        enter(true)
        drain(pipe)
      })
    }
  }

  /** Nothing that is still in the pipe arrives. */
  function cut(pipe: Pipe): void {
    if (!pipe.open) return
    pipe.open = false
    pipe.from.counts.droppedUnknown += pipe.flights.length
    pipe.flights.length = 0
    pipe.bytes = 0
    pipes.delete(pipe)
  }

  function connect(dial: Dial): void {
    const listener = listeners.get(dial.endpoint)
    if (!listener || dial.ended || dial.pipe) return
    const there: Pipe = { from: dial.owner, to: listener, sender: dial.routing, back: null, flights: [], bytes: 0, open: true }
    const back: Pipe = { from: listener, to: dial.owner, sender: dial.peer, back: there, flights: [], bytes: 0, open: true }
    there.back = back
    // What the former listener had sent and is still on its way must not mix with what this one says.
    if (dial.inbound) cut(dial.inbound)
    pipes.add(there)
    pipes.add(back)
    dial.pipe = there
    dial.inbound = back
    for (const message of dial.waiting.splice(0)) put(there, message)
    dial.waitingBytes = 0
  }

  /** The listener of a dialled connection has gone. */
  function lose(dial: Dial): void {
    if (dial.pipe) cut(dial.pipe)
    dial.pipe = null
    schedule(0, () => {
      if (dial.owner.alive && !dial.ended) dial.owner.onDisconnect(dial.peer)
    })
    schedule(reconnectMs, () => connect(dial))
  }

  /** The dialler ends the connection: what it sent may arrive, what was on the way to it may not. */
  function end(dial: Dial): void {
    dial.ended = true
    dials.delete(dial)
    dial.owner.dials.delete(dial.peer)
    dial.owner.counts.droppedUnknown += dial.waiting.splice(0).length
    if (dial.inbound) cut(dial.inbound)
    if (!dial.pipe) return
    dial.pipe.to.callers.delete(dial.routing)
    retire(dial.pipe)
    dial.pipe = null
  }

  function die(life: Life): void {
    if (!life.alive) return
    life.alive = false
    for (const dial of [...life.dials.values()]) end(dial)
    living.delete(life.node)
    paused.delete(life.node)
    for (const endpoint of life.endpoints) listeners.delete(endpoint)
    for (const dial of dials) if (dial.pipe?.to === life) lose(dial)
    life.callers.clear()
    for (const pipe of pipes) {
      if (pipe.to === life) cut(pipe)
      else if (pipe.from === life) retire(pipe)
    }
  }

  function openLink(life: Life): Link {
    const { counts } = life

    function refuse(result: 'full' | 'unknown'): SendResult {
      if (result === 'full') counts.droppedFull++
      else counts.droppedUnknown++
      return result
    }

    function send(peer: Peer, message: Uint8Array): SendResult {
      const dial = life.dials.get(peer)
      const pipe = dial ? dial.pipe : life.callers.get(peer)
      if (!dial && !pipe?.open) return refuse('unknown')
      if (message.length === 0 || message.length > LINK_LIMITS.maxMessageBytes) {
        counts.malformed++
        return 'full'
      }
      const copy = Buffer.from(message)
      if (pipe) {
        if (!hasRoom(pipe.flights.length, pipe.bytes, message)) return refuse('full')
        put(pipe, copy)
      } else if (dial) {
        if (!hasRoom(dial.waiting.length, dial.waitingBytes, message)) return refuse('full')
        dial.waiting.push(copy)
        dial.waitingBytes += copy.length
      }
      return 'sent'
    }

    return {
      async listen(endpoint) {
        if (!life.alive) throw new BatonError('Unavailable', 'the link is closed')
        const concrete = endpoint.endsWith(':*') ? `${endpoint.slice(0, -1)}${++ports}` : endpoint
        if (listeners.has(concrete)) throw new BatonError('PortInUse', `${concrete} is in use: choose another port or stop who listens there`)
        listeners.set(concrete, life)
        life.endpoints.add(concrete)
        for (const dial of dials) if (dial.endpoint === concrete) schedule(reconnectMs, () => connect(dial))
        return concrete
      },
      dial(endpoint) {
        for (const dial of life.dials.values()) if (dial.endpoint === endpoint) return dial.peer
        const serial = ++dialled
        const dial: Dial = {
          peer: `>${endpoint}/${serial}`,
          endpoint,
          owner: life,
          routing: `<${life.node}#${life.number}/${serial}`,
          waiting: [],
          waitingBytes: 0,
          pipe: null,
          inbound: null,
          ended: false,
        }
        if (!life.alive) return dial.peer
        life.dials.set(dial.peer, dial)
        dials.add(dial)
        connect(dial)
        return dial.peer
      },
      hangUp(peer) {
        const dial = life.dials.get(peer)
        if (dial) end(dial)
        else life.callers.delete(peer)
      },
      send,
      onMessage(handler) {
        life.onMessage = handler
      },
      onDisconnect(handler) {
        life.onDisconnect = handler
      },
      stats() {
        let queued = 0
        for (const pipe of pipes) if (pipe.from === life) queued += pipe.flights.length
        for (const dial of life.dials.values()) queued += dial.waiting.length
        return { ...counts, queued }
      },
      async close() {
        die(life)
      },
    }
  }

  return {
    link(node) {
      if (living.has(node)) throw new Error(`${node} has a living link: crash or close it first`)
      const life: Life = {
        node,
        number: ++lives,
        endpoints: new Set(),
        dials: new Map(),
        callers: new Map(),
        counts: noCounts(),
        onMessage: () => {},
        onDisconnect: () => {},
        alive: true,
      }
      living.set(node, life)
      return openLink(life)
    },
    crash(node) {
      const life = living.get(node)
      if (life) die(life)
    },
    pause(node) {
      paused.add(node)
    },
    resume(node) {
      paused.delete(node)
      for (const pipe of pipes) if (pipe.to.node === node) schedule(0, () => drain(pipe))
    },
  }
}
