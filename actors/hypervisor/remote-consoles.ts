/**
 * The remote consoles of a host: serial lines and screens of its guests, as the host serves them to gateways. Conductors only hand the calls
 * on and know nothing of a session, so one that dies takes nothing with it: the gateway asks again by another.
 *
 * Calls may be lost, come twice and come late. So bytes are known by their place: a read says from where and so acknowledges all before, a
 * write says where its bytes belong. What waits here is what was not read yet, at most a window of it. Then the two kinds differ: a
 * screen's own server is paused, for nothing of RFB may be missed; a serial line is not, for a guest must never wait for a watcher, and who
 * reads too slowly is told how much was missed.
 *
 * Of those who look at a serial line one has the keyboard: the first, until somebody takes it.
 *
 * Who comes has a ticket, which is good once and for a while. It is told only to whom the policy lets, and only this host knows it.
 */
import { anyOf, type Check, checkObject, integer, optional, text } from '../kernel/check.ts'
import type { Env, Timer } from '../kernel/env.ts'
import { BatonError } from '../kernel/errors.ts'
import { type GuestStream, type HypervisorDriver, STREAM_KINDS, type StreamKind } from './driver.ts'
import { createStreamTail, type StreamTail } from './stream-tail.ts'

export const REMOTE_CONSOLE_LIMITS = {
  /** How long a ticket is good, ms: as long as Nova's. */
  ticketMs: 600_000,
  tickets: 1000,
  sessions: 128,
  /** A session that its gateway does not ask about for so long is over, ms. */
  silentMs: 30_000,
  /** What is kept of a serial line for those who come later or read slowly, and what may wait of a screen, bytes. */
  windowBytes: 256 * 1024,
  /** Of what was there before, a newcomer is shown so much, bytes. */
  scrollbackBytes: 16 * 1024,
  readBytes: 128 * 1024,
  writeBytes: 16 * 1024,
  /** Longest wait of a read or write, ms. */
  waitMs: 10_000,
} as const

const SWEEP_MS = 5000
/** A guest that takes nothing is offered the rest again after so long, ms. */
const OFFER_MS = 50

/** Whom a ticket was given to; for the audit log. */
export interface TicketOwner {
  readonly user: string | null
  readonly project: string | null
  readonly requestId: string
}

export interface ConsoleTicket {
  readonly ticket: string
  readonly expiresInMs: number
}

export interface ConsoleOpened {
  readonly instance: string
  readonly kind: StreamKind
  readonly by: TicketOwner
  /** Where to read first. */
  readonly from: number
}

export interface ConsoleRead {
  /** Place of the first byte. Behind what was asked for: so much was missed. */
  readonly at: number
  readonly bytes: Uint8Array
  /** Whether this session has the keyboard. */
  readonly writer: boolean
  /** Why nothing more comes, when all was read. */
  readonly ended: string | null
}

export interface ConsoleWritten {
  /** The bytes before this place were taken. */
  readonly upto: number
}

const nullable =
  (check: Check): Check =>
  value =>
    value === null ? null : check(value)
const place = integer(0, Number.MAX_SAFE_INTEGER)
const waitMs = integer(0, REMOTE_CONSOLE_LIMITS.waitMs)
const session = text(64)
const chunk: Check = value =>
  value instanceof Uint8Array && value.length > 0 && value.length <= REMOTE_CONSOLE_LIMITS.writeBytes
    ? null
    : `must be 1 to ${REMOTE_CONSOLE_LIMITS.writeBytes} bytes`
export const checkTicketOwner = checkObject({ user: nullable(text(256, 0)), project: nullable(text(256, 0)), requestId: text(128) })

const CHECKS = {
  consoleTicket: checkObject({ instance: text(128), kind: anyOf(...STREAM_KINDS), by: checkTicketOwner }),
  consoleOpen: checkObject({ ticket: text(64), session }),
  consoleRead: checkObject({ session, from: place, maxBytes: optional(integer(0, REMOTE_CONSOLE_LIMITS.readBytes)), waitMs }),
  consoleWrite: checkObject({ session, at: place, bytes: chunk, waitMs }),
  consoleTake: checkObject({ session }),
  consoleClose: checkObject({ session }),
} as const satisfies Record<string, Check>

export type RemoteConsoleMethod = keyof typeof CHECKS
export const isRemoteConsoleMethod = (name: string): name is RemoteConsoleMethod => Object.hasOwn(CHECKS, name)
/** What a gateway may ask of a host: all but to be given a ticket, which is for whom the API says. */
export const isRelayed = (name: string): boolean => isRemoteConsoleMethod(name) && name !== 'consoleTicket'

/** A stream that is open, and the sessions it is shown to. */
interface Source {
  readonly instance: string
  readonly kind: StreamKind
  readonly stream: GuestStream
  readonly tail: StreamTail
  readonly sessions: Set<ConsoleSession>
  writer: ConsoleSession | null
  isPaused: boolean
  ended: string | null
}

