/**
 * Calls per second between two processes: our ZeroMQ link against ZeroMQ used bare, in the same run, in turns.
 *
 * The bare pair is what one would write by hand for throughput: a DEALER and a ROUTER, msgpackr, and everything said in one turn of the
 * event loop sent as one multipart message, a frame per envelope. It has no bounds, no counters, no reconnects to watch. A second bare
 * pair packs a whole turn with a single call of msgpackr, which is possible only for someone who owns both ends of every
 * message; it is shown to keep the first number honest.
 *
 * A call is an envelope of 136 bytes and a reply of 54; `IN_FLIGHT` of them are under way at any time.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Packr } from 'msgpackr'
import { Dealer, Router } from 'zeromq'
import type { Peer } from '../transport/link.ts'
import { createZeromqLink } from '../transport/zeromq-link.ts'
import type { BenchResult } from './result.ts'

const IN_FLIGHT = 500
const CALLS = 60_000
const WARM_UP = 20_000
const ROUNDS = 5

const packr = new Packr({ useRecords: false })

interface Call {
  readonly t: 'call'
  readonly id: string
  readonly to: string
  readonly m: string
  readonly a: unknown
  readonly ttl: number
  readonly at: number
  readonly n: number
}

interface Reply {
  readonly t: 'ok'
  readonly id: string
  readonly r: unknown
  readonly at: number
}

const call = (n: number): Call => ({
  t: 'call',
  id: `4c0d1b-${n}`,
  to: 'instance/b1946ac9-2c5f-4f1e-9a0c-6f0b5a1f2d3e',
  m: 'heartbeat',
  a: { seq: n, load: 0.25 },
  ttl: 30_000,
  at: 123_456.5,
  n: 1,
})
const replyTo = (request: Call): Reply => ({ t: 'ok', id: request.id, r: { state: 'active' }, at: 123_457.25 })

/** One end of a conversation: takes what is received, says what there is to say. */
interface Wire<Out> {
  say(what: Out): void
  close(): Promise<void>
}

type Variant = 'link' | 'multipart' | 'packed'
const VARIANTS = ['link', 'multipart', 'packed'] as const satisfies readonly Variant[]

// Bare ZeroMQ

/** Gathers what is said in a turn; one send at a time. */
function batched<Out>(socket: { send(parts: Uint8Array[]): Promise<void> }, variant: Variant): (to: Uint8Array[], what: Out) => void {
  let waiting: { to: Uint8Array[]; what: Out }[] = []
  let sending = false
  const flush = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      // All of a batch goes to one peer here: there is only one.
      const to = batch[0]?.to ?? []
      const frames = variant === 'packed' ? [packr.pack(batch.map(b => b.what))] : batch.map(b => packr.pack(b.what))
      await socket.send([...to, ...frames])
    }
    sending = false
  }
  return (to, what) => {
    waiting.push({ to, what })
    if (sending) return
    sending = true
    setImmediate(() => void flush())
  }
}

const decode = <T>(frames: readonly Buffer[], variant: Variant): T[] =>
  variant === 'packed' ? packr.unpack(frames[0] ?? new Uint8Array()) : frames.map(frame => packr.unpack(frame))

async function serveBare(variant: Variant): Promise<string> {
  const socket = new Router({ linger: 0, mandatory: true })
  await socket.bind('tcp://127.0.0.1:*')
  const say = batched<Reply>({ send: parts => socket.send(parts) }, variant)
  void (async () => {
    for await (const [id, ...frames] of socket) {
      if (id) for (const request of decode<Call>(frames, variant)) say([id], replyTo(request))
    }
  })()
  return socket.lastEndpoint ?? ''
}

function dialBare(endpoint: string, variant: Variant, onReply: (reply: Reply) => void): Wire<Call> {
  const socket = new Dealer({ linger: 0 })
  socket.connect(endpoint)
  const say = batched<Call>({ send: parts => socket.send(parts) }, variant)
  const reading = (async () => {
    for await (const frames of socket) for (const reply of decode<Reply>(frames, variant)) onReply(reply)
  })()
  return {
    say: what => say([], what),
    async close() {
      socket.close()
      await reading
    },
  }
}

// Our link

async function serveLink(): Promise<string> {
  const link = createZeromqLink({ identity: 'server#1' })
  link.onMessage((peer, message) => link.send(peer, packr.pack(replyTo(packr.unpack(message)))))
  return link.listen('tcp://127.0.0.1:*')
}

function dialLink(endpoint: string, onReply: (reply: Reply) => void): Wire<Call> {
  const link = createZeromqLink({ identity: 'client#1' })
  link.onMessage((_, message) => onReply(packr.unpack(message)))
  const peer: Peer = link.dial(endpoint)
  return {
    say: what => void link.send(peer, packr.pack(what)),
    close: () => link.close(),
  }
}

// Measuring

/** Calls per second of one conversation over `count` calls. */
function converse(open: (onReply: (reply: Reply) => void) => Wire<Call>): { run(count: number): Promise<number>; close(): Promise<void> } {
  let said = 0
  let heard = 0
  let target = 0
  let done: () => void = () => {}
  const wire = open(() => {
    if (++heard === target) done()
    else if (said < target) wire.say(call(said++))
  })
  return {
    async run(count) {
      const finished = new Promise<void>(resolve => (done = resolve))
      target = said + count
      const begin = performance.now()
      for (let i = 0; i < IN_FLIGHT; i++) wire.say(call(said++))
      await finished
      return count / ((performance.now() - begin) / 1000)
    },
    close: () => wire.close(),
  }
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

/** Takes about ten seconds on two cores. Throws when the server process dies or takes too long to begin. */
export async function bench(): Promise<BenchResult[]> {
  const server = fork(fileURLToPath(import.meta.url), ['--serve'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  try {
    const died = once(server, 'exit').then(([code]) => {
      throw new Error(`the server process ended with ${code}`)
    })
    died.catch(() => {})
    const [endpoints] = await Promise.race([once(server, 'message'), died])
    const wires = VARIANTS.map(variant =>
      converse(onReply => (variant === 'link' ? dialLink(endpoints.link, onReply) : dialBare(endpoints[variant], variant, onReply))),
    )
    const rates: number[][] = VARIANTS.map(() => [])
    for (const wire of wires) await Promise.race([wire.run(WARM_UP), died])
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, wire] of wires.entries()) rates[i]?.push(await Promise.race([wire.run(CALLS), died]))
    }
    for (const wire of wires) await wire.close()
    const [ours = 0, multipart = 0, packed = 0] = rates.map(r => Math.round(median(r)))
    return [
      { name: 'link calls, reference bare zeromq + msgpackr, batched', value: ours, unit: 'calls/s', reference: multipart, ratio: ours / multipart },
      { name: 'link calls, reference bare zeromq, a batch packed at once', value: ours, unit: 'calls/s', reference: packed, ratio: ours / packed },
    ]
  } finally {
    server.kill()
  }
}

if (process.argv[2] === '--serve') {
  process.send?.({ link: await serveLink(), multipart: await serveBare('multipart'), packed: await serveBare('packed') })
  process.on('disconnect', () => process.exit())
} else if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(await bench(), null, 2))
}
