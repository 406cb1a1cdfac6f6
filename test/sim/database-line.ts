/**
 * The line from one conductor to the database, and what goes wrong on it: the database may be there for others and not for this one, take
 * reads and no writes because its disk is full, or carry out a statement whose answer is lost.
 *
 * What each looks like to a conductor is what `persistence/journal.ts` makes of it on a real server: an append waits and is looked up,
 * never repeated blindly; everything else rejects with `Database`, whether or not it was carried out.
 */
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Incarnation, Journal, Membership, Views } from '../../actors/kernel/ports.ts'
import type { MemoryDatabase } from '../../persistence/memory.ts'
import type { Loop } from './loop.ts'
import type { SimProcess } from './process.ts'
import type { Random } from './random.ts'

export interface DatabaseFaults {
  /** Conductors that do not reach it. */
  readonly cutOff: Set<string>
  /** Its disk is full: nothing is written. */
  full: boolean
  /** Probability that the answer to a statement is lost after it was carried out. */
  lostAnswers: number
  /** What a statement takes longer, at most, ms. */
  slowMs: number
  heal(): void
}

export const newDatabaseFaults = (): DatabaseFaults => ({
  cutOff: new Set(),
  full: false,
  lostAnswers: 0,
  slowMs: 0,
  heal() {
    Object.assign(this, { full: false, lostAnswers: 0, slowMs: 0 })
    this.cutOff.clear()
  },
})

export interface DatabaseLine {
  readonly membership: Membership
  readonly views: Views
  journal(incarnation: Incarnation): Journal & { waiting(): number; close(): void }
}

export interface LineOptions {
  readonly database: MemoryDatabase
  readonly faults: DatabaseFaults
  readonly loop: Loop
  readonly random: Random
  readonly process: SimProcess
}

/** How often a statement that cannot be sent is tried again, and how long an unknown outcome is looked for at most, ms. */
const RETRY_MS = 100
const LOOK_UP_MS = 3000

export function lineTo({ database, faults, loop, random, process }: LineOptions): DatabaseLine {
  const cut = (): boolean => faults.cutOff.has(process.name)
  const away = () => new BatonError('Database', 'the database does not answer', { retryAfterMs: 1000 })
  const pause = (ms: number) => new Promise<void>(resolve => loop.schedule(ms, resolve))

  function asked<T extends object>(port: T, writes: boolean): T {
    return process.guardAll(
      new Proxy(port, {
        get(target, key, receiver) {
          const method = Reflect.get(target, key, receiver)
          if (typeof method !== 'function') return method
          return async (...args: readonly unknown[]) => {
            if (cut() || (writes && faults.full)) {
              await pause(RETRY_MS)
              throw away()
            }
            const answer = await method.apply(target, args)
            if (cut() || random.chance(faults.lostAnswers)) throw away()
            return answer
          }
        },
      }),
    )
  }

  return {
    membership: asked(database.membership, true),
    views: asked(database.views, false),
    journal(incarnation) {
      const journal = database.journal(incarnation)
      const read = asked<Pick<Journal, 'load' | 'awake'>>({ load: journal.load, awake: journal.awake }, false)
      let held = 0
      let closed = false
      const whenOpen = async (): Promise<void> => {
        held++
        // A dead process sends nothing any more, and waits for nobody.
        while (cut() || faults.full) await pause(process.alive() && !closed ? RETRY_MS : Number.MAX_SAFE_INTEGER)
        held--
      }
      return {
        async append(entry) {
          if (cut() || faults.full) await whenOpen()
          if (!process.alive()) return new Promise(() => {})
          await journal.append(entry)
          if (random.chance(faults.lostAnswers)) await pause(random.int(RETRY_MS, LOOK_UP_MS))
          if (cut()) await whenOpen()
        },
        async confirm() {
          if (cut() || faults.full) await whenOpen()
          if (!process.alive()) return new Promise(() => {})
          await journal.confirm()
          if (cut()) await whenOpen()
        },
        load: actors => read.load(actors),
        awake: shards => read.awake(shards),
        waiting: () => journal.waiting() + held,
        close() {
          closed = true
          journal.close()
        },
      }
    },
  }
}
