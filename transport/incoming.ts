/**
 * What others ask of this node: each call is run once, however often it is sent, and its answer is kept for as long as the same call may
 * come again. What arrives after its deadline is dropped unseen. Over the bound the sender gets `Overloaded`.
 */
import { type Address, addressKey, parseAddress } from '../actors/kernel/address.ts'
import type { Sender } from '../actors/kernel/define.ts'
import type { Env } from '../actors/kernel/env.ts'
import { type Fault, isTransient, toFault } from '../actors/kernel/errors.ts'
import { type RequestContext, spanned } from '../actors/kernel/tracing.ts'
import { type Answer, createAnswers } from './answers.ts'
import type { Link, Peer } from './link.ts'
import { type Envelope, encode } from './protocol.ts'
import type { Session, Sessions } from './sessions.ts'

export const INCOMING_LIMITS = {
  /** Calls of others that run here. */
  running: 20_000,
  /** Answers kept for repeated calls. */
  remembered: 100_000,
  /** An answer is kept this long after it was given, and until the deadline of its call, ms: ten times the longest pause between two sends. */
  rememberMs: 30_000,
  /** Pause between two sweeps of forgotten answers, ms. */
  sweepMs: 5000,
} as const

export interface Received {
  readonly to: Address
  readonly method: string
  readonly args: unknown
  readonly from: Sender
  /** Monotonic time in ms after which it must not be executed any more. */
  readonly deadlineMs: number
}

export interface Serving {
  /**
   * Whether a call changes nothing: a copy of it may be served again, so its answer is not kept. A node that keeps the pieces of images that it
   * has handed out soon holds all of an image.
   */
  isRead?(call: Pick<Received, 'to' | 'method'>): boolean
  /** Serves a call that is for this node; what it rejects with becomes the caller's fault. */
  serve(message: Received): Promise<unknown>
  /** Takes a cast; never throws. */
  take(message: Received): void
}

export interface IncomingOptions extends Serving {
  readonly env: Env
  readonly link: Link
  readonly sessions: Pick<Sessions, 'send'>
  /** The name of this node. */
  readonly node: string
}

export interface Incoming {
  call(peer: Peer, session: Session, envelope: Envelope & { t: 'call' }): void
  cast(session: Session, envelope: Envelope & { t: 'cast' }): void
  running(): number
  remembered(): number
  readonly counts: { callsIn: number; castsIn: number; duplicates: number; expired: number; malformed: number; refused: number }
  /** From here on nothing is answered. */
  close(): void
}

/** Serves a message as part of what causes it, within a span where that is traced. */
export function serveWithin(
  { tracing }: Pick<Env, 'tracing'>,
  serve: Serving['serve'],
  message: Received,
  context: RequestContext | undefined,
): Promise<unknown> {
  if (!tracing) return serve(message)
  if (context?.trace === undefined) return tracing.within(context, () => serve(message))
  const { to, from, method } = message
  const span = tracing.start(`${to.kind}.${method}`, 'server', { 'baton.actor': addressKey(to), 'baton.from': from.node }, context)
  return span ? spanned(tracing, span, () => serve(message)) : tracing.within(context, () => serve(message))
}

export function createIncoming({ env, link, sessions, node, serve, take, isRead = () => false }: IncomingOptions): Incoming {
  const answers = createAnswers(INCOMING_LIMITS.remembered)
  const counts = { callsIn: 0, castsIn: 0, duplicates: 0, expired: 0, malformed: 0, refused: 0 }
  let closed = false
  let sweepAtMs = env.monotonicMs() + INCOMING_LIMITS.sweepMs

  function sweep(now: number): void {
    if (now < sweepAtMs) return
    sweepAtMs = now + INCOMING_LIMITS.sweepMs
    answers.sweep(now)
  }

  function call(peer: Peer, session: Session, e: Envelope & { t: 'call' }): void {
    const now = env.monotonicMs()
    sweep(now)
    // Ids are the sender's own: nobody can take another's.
    const key = `${session.identity.node} ${e.id}`
    const known = answers.find(key)
    if (known) {
      counts.duplicates++
      known.peer = peer
      if (known.answer) sessions.send(peer, { ...known.answer, id: e.id, at: now })
      return
    }
    const leftMs = e.ttl - session.age.observe(e.at, now)
    if (leftMs <= 0) {
      counts.expired++
      return
    }
    if (answers.running() >= INCOMING_LIMITS.running) {
      counts.refused++
      const f: Fault = { code: 'Overloaded', message: `${node} runs ${answers.running()} calls already`, retryAfterMs: 500 }
      sessions.send(peer, { t: 'no', id: e.id, f, at: now })
      return
    }
    const running = answers.begin(key, peer)
    let isOnlyRead = false
    counts.callsIn++
    const reply = (answer: Answer): void => {
      const at = env.monotonicMs()
      let told = answer
      let bytes: Uint8Array
      try {
        bytes = encode({ ...told, id: e.id, at })
      } catch (error) {
        // The command was carried out; only its answer cannot travel, and that is the answer.
        told = { t: 'no', f: toFault(error) }
        bytes = encode({ ...told, id: e.id, at })
      }
      // A refusal of the way is not an answer to keep: the same call may come again and must then be tried again.
      if ((told.t === 'no' && isTransient(told.f)) || isOnlyRead) answers.drop(key)
      else answers.keep(key, told, Math.max(at + INCOMING_LIMITS.rememberMs, now + leftMs))
      if (!closed) link.send(running.peer, bytes)
    }
    const from: Sender = { role: session.identity.role, node: session.identity.node }
    let to: Address
    try {
      to = parseAddress(e.to)
    } catch (error) {
      reply({ t: 'no', f: { code: 'BadRequest', message: error instanceof Error ? error.message : String(error) } })
      return
    }
    isOnlyRead = isRead({ to, method: e.m })
    serveWithin(env, serve, { to, method: e.m, args: e.a, from, deadlineMs: now + leftMs }, contextOf(e)).then(
      r => reply({ t: 'ok', r: r ?? null }),
      error => reply({ t: 'no', f: toFault(error) }),
    )
  }

  function cast(session: Session, e: Envelope & { t: 'cast' }): void {
    const now = env.monotonicMs()
    sweep(now)
    const leftMs = e.ttl - session.age.observe(e.at, now)
    if (leftMs <= 0) {
      counts.expired++
      return
    }
    counts.castsIn++
    try {
      const from: Sender = { role: session.identity.role, node: session.identity.node }
      take({ to: parseAddress(e.to), method: e.m, args: e.a, from, deadlineMs: now + leftMs })
    } catch (error) {
      counts.malformed++
      env.log.debug({ error, to: e.to, method: e.m }, 'cast refused')
    }
  }

  return {
    call,
    cast,
    running: answers.running,
    remembered: answers.size,
    counts,
    close() {
      closed = true
    },
  }
}

/** What a call is part of, as its envelope says. */
function contextOf({ tp, rq }: Envelope & { t: 'call' }): RequestContext | undefined {
  if (tp === undefined && rq === undefined) return undefined
  return { ...(rq === undefined ? {} : { requestId: rq }), ...(tp === undefined ? {} : { trace: tp }) }
}
