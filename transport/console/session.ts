/**
 * One client. It is told what changed after the version it has, when its socket has room: so it never has a queue here, and while it does
 * not read it costs nothing. Everything it sends is counted, measured and checked.
 */
import type { Static } from 'typebox'
import type { Claims } from '../../actors/identity/api.ts'
import type { Env, Timer } from '../../actors/kernel/env.ts'
import { BatonError, toFault } from '../../actors/kernel/errors.ts'
import { createBucket, rateOf } from '../../actors/kernel/token-bucket.ts'
import type { Topic } from '../console-client/topics.ts'
import type { Access } from './access.ts'
import type { Channel } from './channel.ts'
import type { Frames, Messages } from './frames.ts'
import type { ReadHistory } from './history.ts'
import type { Hub, Subscription } from './hub.ts'
import { type AnyClientMessage, CLOSE, type ClientMessage } from './messages.ts'
import { idIn, parse } from './parse.ts'
import { paramsOf, type Query, TOPICS } from './queries.ts'
import type { Turn, Turns } from './turns.ts'

export interface SessionLimits {
  readonly subscriptions: number
  readonly messageBytes: number
  readonly messagesPerSecond: number
  /** Messages that may come at once. */
  readonly burst: number
  /** Refused messages after which a client is let go. */
  readonly refusals: number
  /** What may wait in its socket before we wait with more, bytes. */
  readonly waitingBytes: number
  /** What may wait when it sends another message: who asks and never reads is let go. */
  readonly unreadBytes: number
  /** Subscriptions of so long share a look at what there is to tell, ms. */
  readonly gatherMs: number
  /** Longest pause before another look at a socket that was full, ms. */
  readonly fullMs: number
  /** How long a client may take to say who it is, ms. */
  readonly authMs: number
  /** How often a token is judged again, and how long before its end its client is told, ms. */
  readonly judgeMs: number
  readonly warnMs: number
}

export const SESSION_LIMITS: SessionLimits = {
  subscriptions: 64,
  messageBytes: 16 * 1024,
  messagesPerSecond: 50,
  burst: 200,
  refusals: 50,
  waitingBytes: 128 * 1024,
  unreadBytes: 512 * 1024,
  gatherMs: 10,
  fullMs: 100,
  authMs: 10_000,
  judgeMs: 5000,
  warnMs: 60_000,
}

/** The first pause before another look at a full socket, ms. */
const FULL_MS = 5

/** A connection, as far as this knows it. */
export interface Socket {
  /** A message as text, or as the bytes of it, which others are sent too. */
  send(message: string | Buffer): void
  /** Bytes given to `send` that the other side has not taken. */
  waiting(): number
  close(code: number, why: string): void
}

export interface SessionOptions {
  readonly env: Env
  readonly hub: Hub
  readonly socket: Socket
  readonly access: Access | null
  /** Says who has a token; null where there are no identities. Rejects `Unauthorized`. */
  readonly verify: ((token: string) => Promise<Claims>) | null
  readonly limits: SessionLimits
  /** Shared by all sessions. */
  readonly frames: Frames
  readonly turns: Turns
  readonly about: { readonly gateway: string; readonly version: string }
  readonly history: ReadHistory
  /** The conductors that are silent now. */
  silent(): readonly string[]
}

export interface Session {
  /** A text frame. */
  received(text: string): void
  /** The token that came with the connection. */
  begin(token: string | null): void
  silentChanged(): void
  subscriptions(): number
  closed(): void
}

interface Open {
  readonly id: string
  /** Null until the first read is over. */
  subscription: Subscription | null
  epoch: string
  /** The version the client has; null for none. */
  version: number | null
  /** It has been told something, if only that there is nothing. */
  told: boolean
  /** What is left of an update on its way: its messages from `next` on. */
  rest: { readonly version: number; readonly messages: Messages; next: number } | null
  /** What is large is told to a few clients at a time. */
  turn: Turn | null
  ended: boolean
}

