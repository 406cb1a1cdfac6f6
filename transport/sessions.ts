/**
 * Who stands behind a connection. A session is opened by HELLO and WELCOME and kept warm by pings; everything else on a
 * connection without a session is answered with WHO, so that a peer which outlived us introduces itself again.
 */
import type { Env, Timer } from '../actors/kernel/env.ts'
import { type AgeMeter, createAgeMeter } from './age.ts'
import type { Link, Peer } from './link.ts'
import { agree, type Envelope, encode, type NodeIdentity, PROTOCOL } from './protocol.ts'

/**
 * A WELCOME that is older than this when it is read lay somewhere, and so may calls behind it, which would seem as young as it: HELLO is said
 * again, for as many times at most, because a network may be that slow.
 */
const LATE = { welcomeMs: 1000, times: 3 } as const

export interface Session {
  readonly peer: Peer
  readonly identity: NodeIdentity
  readonly version: number
  readonly dialled: boolean
  readonly age: AgeMeter
  lastHeardMs: number
  /** Round trip of the last ping, ms. */
  rttMs: number
}

export interface SessionsOptions {
  readonly env: Env
  readonly link: Link
  readonly self: NodeIdentity
  readonly helloMs?: number
  readonly pingMs?: number
  /** Silence after which a session no longer counts as open. */
  readonly silentMs?: number
  onOpen?(session: Session): void
  onClose?(session: Session): void
}

export interface Sessions {
  /** Keeps a connection to this endpoint until `hangUp`. */
  dial(endpoint: string): void
  hangUp(endpoint: string): void
  dialled(): readonly string[]
  /** The session to a node, the one we dialled first; undefined when there is none that answers. */
  to(node: string): Session | undefined
  all(): readonly Session[]
  /** Takes the envelopes that are about sessions; true when it did. Others need a session: `of(peer)`. */
  accept(peer: Peer, envelope: Envelope): boolean
  of(peer: Peer): Session | undefined
  /** True when the link took it; throws what `encode` throws. */
  send(peer: Peer, envelope: Envelope): boolean
  close(): void
}

