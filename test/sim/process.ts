/** A simulated process: it can be killed, frozen and thawed, and everything that reaches it goes through here. */
import { type Env, silentLogger } from '../../actors/kernel/env.ts'
import type { Loop } from './loop.ts'
import type { Random } from './random.ts'

/** When simulated time begins, ms since 1970. */
export const SIM_EPOCH_MS = 1_700_000_000_000

export interface SimProcess {
  readonly name: string
  readonly env: Env
  alive(): boolean
  frozen(): boolean
  /** Runs `fn` now; when frozen, at the thaw; when dead, never. */
  enter(fn: () => void): void
  /** A promise from outside, as this process sees it. */
  guard<T>(promise: Promise<T>): Promise<T>
  /** Wraps every method of an object that answers with a promise. */
  guardAll<T extends object>(object: T): T
  kill(): void
  freeze(): void
  thaw(): void
  /** From now on everything it does takes up to so much longer, ms; in its order. 0 ends that. */
  slow(lagMs: number): void
}

export interface ProcessClock {
  /** By how much the machine's wall clock is wrong just now, ms. */
  wrongMs?(): number
  /** How fast its monotonic clock runs, 1 by default. */
  readonly rate?: number
}

export function createProcess(name: string, loop: Loop, random: Random, log: (line: string) => void, clock: ProcessClock = {}): SimProcess {
  const { wrongMs = () => 0, rate = 1 } = clock
  let alive = true
  let frozen = false
  let lagMs = 0
  /** When what is to be done by now will have been done. */
  let behindUntilMs = -1
  let waiting: (() => void)[] = []
  const originMs = random.int(0, 1_000_000)

  const enterNow = (fn: () => void): void => {
    if (!alive) return
    if (frozen) waiting.push(fn)
    else fn()
  }
  const enter = (fn: () => void): void => {
    const now = loop.nowMs()
    if (lagMs === 0 && now > behindUntilMs) enterNow(fn)
    else {
      behindUntilMs = Math.max(behindUntilMs, now + random.next() * lagMs)
      loop.schedule(behindUntilMs - now, () => enterNow(fn))
    }
  }

  const guard = <T>(promise: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      promise.then(
        value => enter(() => resolve(value)),
        error => enter(() => reject(error)),
      )
    })

  const say =
    (level: string) =>
    (fields: object, message: string): void => {
      if (alive) log(`${name} ${level}: ${message} ${JSON.stringify(fields, withoutStacks)}`)
    }

  return {
    name,
    env: {
      // Every machine's clock has its own origin: nobody may compare two of them.
      monotonicMs: () => loop.nowMs() * rate + originMs,
      wallMs: () => SIM_EPOCH_MS + loop.nowMs() + wrongMs(),
      setTimer: (delayMs, fn) => (alive ? loop.schedule(delayMs / rate, () => enter(fn)) : { cancel: () => {} }),
      random: () => random.next(),
      uuid: () => {
        const hex = Array.from({ length: 32 }, () => random.int(0, 15).toString(16)).join('')
        return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`
      },
      log: { ...silentLogger, info: say('info'), warn: say('warn'), error: say('error') },
    },
    alive: () => alive,
    frozen: () => frozen,
    enter,
    guard,
    guardAll: object =>
      new Proxy(object, {
        get: (target, key, receiver) => {
          const value = Reflect.get(target, key, receiver)
          if (typeof value !== 'function') return value
          return (...args: unknown[]) => {
            const answer = value.apply(target, args)
            return answer instanceof Promise ? guard(answer) : answer
          }
        },
      }),
    kill() {
      alive = false
      waiting = []
    },
    freeze() {
      frozen = true
    },
    thaw() {
      frozen = false
      for (const fn of waiting.splice(0)) fn()
    },
    slow(ms) {
      lagMs = ms
    },
  }
}

const withoutStacks = (_key: string, value: unknown): unknown => (value instanceof Error ? value.message : value)
