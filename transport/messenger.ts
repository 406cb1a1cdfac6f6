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
import { type Address, addressKey } from '../actors/kernel/address.ts'
import type { Sender } from '../actors/kernel/define.ts'
import { backoffMs, type Env, type Timer } from '../actors/kernel/env.ts'
import { BatonError, type Fault, isTransient, toError, toFault } from '../actors/kernel/errors.ts'
import type { OpenSpan, RequestContext } from '../actors/kernel/tracing.ts'
import { createIncoming, INCOMING_LIMITS, type Serving, serveWithin } from './incoming.ts'
import type { Link } from './link.ts'
import { decode, type Envelope, encode, type NodeIdentity } from './protocol.ts'
import { createSessions, type Session, type Sessions } from './sessions.ts'

export const MESSENGER_LIMITS = {
  /** Calls of ours that wait for an answer. */
  pending: 20_000,
  ...INCOMING_LIMITS,
  /** First and longest pause between two sends of the same call, ms. */
  resendMs: 1000,
  resendCapMs: 3000,
} as const

/** Time a cast lives, ms. */
const CAST_MS = 5000
/** Where a cast goes that is the same for whoever is behind a session. */
const EVERY_NODE = 'node/*'
/** However soon a receiver wants a call again, it gets this pause, ms. */
const LEAST_PAUSE_MS = 10

/** Where a topic is served: here, at a node, or nowhere just now. */
export type Route = { readonly at: 'here' } | { readonly at: 'node'; readonly node: string } | { readonly at: 'nowhere'; readonly why: string }

export interface MessengerOptions extends Serving {
  readonly env: Env
  readonly link: Link
  readonly self: NodeIdentity
  route(to: Address): Route
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
  call(to: Address, method: string, args: unknown, options: { readonly timeoutMs: number }): Promise<unknown>
  cast(to: Address, method: string, args: unknown, ttlMs?: number): void
  /** Sends a cast over one session, for instance to whoever just said hello. */
  castTo(session: Session, to: Address, method: string, args: unknown): void
  /** Sends the same cast over many sessions, to whoever is behind each; it is written down once. */
  castAll(sessions: readonly Session[], method: string, args: unknown): void
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
  /** Nodes whose answer counts: those it was ever sent to. */
  readonly asked: Set<string>
  timer: Timer | null
  lastFault: Fault | null
  /** What it is part of. */
  readonly context: RequestContext | undefined
  /** Its way to another node and back; null before it was sent there, and where nothing is traced. */
  span: OpenSpan | null
  resolve(value: unknown): void
  reject(error: BatonError): void
}

