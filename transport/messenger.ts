/**
 * Calls and casts between nodes, in the manner of oslo.messaging: `call(topic, method, args, deadline)` and `cast`.
 *
 * Delivery by a link proves nothing, so a call carries an id and is sent again until it is answered or its deadline has
 * passed; the receiver remembers ids for as long as they may come again, and answers a repeated one with what it
 * answered before. That is at-least-once plus idempotence. What arrives after its deadline is dropped unseen.
 *
 * Everything is bounded: calls waiting here, calls running here, answers remembered here. Over a bound the sender gets
 * `Overloaded` with the time after which a retry makes sense.
 */
import { type Address, addressKey, parseAddress } from '../actors/kernel/address.ts'
import type { Sender } from '../actors/kernel/define.ts'
import { backoffMs, type Env, type Timer } from '../actors/kernel/env.ts'
import { BatonError, type Fault, isTransient, toError, toFault } from '../actors/kernel/errors.ts'
import type { Link, Peer } from './link.ts'
import { decode, type Envelope, type NodeIdentity } from './protocol.ts'
import { createSessions, type Session, type Sessions } from './sessions.ts'

export const MESSENGER_LIMITS = {
  /** Calls of ours that wait for an answer. */
  pending: 20_000,
  /** Calls of others that run here. */
  running: 20_000,
  /** Answers kept for repeated calls. */
  remembered: 100_000,
  /** First and longest pause between two sends of the same call, ms. */
  resendMs: 1000,
  resendCapMs: 3000,
  /** How long an answer is kept after it was given, and until the deadline of its call, ms: ten times the longest pause between two sends. */
  rememberMs: 30_000,
  /** Pause between two sweeps of forgotten answers, ms. */
  sweepMs: 5000,
} as const

export interface CallOptions {
  readonly timeoutMs: number
}

/** Where a topic is served: here, at a node, or nowhere just now. */
export type Route = { readonly at: 'here' } | { readonly at: 'node'; readonly node: string } | { readonly at: 'nowhere'; readonly why: string }

export interface Received {
  readonly to: Address
  readonly method: string
  readonly args: unknown
  readonly from: Sender
  /** Monotonic time in ms after which it must not be executed any more. */
  readonly deadlineMs: number
}

export interface MessengerOptions {
  readonly env: Env
  readonly link: Link
  readonly self: NodeIdentity
  route(to: Address): Route
  /** Serves a call that is for this node; what it rejects with becomes the caller's fault. */
  serve(message: Received): Promise<unknown>
  /** Takes a cast; never throws. */
  take(message: Received): void
  /** A receiver said that the shard has moved; `details` may carry the newer map. */
  onMoved?(fault: Fault): void
  onSession?(session: Session): void
  onSessionClosed?(session: Session): void
}

export interface MessengerStats {
  callsOut: number
  callsIn: number
  castsIn: number
  resends: number
  duplicates: number
  expired: number
  malformed: number
  refused: number
  pending: number
  running: number
  remembered: number
  oldestPendingMs: number
}

export interface Messenger {
  call(to: Address, method: string, args: unknown, options: CallOptions): Promise<unknown>
  cast(to: Address, method: string, args: unknown, ttlMs?: number): void
  /** Sends a cast over one session, for instance to whoever just said hello. */
  castTo(session: Session, to: Address, method: string, args: unknown): void
  readonly sessions: Sessions
  /** Tries every waiting call again at once: routes have changed. */
  reroute(): void
  stats(): MessengerStats
  close(): void
}

interface Pending {
  readonly id: string
  readonly to: Address
  readonly method: string
  readonly args: unknown
  readonly startedMs: number
  readonly deadlineMs: number
  sends: number
  tries: number
  sentTo: string
  timer: Timer | null
  lastFault: Fault | null
  resolve(value: unknown): void
  reject(error: BatonError): void
}

interface Remembered {
  forgetAtMs: number
  answer: { t: 'ok'; r: unknown } | { t: 'no'; f: Fault } | null
  peer: Peer
}

