/** How clients ask: until there is an answer that is about the request and not about the way. */
import type { Env } from '../../actors/kernel/env.ts'
import { BatonError, isTransient } from '../../actors/kernel/errors.ts'
import type { History } from './history.ts'
import type { Random } from './random.ts'

/** A gateway answers within 20 s if it lives; a client gives up a little later and asks again. */
export const CLIENT_PATIENCE_MS = 25_000
/** A resize to the size it has is a bad request. */
const EXPECTED = new Set(['Conflict', 'NotFound', 'NoValidHost', 'BadRequest', 'Forbidden', 'QuotaExceeded'])

export interface Patience {
  pause(ms: number): Promise<void>
  /** One try; rejects with `DeadlineExceeded` when the gateway died. */
  once<T>(request: () => Promise<T>): Promise<T>
  /** The answer, or the fault with which it was refused for good. */
  insist<T>(what: string, request: () => Promise<T>): Promise<T | BatonError>
}

/** Whether asking again may help. */
export function isOfTheWay(error: unknown): boolean {
  return error instanceof BatonError ? isTransient(error) : error instanceof Error && error.message === 'no gateway runs'
}

export function createPatience(env: Env, random: Random, history: History): Patience {
  const pause = (ms: number) => new Promise<void>(resolve => env.setTimer(ms, resolve))
  const once = async <T>(request: () => Promise<T>): Promise<T> =>
    Promise.race([
      request(),
      pause(CLIENT_PATIENCE_MS).then((): never => {
        throw new BatonError('DeadlineExceeded', 'the gateway died')
      }),
    ])
  return {
    pause,
    once,
    async insist(what, request) {
      for (;;) {
        try {
          return await once(request)
        } catch (error) {
          const fault = error instanceof BatonError ? error : new BatonError('Internal', String(error))
          if (error instanceof BatonError) history.codes.add(fault.code)
          if (!isOfTheWay(error)) {
            if (!EXPECTED.has(fault.code)) history.surprises.push(`${what}: ${fault.code} ${fault.message}`)
            if (fault.code === 'QuotaExceeded') history.overQuota++
            return fault
          }
          await pause(random.int(50, 500))
        }
      }
    },
  }
}