export function createMessenger(options: MessengerOptions): Messenger {
  const { env, link, self } = options
  const pending = new Map<string, Pending>()
  const stats = { callsOut: 0, resends: 0, malformed: 0 }
  const me: Sender = { role: self.role, node: self.node }
  let counter = 0
  let closed = false

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

  const incoming = createIncoming({
    env,
    link,
    sessions,
    node: self.node,
    serve: options.serve,
    take: options.take,
    ...(options.isRead ? { isRead: options.isRead } : {}),
  })

  function settle(p: Pending, outcome: { ok: true; value: unknown } | { ok: false; fault: Fault }): void {
    if (!pending.delete(p.id)) return
    p.timer?.cancel()
    p.span?.end(outcome.ok ? null : outcome.fault.message, { 'baton.to': p.sentTo, 'baton.sends': p.sends })
    if (outcome.ok) p.resolve(outcome.value)
    else p.reject(toError(outcome.fault))
  }

  function expire(p: Pending): void {
    const why = p.lastFault ? `; the last answer was: ${p.lastFault.message}` : ''
    const waited = Math.round(env.monotonicMs() - p.startedMs)
    const message = `no answer to ${p.method} of ${addressKey(p.to)} within ${waited} ms${why}`
    settle(p, { ok: false, fault: { code: 'DeadlineExceeded', message } })
  }

  const startSpan = ({ to, method, context }: Pending): OpenSpan | null =>
    context?.trace === undefined ? null : (env.tracing?.start(`${to.kind}.${method}`, 'client', { 'baton.actor': addressKey(to) }, context) ?? null)

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
        p.asked.add(route.node)
        p.span ??= startSpan(p)
        const call = { t: 'call', id: p.id, to: addressKey(p.to), m: p.method, a: p.args, ttl: p.deadlineMs - now, at: now, n: p.sends } as const
        try {
          if (sessions.send(session.peer, { ...call, ...partOf(p) })) p.tries++
          else pauseMs = 50
        } catch (error) {
          settle(p, { ok: false, fault: toFault(error) })
          return
        }
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
    serveWithin(env, options.serve, { to: p.to, method: p.method, args: p.args, from: me, deadlineMs: p.deadlineMs }, p.context).then(
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
      const soonMs = outcome.fault.code === 'Moved' && p.tries < 3 ? 1 : backoffMs(env, p.tries, 20, 1000)
      const hintMs = outcome.fault.retryAfterMs
      const pauseMs = hintMs === undefined ? soonMs : Math.max(LEAST_PAUSE_MS, hintMs)
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

  function castOver(session: Session, to: Address, method: string, args: unknown, ttlMs: number): void {
    try {
      sessions.send(session.peer, { t: 'cast', to: addressKey(to), m: method, a: args, ttl: ttlMs, at: env.monotonicMs() })
    } catch (error) {
      env.log.warn({ to: addressKey(to), method, fault: toFault(error) }, 'a cast could not be sent')
    }
  }

  function castAll(sessions: readonly Session[], method: string, args: unknown): void {
    try {
      const bytes = encode({ t: 'cast', to: EVERY_NODE, m: method, a: args, ttl: CAST_MS, at: env.monotonicMs() })
      for (const { peer } of sessions) link.send(peer, bytes)
    } catch (error) {
      env.log.warn({ method, fault: toFault(error) }, 'a cast to many could not be sent')
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
    const session = sessions.of(peer)
    switch (e.t) {
      case 'ok':
      case 'no': {
        const p = pending.get(e.id)
        if (p && session && p.asked.has(session.identity.node)) answered(p, e.t === 'ok' ? { ok: true, value: e.r } : { ok: false, fault: e.f })
        return
      }
      case 'call':
        if (session) incoming.call(peer, session, e)
        else sessions.send(peer, { t: 'who' })
        return
      case 'cast':
        if (!session) sessions.send(peer, { t: 'who' })
        else incoming.cast(session, e)
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
          asked: new Set(),
          timer: null,
          lastFault: null,
          context: env.tracing?.active(),
          span: null,
          resolve,
          reject,
        }
        pending.set(id, p)
        attempt(p)
      })
    },
    cast(to, method, args, ttlMs = CAST_MS) {
      const route = options.route(to)
      if (route.at === 'here') options.take({ to, method, args, from: me, deadlineMs: env.monotonicMs() + ttlMs })
      if (route.at !== 'node') return
      const session = sessions.to(route.node)
      if (session) castOver(session, to, method, args, ttlMs)
    },
    castTo: (session, to, method, args) => castOver(session, to, method, args, CAST_MS),
    castAll,
    reroute,
    stats() {
      let oldest = 0
      const now = env.monotonicMs()
      for (const p of pending.values()) {
        oldest = now - p.startedMs
        break
      }
      const { counts } = incoming
      return {
        ...{ ...stats, ...counts, malformed: stats.malformed + counts.malformed },
        ...{ pending: pending.size, running: incoming.running(), remembered: incoming.remembered(), oldestPendingMs: oldest },
      }
    },
    close() {
      closed = true
      incoming.close()
      sessions.close()
      for (const p of [...pending.values()]) settle(p, { ok: false, fault: { code: 'Unavailable', message: `${self.node} is shutting down` } })
    },
  }
}

/** What a call is part of, as it stands in its envelope. */
function partOf({ span, context }: Pending): { readonly tp?: string; readonly rq?: string } {
  const trace = (span?.context ?? context)?.trace
  return { ...(trace === undefined ? {} : { tp: trace }), ...(context?.requestId === undefined ? {} : { rq: context.requestId }) }
}