export function createSessions(options: SessionsOptions): Sessions {
  const { env, link, self } = options
  const helloMs = options.helloMs ?? 250
  const pingMs = options.pingMs ?? 1000
  const silentMs = options.silentMs ?? 10_000
  const byPeer = new Map<Peer, Session>()
  const byNode = new Map<string, Session[]>()
  const endpoints = new Map<string, Peer>()
  /** Peers whose WELCOME came late: since when one counts, by our clock, and how often it was late. */
  const doubted = new Map<Peer, { readonly sinceMs: number; readonly times: number }>()
  let timer: Timer | null = null
  let closed = false
  let lastPingMs = env.monotonicMs()

  const send = (peer: Peer, envelope: Envelope): boolean => link.send(peer, encode(envelope)) === 'sent'
  const hello = (peer: Peer): void => {
    send(peer, { t: 'hello', vs: [PROTOCOL.min, PROTOCOL.max], id: self, at: env.monotonicMs() })
  }

  function open(peer: Peer, identity: NodeIdentity, version: number, dialled: boolean): Session {
    const known = byPeer.get(peer)
    if (known && known.identity.node === identity.node && known.identity.inc === identity.inc) return known
    if (known) drop(known)
    const session: Session = { peer, identity, version, dialled, age: createAgeMeter(), lastHeardMs: env.monotonicMs(), rttMs: 0 }
    byPeer.set(peer, session)
    const others = byNode.get(identity.node) ?? []
    // A newer life of the same node replaces every session to an older one.
    for (const old of others.filter(s => s.identity.inc < identity.inc)) drop(old)
    const list = (byNode.get(identity.node) ?? []).concat(session)
    list.sort((a, b) => Number(b.dialled) - Number(a.dialled))
    byNode.set(identity.node, list)
    options.onOpen?.(session)
    return session
  }

  /** Whether a WELCOME to the HELLO of `helloMs` (by our clock) opens the session; if it lay for long, it is asked for again. */
  function isPrompt(peer: Peer, helloMs: number): boolean {
    const { sinceMs, times } = doubted.get(peer) ?? { sinceMs: Number.NEGATIVE_INFINITY, times: 0 }
    if (helloMs < sinceMs) return false
    const now = env.monotonicMs()
    if (now - helloMs <= LATE.welcomeMs || times >= LATE.times) {
      doubted.delete(peer)
      return true
    }
    doubted.set(peer, { sinceMs: now, times: times + 1 })
    hello(peer)
    return false
  }

  function drop(session: Session): void {
    if (byPeer.get(session.peer) !== session) return
    byPeer.delete(session.peer)
    const rest = (byNode.get(session.identity.node) ?? []).filter(s => s !== session)
    if (rest.length) byNode.set(session.identity.node, rest)
    else byNode.delete(session.identity.node)
    options.onClose?.(session)
  }

  function tick(): void {
    if (closed) return
    const now = env.monotonicMs()
    const ping = now - lastPingMs >= pingMs
    if (ping) lastPingMs = now
    for (const session of [...byPeer.values()]) {
      if (now - session.lastHeardMs > silentMs) drop(session)
      else if (ping && session.dialled) send(session.peer, { t: 'ping', at: now })
    }
    for (const peer of endpoints.values()) if (!byPeer.has(peer)) hello(peer)
    timer = env.setTimer(helloMs, tick)
  }
  timer = env.setTimer(helloMs, tick)
  link.onDisconnect?.(peer => {
    const session = byPeer.get(peer)
    if (session) drop(session)
  })

  return {
    dial(endpoint) {
      if (endpoints.has(endpoint)) return
      const peer = link.dial(endpoint)
      endpoints.set(endpoint, peer)
      hello(peer)
    },
    hangUp(endpoint) {
      const peer = endpoints.get(endpoint)
      if (peer === undefined) return
      endpoints.delete(endpoint)
      doubted.delete(peer)
      const session = byPeer.get(peer)
      if (session) drop(session)
      link.hangUp(peer)
    },
    dialled: () => [...endpoints.keys()],
    to: node => byNode.get(node)?.[0],
    all: () => [...byPeer.values()],
    of(peer) {
      const session = byPeer.get(peer)
      if (session) session.lastHeardMs = env.monotonicMs()
      return session
    },
    accept(peer, envelope) {
      switch (envelope.t) {
        case 'hello': {
          const version = agree(envelope.vs)
          if (version === null) {
            const message = `we speak versions ${PROTOCOL.min} to ${PROTOCOL.max}, you ${envelope.vs[0]} to ${envelope.vs[1]}`
            send(peer, { t: 'no', id: 'hello', f: { code: 'VersionMismatch', message }, at: env.monotonicMs() })
            return true
          }
          // WELCOME goes first: what `onOpen` has to say means nothing to a peer without a session.
          send(peer, { t: 'welcome', v: version, id: self, at: env.monotonicMs(), re: envelope.at })
          open(peer, envelope.id, version, false).age.observe(envelope.at, env.monotonicMs())
          return true
        }
        case 'welcome': {
          if (![...endpoints.values()].includes(peer) || agree([envelope.v, envelope.v]) === null) return true
          if (envelope.re !== undefined && !byPeer.has(peer) && !isPrompt(peer, envelope.re)) return true
          open(peer, envelope.id, envelope.v, true).age.observe(envelope.at, env.monotonicMs())
          return true
        }
        case 'who': {
          const session = byPeer.get(peer)
          if (session) drop(session)
          if ([...endpoints.values()].includes(peer)) hello(peer)
          return true
        }
        case 'ping':
          send(peer, byPeer.has(peer) ? { t: 'pong', at: envelope.at } : { t: 'who' })
          if (byPeer.has(peer)) this.of(peer)
          return true
        case 'pong': {
          const session = this.of(peer)
          if (session) session.rttMs = Math.max(0, env.monotonicMs() - envelope.at)
          return true
        }
        default:
          return false
      }
    },
    send,
    close() {
      closed = true
      timer?.cancel()
      byPeer.clear()
      byNode.clear()
    },
  }
}