interface ConsoleSession {
  readonly id: string
  readonly source: Source
  readonly opened: ConsoleOpened
  readonly ticket: string
  /** Bytes from its client that were taken. */
  written: number
  /** Writes, one after the other. */
  writing: Promise<unknown>
  /** Ends the wait of the read under way. */
  wake: (() => void) | null
  /** What its client was told of the keyboard. */
  toldWriter: boolean | null
  heardMs: number
}

export interface RemoteConsoles {
  /** Serves one call; rejects with `BatonError`, `NotFound` for a session or ticket that is not (any more). */
  serve(method: RemoteConsoleMethod, args: unknown): Promise<unknown>
  stats(): { readonly sessions: number; readonly streams: number; readonly tickets: number }
  close(): void
}

export function createRemoteConsoles({ env, driver }: { readonly env: Env; readonly driver: HypervisorDriver }): RemoteConsoles {
  const limits = REMOTE_CONSOLE_LIMITS
  const tickets = new Map<string, { readonly instance: string; readonly kind: StreamKind; readonly by: TicketOwner; readonly untilMs: number }>()
  const sessions = new Map<string, ConsoleSession>()
  /** By session; one that is opened twice is opened once. */
  const opening = new Map<string, Promise<ConsoleOpened>>()
  /** Serial lines, by instance. */
  const lines = new Map<string, Promise<Source>>()
  let sweeper: Timer | null = null

  const gone = (): BatonError => new BatonError('NotFound', 'this console session is over; open the console again')

  function sweepLater(): void {
    sweeper ??= env.setTimer(SWEEP_MS, () => {
      sweeper = null
      const now = env.monotonicMs()
      for (const [ticket, { untilMs }] of tickets) if (untilMs <= now) tickets.delete(ticket)
      for (const s of sessions.values()) if (s.heardMs + limits.silentMs < now) end(s)
      if (tickets.size + sessions.size > 0) sweepLater()
    })
  }

  function issue(args: { instance: string; kind: StreamKind; by: TicketOwner }): ConsoleTicket {
    if (!driver.openStream || !driver.streams?.includes(args.kind))
      throw new BatonError('DriverUnsupported', `the ${driver.name} driver has no ${args.kind} console`)
    if (tickets.size >= limits.tickets) throw new BatonError('Overloaded', `${tickets.size} consoles wait to be opened`, { retryAfterMs: 5000 })
    const ticket = env.uuid()
    tickets.set(ticket, { ...args, untilMs: env.monotonicMs() + limits.ticketMs })
    sweepLater()
    return { ticket, expiresInMs: limits.ticketMs }
  }

  async function openSource(instance: string, kind: StreamKind): Promise<Source> {
    const stream = await driver.openStream?.(instance, kind)
    if (!stream) throw new BatonError('DriverUnsupported', `the ${driver.name} driver has no ${kind} console`)
    const tail = createStreamTail(kind === 'serial' ? limits.windowBytes : undefined)
    const source: Source = { instance, kind, stream, tail, sessions: new Set(), writer: null, isPaused: false, ended: null }
    stream.start({
      bytes(bytes) {
        source.tail.push(bytes)
        if (kind !== 'serial' && tail.end() - tail.begin() > limits.windowBytes) pause(source, true)
        wakeAll(source)
      },
      end: why => over(source, why),
    })
    return source
  }

  /** Who comes from now on gets a new stream, if the guest runs again. */
  function over(source: Source, why: string): void {
    if (source.ended !== null) return
    source.ended = why
    if (source.kind === 'serial') lines.delete(source.instance)
    wakeAll(source)
  }

  function pause(source: Source, isPaused: boolean): void {
    if (source.isPaused === isPaused) return
    source.isPaused = isPaused
    if (isPaused) source.stream.pause()
    else source.stream.resume()
  }

  function wakeAll(source: Source): void {
    for (const s of source.sessions) s.wake?.()
  }

  function lineOf(instance: string): Promise<Source> {
    const known = lines.get(instance)
    if (known) return known
    const line = openSource(instance, 'serial')
    lines.set(instance, line)
    line.catch(() => lines.get(instance) === line && lines.delete(instance))
    return line
  }

  async function open(ticket: string, id: string): Promise<ConsoleOpened> {
    const known = sessions.get(id)
    if (known) {
      if (known.ticket === ticket) return known.opened
      throw new BatonError('Conflict', 'there is a session of that id')
    }
    const found = tickets.get(ticket)
    if (!found || found.untilMs <= env.monotonicMs())
      throw new BatonError('NotFound', 'this console token was used already, has expired, or never was one; ask for another')
    if (sessions.size + opening.size >= limits.sessions)
      throw new BatonError('Overloaded', `${sessions.size} consoles of this host are open already`, { retryAfterMs: 5000 })
    // Good once, whatever becomes of it.
    tickets.delete(ticket)
    const { instance, kind, by } = found
    let source = await (kind === 'serial' ? lineOf(instance) : openSource(instance, kind))
    // The last of those who looked at it may have gone in this moment.
    if (source.ended !== null && kind === 'serial') source = await lineOf(instance)
    const from = kind === 'serial' ? Math.max(source.tail.begin(), source.tail.end() - limits.scrollbackBytes) : 0
    const s: ConsoleSession = {
      ...{ id, source, ticket, opened: { instance, kind, by, from } },
      ...{ written: 0, writing: Promise.resolve(), wake: null, toldWriter: null, heardMs: env.monotonicMs() },
    }
    sessions.set(id, s)
    source.sessions.add(s)
    source.writer ??= s
    sweepLater()
    return s.opened
  }

  function end(s: ConsoleSession): void {
    const { source } = s
    sessions.delete(s.id)
    source.sessions.delete(s)
    if (source.writer === s) source.writer = null
    s.wake?.()
    if (source.sessions.size > 0) return
    over(source, 'the console was closed')
    source.stream.close()
  }

  function heard(id: string): ConsoleSession {
    const s = sessions.get(id)
    if (!s) throw gone()
    s.heardMs = env.monotonicMs()
    return s
  }

  async function read(s: ConsoleSession, from: number, maxBytes: number, forMs: number): Promise<ConsoleRead> {
    const { source } = s
    const { tail } = source
    if (source.kind !== 'serial') {
      tail.drop(Math.min(from, tail.end()))
      if (tail.end() - tail.begin() <= limits.windowBytes / 2) pause(source, false)
    }
    const isNews = (): boolean => tail.end() > from || source.ended !== null || s.toldWriter !== (source.writer === s) || !sessions.has(s.id)
    if (!isNews()) {
      // A copy of the same question: the newest is the one that somebody waits for.
      s.wake?.()
      await new Promise<void>(resolve => {
        const timer = env.setTimer(forMs, () => s.wake?.())
        const wake = (): void => {
          timer.cancel()
          if (s.wake === wake) s.wake = null
          resolve()
        }
        s.wake = wake
      })
    }
    const { at, bytes } = tail.read(from, maxBytes)
    const writer = source.writer === s
    s.toldWriter = writer
    if (!sessions.has(s.id)) throw gone()
    return { at, bytes, writer, ended: at + bytes.length >= tail.end() ? source.ended : null }
  }

  /** What is typed by who has no keyboard is taken, and goes nowhere: it must not come later. */
  async function write(s: ConsoleSession, at: number, bytes: Uint8Array, forMs: number): Promise<ConsoleWritten> {
    if (at > s.written) throw new BatonError('Conflict', `bytes from ${at} on came before those from ${s.written} on`)
    const endMs = env.monotonicMs() + forMs
    const upto = at + bytes.length
    for (;;) {
      const rest = bytes.subarray(Math.min(bytes.length, s.written - at))
      if (rest.length === 0) break
      if (s.source.writer !== s || s.source.ended !== null) s.written = upto
      else s.written += s.source.stream.write(rest)
      if (s.written >= upto || env.monotonicMs() >= endMs) break
      await new Promise<void>(resolve => env.setTimer(OFFER_MS, resolve))
      if (!sessions.has(s.id)) throw gone()
    }
    return { upto: s.written }
  }

  function take(s: ConsoleSession): void {
    s.source.writer = s
    wakeAll(s.source)
  }

  async function perform(method: RemoteConsoleMethod, a: Record<string, unknown>): Promise<unknown> {
    const id = String(a.session)
    switch (method) {
      case 'consoleTicket':
        return issue(a as { instance: string; kind: StreamKind; by: TicketOwner })
      case 'consoleOpen': {
        const opened = opening.get(id) ?? open(String(a.ticket), id).finally(() => opening.delete(id))
        opening.set(id, opened)
        return opened
      }
      case 'consoleRead':
        return read(heard(id), Number(a.from), Number(a.maxBytes ?? limits.readBytes), Number(a.waitMs))
      case 'consoleWrite': {
        const s = heard(id)
        const written = s.writing.then(() => write(s, Number(a.at), a.bytes as Uint8Array, Number(a.waitMs)))
        s.writing = written.catch(() => {})
        return written
      }
      case 'consoleTake':
        take(heard(id))
        return {}
      case 'consoleClose': {
        const s = sessions.get(id)
        if (s) end(s)
        return {}
      }
    }
  }

  return {
    async serve(method, args) {
      const wrong = CHECKS[method](args)
      if (wrong) throw new BatonError('BadRequest', `${method}: ${wrong}`)
      return perform(method, args as Record<string, unknown>)
    },
    stats: () => ({ sessions: sessions.size, streams: new Set([...sessions.values()].map(s => s.source)).size, tickets: tickets.size }),
    close() {
      sweeper?.cancel()
      for (const s of [...sessions.values()]) end(s)
      tickets.clear()
    },
  }
}