export function createMessenger(options: MessengerOptions): Messenger {
  const { env, link, self } = options
  const pending = new Map<string, Pending>()
  const remembered = new Map<string, Remembered>()
  const stats = { callsOut: 0, callsIn: 0, castsIn: 0, resends: 0, duplicates: 0, expired: 0, malformed: 0, refused: 0, running: 0 }
  const me: Sender = { role: self.role, node: self.node }
  let counter = 0
  let closed = false
  let sweepAtMs = env.monotonicMs() + MESSENGER_LIMITS.sweepMs

  const sessions = createSessions({
    env,
    link,
    self,
    onOpen: session => {
      options.onSession?.(session)
      for (const p of [...pending.values()]) if (p.sentTo === session.identity.node) attempt(p)
    },
    onClose: session => {
      options.onSessionClosed?.(session)
      for (const p of [...pending.values()]) if (p.sentTo === session.identity.node) attempt(p)
    },
  })

  function settle(p: Pending, outcome: { ok: true; value: unknown } | { ok: false; fault: Fault }): void {
    if (!pending.delete(p.id)) return
    p.timer?.cancel()
    if (outcome.ok) p.resolve(outcome.value)
    else p.reject(toError(outcome.fault))
  }

  function expire(p: Pending): void {
    const why = p.lastFault ? `; the last answer was: ${p.lastFault.message}` : ''
    const waited = Math.round(env.monotonicMs() - p.startedMs)
    settle(p, {
      ok: false,
      fault: { code: 'DeadlineExceeded', message: `no answer to ${p.method} of ${addressKey(p.to)} within ${waited} ms${why}` },
    })
  }

  /** Sends the call along today's route, and plans the next send. */
  function attempt(p: Pending): void {
    if (!pending.has(p.id)) return
    p.timer?.cancel()
    const now = env.monotonicMs()
    if (now >= p.deadlineMs) {
      expire(p)
      return
    }
    let pauseMs = backoffMs(env, p.tries, MESSENGER_LIMITS.resendMs, MESSENGER_LIMITS.resendCapMs)
    const route = options.route(p.to)
    if (route.at === 'here') {
      p.sentTo = self.node
      serveHere(p)
      return
    }
    if (route.at === 'node') {
      const session = sessions.to(route.node)
      p.sentTo = route.node
      if (session) {
        if (p.sends > 0) stats.resends++
        p.sends++
        const to = addressKey(p.to)
        const sent = sessions.send(session.peer, { t: 'call', id: p.id, to, m: p.method, a: p.args, ttl: p.deadlineMs - now, at: now, n: p.sends })
        if (sent) p.tries++
        else pauseMs = 50
      } else {
        p.lastFault = { code: 'Unavailable', message: `there is no connection to ${route.node}` }
      }
    } else {
      p.lastFault = { code: 'Unavailable', message: route.why }
      pauseMs = Math.min(pauseMs, 200)
    }
    p.timer = env.setTimer(Math.max(1, Math.min(pauseMs, p.deadlineMs - now)), () => attempt(p))
  }

  function serveHere(p: Pending): void {
    p.timer = env.setTimer(Math.max(1, p.deadlineMs - env.monotonicMs()), () => expire(p))
    options.serve({ to: p.to, method: p.method, args: p.args, from: me, deadlineMs: p.deadlineMs }).then(
      value => settle(p, { ok: true, value }),
      error => answered(p, { ok: false, fault: toFault(error) }),
    )
  }

  function answered(p: Pending, outcome: { ok: true; value: unknown } | { ok: false; fault: Fault }): void {
    // Served here and elsewhere, while its actor moved: the first answer counts.
    if (!pending.has(p.id)) return
    if (!outcome.ok && isTransient(outcome.fault) && outcome.fault.code !== 'DeadlineExceeded') {
      p.lastFault = outcome.fault
      if (outcome.fault.code === 'Moved') options.onMoved?.(outcome.fault)
      p.tries++
      p.timer?.cancel()
      const pauseMs = outcome.fault.retryAfterMs ?? (outcome.fault.code === 'Moved' && p.tries < 3 ? 1 : backoffMs(env, p.tries, 20, 1000))
      const leftMs = p.deadlineMs - env.monotonicMs()
      if (leftMs <= 0 || pauseMs > leftMs) {
        settle(p, { ok: false, fault: { ...outcome.fault, code: outcome.fault.code === 'Moved' ? 'Unavailable' : outcome.fault.code } })
        return
      }
      p.timer = env.setTimer(Math.max(1, pauseMs), () => attempt(p))
      return
    }
    settle(p, outcome)
  }

  function reroute(): void {
    for (const p of [...pending.values()]) {
      const route = options.route(p.to)
      const target = route.at === 'here' ? self.node : route.at === 'node' ? route.node : ''
      if (target !== p.sentTo) attempt(p)
    }
  }

  function sweep(now: number): void {
    if (now < sweepAtMs) return
    sweepAtMs = now + MESSENGER_LIMITS.sweepMs
    for (const [id, entry] of remembered) if (entry.answer && entry.forgetAtMs < now) remembered.delete(id)
  }

  function onCall(peer: Peer, session: Session, e: Envelope & { t: 'call' }, now: number): void {
    const known = remembered.get(e.id)
    if (known) {
      stats.duplicates++
      known.peer = peer
      if (known.answer) sessions.send(peer, { ...known.answer, id: e.id, at: now })
      return
    }
    const leftMs = e.ttl - session.age.observe(e.at, now)
    if (leftMs <= 0) {
      stats.expired++
      return
    }
    if (stats.running >= MESSENGER_LIMITS.running || remembered.size >= MESSENGER_LIMITS.remembered) {
      stats.refused++
      const f: Fault = { code: 'Overloaded', message: `${self.node} runs ${stats.running} calls already`, retryAfterMs: 500 }
      sessions.send(peer, { t: 'no', id: e.id, f, at: now })
      return
    }
    const entry: Remembered = { forgetAtMs: 0, answer: null, peer }
    remembered.set(e.id, entry)
    stats.callsIn++
    stats.running++
    const reply = (answer: NonNullable<Remembered['answer']>): void => {
      stats.running--
      // A refusal of the way is not an answer to keep: the same call may come again and must then be tried again.
      if (answer.t === 'no' && isTransient(answer.f)) remembered.delete(e.id)
      else {
        entry.answer = answer
        entry.forgetAtMs = Math.max(env.monotonicMs() + MESSENGER_LIMITS.rememberMs, now + leftMs)
      }
      if (!closed) sessions.send(entry.peer, { ...answer, id: e.id, at: env.monotonicMs() })
    }
    const from: Sender = { role: session.identity.role, node: session.identity.node }
    let to: Address
    try {
      to = parseAddress(e.to)
    } catch (error) {
      reply({ t: 'no', f: { code: 'BadRequest', message: error instanceof Error ? error.message : String(error) } })
      return
    }
    options.serve({ to, method: e.m, args: e.a, from, deadlineMs: now + leftMs }).then(
      r => reply({ t: 'ok', r: r ?? null }),
      error => reply({ t: 'no', f: toFault(error) }),
    )
  }

  function onCast(session: Session, e: Envelope & { t: 'cast' }, now: number): void {
    const leftMs = e.ttl - session.age.observe(e.at, now)
    if (leftMs <= 0) {
      stats.expired++
      return
    }
    stats.castsIn++
    try {
      const from: Sender = { role: session.identity.role, node: session.identity.node }
      options.take({ to: parseAddress(e.to), method: e.m, args: e.a, from, deadlineMs: now + leftMs })
    } catch (error) {
      stats.malformed++
      env.log.debug({ error, to: e.to, method: e.m }, 'cast refused')
    }
  }

  link.onMessage((peer, bytes) => {
    if (closed) return
    let e: Envelope
    try {
      e = decode(bytes)
    } catch {
      stats.malformed++
      return
    }
    if (sessions.accept(peer, e)) return
    const now = env.monotonicMs()
    sweep(now)
    const session = sessions.of(peer)
    switch (e.t) {
      case 'ok':
      case 'no': {
        const p = pending.get(e.id)
        if (p) answered(p, e.t === 'ok' ? { ok: true, value: e.r } : { ok: false, fault: e.f })
        return
      }
      case 'call':
        if (session) onCall(peer, session, e, now)
        else sessions.send(peer, { t: 'who' })
        return
      case 'cast':
        if (!session) sessions.send(peer, { t: 'who' })
        else onCast(session, e, now)
        return
    }
  })

  return {
    sessions,
    call(to, method, args, { timeoutMs }) {
      if (closed) return Promise.reject(new BatonError('Unavailable', `${self.node} is shutting down`))
      if (pending.size >= MESSENGER_LIMITS.pending) {
        return Promise.reject(new BatonError('Overloaded', `${pending.size} calls of ${self.node} wait for answers`, { retryAfterMs: 500 }))
      }
      stats.callsOut++
      const now = env.monotonicMs()
      return new Promise((resolve, reject) => {
        const id = `${self.node}#${self.inc}:${++counter}`
        const p: Pending = {
          id,
          to,
          method,
          args,
          startedMs: now,
          deadlineMs: now + timeoutMs,
          sends: 0,
          tries: 0,
          sentTo: '',
          timer: null,
          lastFault: null,
          resolve,
          reject,
        }
        pending.set(id, p)
        attempt(p)
      })
    },
    cast(to, method, args, ttlMs = 5000) {
      const route = options.route(to)
      if (route.at === 'here') options.take({ to, method, args, from: me, deadlineMs: env.monotonicMs() + ttlMs })
      if (route.at !== 'node') return
      const session = sessions.to(route.node)
      if (session) sessions.send(session.peer, { t: 'cast', to: addressKey(to), m: method, a: args, ttl: ttlMs, at: env.monotonicMs() })
    },
    castTo(session, to, method, args) {
      sessions.send(session.peer, { t: 'cast', to: addressKey(to), m: method, a: args, ttl: 5000, at: env.monotonicMs() })
    },
    reroute,
    stats() {
      let oldest = 0
      const now = env.monotonicMs()
      for (const p of pending.values()) {
        oldest = now - p.startedMs
        break
      }
      return { ...stats, pending: pending.size, remembered: remembered.size, oldestPendingMs: oldest }
    },
    close() {
      closed = true
      sessions.close()
      for (const p of [...pending.values()]) settle(p, { ok: false, fault: { code: 'Unavailable', message: `${self.node} is shutting down` } })
    },
  }
}
