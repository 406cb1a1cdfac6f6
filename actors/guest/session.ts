/**
 * The host's side of one guest's channel: what the agent in the guest is believed to be, by what it said, and the commands that wait for its
 * answers. Time comes from `Env`, bytes from the driver's channel; nothing here knows of other guests.
 *
 * A message counts only when its number is above those of before in the same life of the agent: one that comes late, or again, is dropped by
 * its number and never by a clock. A guest that says more than `RATE` allows is not read for a while; it has to wait, and nobody else.
 */
import type { Json } from '../kernel/define.ts'
import type { Env, Timer } from '../kernel/env.ts'
import { BatonError } from '../kernel/errors.ts'
import { type LineReader, lineReader } from '../kernel/lines.ts'
import { createBucket, rateOf } from '../kernel/token-bucket.ts'
import {
  type BackupReport,
  backupOf,
  type FromGuest,
  GUEST_VERSION,
  type GuestListener,
  type GuestPipe,
  type Heartbeat,
  type Hello,
  lineToGuest,
  MAX_LINE_BYTES,
  parseFromGuest,
  type Result,
  type ToGuest,
  type UpdateBackup,
} from './contract.ts'

/** Messages that nobody asked for: so many at once, and so many a second for long. A heartbeat comes every few seconds. */
export const RATE = { burst: 100, perSecond: 10, pauseMs: 1000 } as const
/** Commands that wait for one guest. */
const COMMANDS_MAX = 16
/** Lives of an agent that are remembered, so that a late word of one is known for what it is. */
const LIVES_MAX = 8
/** Backups whose newest report is kept. */
const BACKUPS_MAX = 4

export interface SessionSettings {
  /** How often an agent is asked to report, ms. */
  readonly heartbeatMs: number
  /** Without a word for so long, nobody knows how its service is, ms. */
  readonly silentMs: number
}

/** What is believed of an agent. */
export interface AgentBelief {
  /** Whether it was heard within the last `silentMs`; null: not yet, and there is time. */
  readonly heard: boolean | null
  readonly hello: Omit<Hello, 'type'> | null
  readonly status: Heartbeat['status'] | null
  readonly message: string | null
  readonly backup: BackupReport | null
}

/** What a guest has said that was not believed, since the host's agent began. */
export interface SessionCounters {
  heartbeats: number
  /** Not of the contract, or too long. */
  malformed: number
  /** Of an earlier number or life. */
  stale: number
  /** About another guest. */
  foreign: number
  /** More than the rate. */
  flooded: number
  /** Answers to no question. */
  unasked: number
}

export interface GuestSession extends GuestListener {
  /** The way to the guest, when it is open; null when it is closed. */
  attach(pipe: GuestPipe | null): void
  /** The guest has begun to run: nothing of before counts, and there is time to be heard again. */
  await(): void
  belief(): AgentBelief
  backup(id: string): BackupReport | null
  counters(): Readonly<SessionCounters>
  /** Ms since the newest heartbeat; null before the first. */
  silentForMs(): number | null
  /** Rejects `Conflict` without an agent, `BadRequest` for what it did not declare, `GuestFailed` as it failed or when it says nothing. */
  command(method: string, args: Readonly<Record<string, Json>>, timeoutMs: number): Promise<Json>
  close(why: string): void
}

export interface SessionOptions {
  readonly env: Pick<Env, 'monotonicMs' | 'setTimer'>
  readonly instance: string
  readonly settings: SessionSettings
  /** What is believed has changed. */
  onChange(): void
}

interface Waiting {
  resolve(value: Json): void
  reject(error: BatonError): void
  readonly timer: Timer
  readonly method: string
}