export function createSession(options: SessionOptions): Session {
  const { env, hub, socket, access, verify, limits, frames, turns } = options
  const open = new Map<string, Open>()
  const incoming = createBucket(rateOf({ burst: limits.burst, perSecond: limits.messagesPerSecond }), env.monotonicMs)
  let token: string | null = null
  let claims: Claims | null = null
  let greeted = false
  let over = false
  let refusals = 0
  let asking = false
  let flushTimer: Timer | null = null
  /** Pause before another look at a full socket, ms, and what waited in it at the last. */
  let fullMs = FULL_MS
  let fullBytes = 0
  let judgeTimer: Timer | null = null
  const authTimer = verify ? env.setTimer(limits.authMs, () => !greeted && end(CLOSE.authTimeout)) : null

  const send = (message: object): void => socket.send(JSON.stringify(message))

  function end({ code, why }: { readonly code: number; readonly why: string }): void {
    if (over) return
    closed()
    socket.close(code, why)
  }

  function closed(): void {
    over = true
    for (const timer of [flushTimer, judgeTimer, authTimer]) timer?.cancel()
    for (const o of open.values()) finish(o)
    open.clear()
  }

  function finish(o: Open): void {
    o.ended = true
    o.subscription?.close()
    o.turn?.end()
  }

  function refuse(error: unknown, id?: string): void {
    const { code, message, retryAfterMs } = toFault(error)
    send({ type: 'error', ...(id === undefined ? {} : { id }), code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
    if (++refusals >= limits.refusals) end(CLOSE.policy)
  }

  function greet(): void {
    greeted = true
    authTimer?.cancel()
    send({
      ...{ type: 'hello', protocol: 1, ...options.about },
      user: claims?.user.name ?? null,
      project: claims?.scope.type === 'project' ? claims.scope.id : null,
      expiresAt: claims?.expiresAt ?? null,
      limits: { subscriptions: limits.subscriptions, messageBytes: limits.messageBytes, messagesPerSecond: limits.messagesPerSecond },
    })
    if (options.silent().length > 0) send({ type: 'link', silent: options.silent() })
  }

  async function authenticate(given: string): Promise<void> {
    if (!verify) {
      if (!greeted) greet()
      return
    }
    const found = await verify(given)
    if (over) return
    // Rights may only come from the same user: what is watched was allowed to that one.
    if (claims && (claims.user.id !== found.user.id || JSON.stringify(claims.scope) !== JSON.stringify(found.scope)))
      throw new BatonError('Unauthorized', 'a token that replaces another must be of the same user and scope; open another connection')
    token = given
    claims = found
    if (!greeted) greet()
    judgeLater()
  }

  function judgeLater(): void {
    judgeTimer?.cancel()
    judgeTimer = env.setTimer(limits.judgeMs, judge)
  }

  let warned = 0
  /** Tokens end, and are revoked: what they allowed ends with them. Rejections that pass (no conductor answers) are no verdict. */
  async function judge(): Promise<void> {
    if (!verify || token === null || over) return
    try {
      const { expiresAt } = await verify(token)
      if (over) return
      if (expiresAt !== warned && (await endsWithin(expiresAt))) {
        warned = expiresAt
        send({ type: 'expiring', expiresAt })
      }
    } catch (error) {
      if (error instanceof BatonError && error.code === 'Unauthorized') {
        end(CLOSE.unauthorized)
        return
      }
    }
    if (!over) judgeLater()
  }

  /** Our clock only says when to warn; whether a token has ended is the gate's to say, by cluster time. */
  const endsWithin = async (expiresAt: number): Promise<boolean> => expiresAt - env.wallMs() < limits.warnMs

  function received(text: string): void {
    if (over) return
    if (!incoming.take()) {
      end(CLOSE.tooMany)
      return
    }
    if (socket.waiting() > limits.unreadBytes) {
      end(CLOSE.unread)
      return
    }
    try {
      take(parse(text))
    } catch (error) {
      // An error about a subscription ends it: one that goes on is not named.
      const id = idIn(text)
      refuse(error, id !== undefined && open.has(id) ? undefined : id)
    }
  }

  function take(message: AnyClientMessage): void {
    if (message.type === 'auth') {
      authenticate(message.token).catch(error => {
        if (over) return
        if (greeted) refuse(error)
        else end(CLOSE.unauthorized)
      })
    } else if (!greeted) end(CLOSE.unauthorized)
    else if (message.type === 'ping') send({ type: 'pong' })
    else if (message.type === 'unsubscribe') unsubscribe(message.id)
    else if (message.type === 'history') tellHistory(message).catch(error => !over && refuse(error, message.id))
    else subscribe(message)
  }

  /** Who may see the figures of the cluster may see what they were. */
  async function tellHistory({ id, after, epoch }: Static<typeof ClientMessage.history>): Promise<void> {
    if (asking) throw new BatonError('Overloaded', 'a connection asks for the history once at a time')
    asking = true
    try {
      if (access && claims) await access({ topic: 'cluster', params: {} }, claims)
      const part = await options.history({ ...(after === undefined ? {} : { after }), ...(epoch === undefined ? {} : { epoch }) })
      if (!over) send({ type: 'history', id, ...part })
    } finally {
      asking = false
    }
  }

  function unsubscribe(id: string): void {
    const o = open.get(id)
    if (!o) throw new BatonError('NotFound', `there is no subscription ${JSON.stringify(id)}`)
    finish(o)
    open.delete(id)
  }

  function subscribe({ id, topic, params = {}, resume }: Static<typeof ClientMessage.subscribe>): void {
    if (open.has(id)) throw new BatonError('Conflict', `there is a subscription ${JSON.stringify(id)} already`)
    if (open.size >= limits.subscriptions) throw new BatonError('Overloaded', `a connection has at most ${limits.subscriptions} subscriptions`)
    if (!isTopic(topic)) throw new BatonError('BadRequest', `there is no topic ${JSON.stringify(topic)}; there are ${Object.keys(TOPICS).join(', ')}`)
    const query = { topic, params: paramsOf(topic, params) }
    const o: Open = { id, subscription: null, epoch: '', version: null, told: false, rest: null, turn: null, ended: false }
    open.set(id, o)
    begin(o, query, resume).catch(error => {
      if (over || o.ended) return
      open.delete(id)
      refuse(error, id)
    })
  }

  async function begin(o: Open, query: Omit<Query, 'project'>, resume: { epoch: string; version: number } | undefined): Promise<void> {
    const allowed: Query = access && claims ? await access(query, claims) : { ...query, project: null }
    if (o.ended) return
    const subscription = await hub.open(allowed, () => changed(o))
    if (o.ended) {
      subscription.close()
      return
    }
    o.subscription = subscription
    o.epoch = subscription.channel.epoch
    if (resume && resume.epoch === o.epoch) o.version = resume.version
    flushSoon()
  }

  function flushSoon(): void {
    if (!over) flushTimer ??= env.setTimer(limits.gatherMs, flush)
  }

  function flush(): void {
    flushTimer = null
    for (const o of open.values()) if (!push(o)) return
  }

  /** Tells what there is to tell of a subscription, as far as the socket has room; false when it has none. */
  function push(o: Open): boolean {
    const channel = o.subscription?.channel
    // Even nothing is told, once: that it goes on, or that there is nothing.
    while (channel && !o.ended && (!o.told || o.rest !== null || o.version !== channel.version())) {
      const waiting = socket.waiting()
      if (waiting > limits.waitingBytes) {
        // One that takes what it is sent is looked at again soon, one that does not seldom.
        fullMs = waiting < fullBytes ? FULL_MS : Math.min(limits.fullMs, fullMs * 2)
        fullBytes = waiting
        flushTimer ??= env.setTimer(fullMs, flush)
        return false
      }
      fullMs = FULL_MS
      if (!tell(o, channel)) return true
    }
    return true
  }

  /** One message towards the newest version; false when it is not its turn yet. */
  function tell(o: Open, channel: Channel): boolean {
    o.told = true
    if (!o.rest) {
      const update = channel.since(o.version)
      const messages = frames.of(update, o.id, o.epoch)
      if (messages.at(0)?.more && !isItsTurn(o)) return false
      o.rest = { version: update.version, messages, next: 0 }
    }
    const message = o.rest.messages.at(o.rest.next++)
    if (message) socket.send(message.bytes)
    if (message?.more) return true
    o.version = o.rest.version
    o.rest = null
    o.turn?.end()
    o.turn = null
    return true
  }

  /** Asked again when it comes: what is told then is of then. */
  function isItsTurn(o: Open): boolean {
    o.turn ??= turns.take(() => changed(o))
    return o.turn.begun()
  }

  /** Unless a look at all of them is due anyway. */
  function changed(o: Open): void {
    if (!over && !flushTimer) push(o)
  }

  return {
    received,
    begin(given) {
      if (!verify) greet()
      else if (given !== null) authenticate(given).catch(() => end(CLOSE.unauthorized))
    },
    silentChanged() {
      if (!over && greeted) send({ type: 'link', silent: options.silent() })
    },
    subscriptions: () => open.size,
    closed,
  }
}

const isTopic = (name: string): name is Topic => Object.hasOwn(TOPICS, name)