export function createSession({ env, instance, settings, onChange }: SessionOptions): GuestSession {
  const counters: SessionCounters = { heartbeats: 0, malformed: 0, stale: 0, foreign: 0, flooded: 0, unasked: 0 }
  const unasked = createBucket(rateOf(RATE), env.monotonicMs)
  const waiting = new Map<number, Waiting>()
  const backups = new Map<string, BackupReport>()
  let reader: LineReader = lineReader(MAX_LINE_BYTES)
  let pipe: GuestPipe | null = null
  let hello: Hello | null = null
  let lives: readonly string[] = []
  let seq = -1
  let status: Heartbeat['status'] | null = null
  let message: string | null = null
  let newestBackup: BackupReport | null = null
  let heard: boolean | null = null
  let heardMs: number | null = null
  let commands = 0
  let silence: Timer | null = null
  let paused: Timer | null = null

  const send = (said: ToGuest): Promise<void> =>
    pipe ? pipe.write(lineToGuest(said)) : Promise.reject(new BatonError('Conflict', `there is no way to the agent of guest ${instance}`))

  /** What is said into the void is asked again, or its absence is seen. */
  const say = (said: ToGuest): void => void send(said).catch(() => {})

  function fallSilent(): void {
    silence = null
    if (heard === false) return
    heard = false
    onChange()
  }

  function watch(): void {
    silence?.cancel()
    silence = env.setTimer(settings.silentMs, fallSilent)
  }

  function listened(): void {
    heardMs = env.monotonicMs()
    watch()
  }

  function hold(): void {
    if (paused || !pipe) return
    const held = pipe
    held.pause()
    paused = env.setTimer(RATE.pauseMs, () => {
      paused = null
      held.resume()
    })
  }

  function takeHello(said: Hello): void {
    if (typeof said.instance === 'string' && said.instance !== '' && said.instance !== instance) {
      counters.foreign++
      return
    }
    if (said.boot !== hello?.boot) {
      if (lives.includes(said.boot)) {
        counters.stale++
        return
      }
      lives = [...lives, said.boot].slice(-LIVES_MAX)
      seq = -1
      status = null
      message = null
    }
    const isNews = JSON.stringify(hello) !== JSON.stringify(said)
    hello = said
    say({ type: 'welcome', version: Math.min(GUEST_VERSION, said.version), heartbeatMs: settings.heartbeatMs })
    if (isNews) onChange()
  }

  /** Whether it is newer than all of this life so far. */
  function isNext(said: { readonly seq: number }): boolean {
    const next = hello !== null && said.seq > seq
    if (next) seq = said.seq
    else counters.stale++
    return next
  }

  function takeHeartbeat(said: Heartbeat): void {
    if (!isNext(said)) return
    counters.heartbeats++
    listened()
    const told = said.message ?? null
    if (heard && status === said.status && message === told) return
    heard = true
    status = said.status
    message = told
    onChange()
  }

  function takeBackup(said: UpdateBackup): void {
    if (!isNext(said)) return
    listened()
    const report = backupOf(said)
    const isNews = JSON.stringify(backups.get(report.backup)) !== JSON.stringify(report)
    backups.delete(report.backup)
    backups.set(report.backup, report)
    for (const oldest of [...backups.keys()].slice(0, -BACKUPS_MAX)) backups.delete(oldest)
    newestBackup = report
    if (isNews) onChange()
  }

  function takeResult({ id, value, error }: Result): void {
    const asked = waiting.get(id)
    if (!asked) {
      counters.unasked++
      return
    }
    waiting.delete(id)
    asked.timer.cancel()
    if (typeof error === 'string') asked.reject(new BatonError('GuestFailed', `the agent of guest ${instance} could not ${asked.method}: ${error}`))
    else asked.resolve(value ?? null)
  }

  function take(said: FromGuest | { readonly wrong: string }): void {
    if ('wrong' in said) counters.malformed++
    else if (said.type === 'hello') takeHello(said)
    else if (said.type === 'heartbeat') takeHeartbeat(said)
    else if (said.type === 'update_backup') takeBackup(said)
    else takeResult(said)
  }

  function hear(line: string): void {
    // Of a flood nothing is looked at, unless an answer that is waited for may be in it.
    const isAllowed = unasked.take()
    if (!isAllowed) hold()
    if (!isAllowed && waiting.size === 0) {
      counters.flooded++
      return
    }
    const said = parseFromGuest(line)
    const isAsked = 'type' in said && said.type === 'result' && waiting.has(said.id)
    // What was asked for is not counted against the rate.
    if (isAsked && isAllowed) unasked.giveBack()
    if (isAllowed || isAsked) take(said)
    else counters.flooded++
  }

  function giveUp(why: string): void {
    for (const [id, { timer, reject, method }] of waiting) {
      waiting.delete(id)
      timer.cancel()
      reject(new BatonError('Unavailable', `the agent of guest ${instance} went away before it had answered ${method}: ${why}`))
    }
  }

  function ended(): void {
    reader = lineReader(MAX_LINE_BYTES)
    giveUp('its channel was closed')
  }

  return {
    attach(opened) {
      paused?.cancel()
      paused = null
      pipe = opened
      if (opened) say({ type: 'who', version: GUEST_VERSION, instance })
      else ended()
    },
    began() {
      ended()
      say({ type: 'who', version: GUEST_VERSION, instance })
    },
    ended,
    bytes(chunk) {
      const lines = reader.push(chunk)
      if (lines === null) {
        counters.malformed++
        // What follows begins somewhere in the middle: the next whole line is believed again.
        reader = lineReader(MAX_LINE_BYTES)
        if (!unasked.take()) hold()
        return
      }
      for (const line of lines) if (line.length > 0) hear(line)
    },
    await() {
      heard = null
      status = null
      message = null
      watch()
    },
    belief: () => ({ heard, hello, status, message, backup: newestBackup }),
    backup: id => backups.get(id) ?? null,
    counters: () => counters,
    silentForMs: () => (heardMs === null ? null : env.monotonicMs() - heardMs),
    async command(method, args, timeoutMs) {
      if (!pipe || !hello) throw new BatonError('Conflict', `no agent answers in guest ${instance}`)
      const declared = hello.methods.map(({ name }) => name)
      const isOwn = method.includes('.') ? hello.backups && hello.backups.length > 0 : declared.includes(method)
      if (!isOwn)
        throw new BatonError('BadRequest', `the agent of guest ${instance} has no method ${method}; it has ${declared.join(', ') || 'none'}`)
      if (waiting.size >= COMMANDS_MAX)
        throw new BatonError('Overloaded', `${waiting.size} commands wait for the agent of guest ${instance}`, { retryAfterMs: 1000 })
      const id = ++commands
      const line = lineToGuest({ type: 'command', id, method, args })
      if (Buffer.byteLength(line) > MAX_LINE_BYTES) throw new BatonError('TooLarge', `a command to a guest has at most ${MAX_LINE_BYTES} bytes`)
      const answer = new Promise<Json>((resolve, reject) => {
        const timer = env.setTimer(timeoutMs, () => {
          waiting.delete(id)
          reject(new BatonError('GuestFailed', `the agent of guest ${instance} has not answered ${method} within ${timeoutMs / 1000} s`))
        })
        waiting.set(id, { resolve, reject, timer, method })
      })
      pipe.write(line).catch(error => {
        const asked = waiting.get(id)
        waiting.delete(id)
        asked?.timer.cancel()
        asked?.reject(
          new BatonError('Unavailable', `the agent of guest ${instance} could not be told to ${method}: ${String(error.message ?? error)}`),
        )
      })
      return answer
    },
    close(why) {
      silence?.cancel()
      paused?.cancel()
      silence = null
      paused = null
      giveUp(why)
      pipe?.close()
      pipe = null
    },
  }
}
