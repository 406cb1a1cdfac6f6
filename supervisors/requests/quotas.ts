/**
 * Taking something of a project's quotas, for whoever makes what is limited:
 *
 *     const taken = await quotas.take(project, [address('server-group', id)], { server_groups: 1 })
 *     try {
 *       await call('server-group', id, 'create', { …, quota: taken.number })
 *       taken.confirm()
 *     } catch (error) {
 *       taken.doubt()
 *       throw askedAgain(error)
 *     }
 *
 * Neither `confirm` nor `doubt` must arrive: without them the project asks the holders after a while. `actors/project/` tells why
 * that is safe, and what the holder has to do.
 */
import { type Address, addressKey } from '../../actors/kernel/address.ts'
import type { Env } from '../../actors/kernel/env.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Amounts, Limits } from '../../actors/kernel/quota.ts'
import { CONFIRMS_MAX } from '../../actors/project/project.ts'

export interface Taken {
  /** Goes with the command that makes or grows the holders. */
  readonly number: number
  /** All holders have taken it. */
  confirm(): void
  /** Some holder may not have taken it. */
  doubt(): void
}

export interface Quotas {
  /** Reserves so much for each holder, for all or for none. Rejects `QuotaExceeded`. */
  take(project: string, holders: readonly Address[], each: Amounts): Promise<Taken>
}

/** The reservation was given up before its holder heard of it; a request that comes again makes another. */
export const askedAgain = (error: unknown): unknown =>
  error instanceof BatonError && error.code === 'StaleCommand'
    ? new BatonError('Unavailable', `${error.message}; send the request again`, { retryAfterMs: 1000 })
    : error

/** Nobody waits for a confirm, so those of so long are said together: half the commits of a project under load. */
const CONFIRM_EVERY_MS = 100

export interface QuotasOptions {
  readonly env: Pick<Env, 'setTimer'>
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  /** The limits of projects that have none of their own. */
  defaults(): Promise<Limits>
}

export function createQuotas({ env, call, defaults }: QuotasOptions): Quotas {
  const taken = new Map<string, number[]>()

  // What is lost on the way is asked for by the project.
  const say = (project: string, method: string, args: object): void => void call('project', project, method, args).catch(() => {})

  function confirm(project: string, number: number): void {
    const numbers = taken.get(project)
    if (numbers) numbers.push(number)
    else {
      taken.set(project, [number])
      env.setTimer(CONFIRM_EVERY_MS, () => flush(project))
    }
  }

  function flush(project: string): void {
    const numbers = taken.get(project) ?? []
    taken.delete(project)
    for (let i = 0; i < numbers.length; i += CONFIRMS_MAX) say(project, 'confirm', { numbers: numbers.slice(i, i + CONFIRMS_MAX) })
  }

  return {
    async take(project, holders, amounts) {
      const { number } = (await call('project', project, 'reserve', {
        ...{ holders: holders.map(addressKey), amounts },
        defaults: await defaults(),
      })) as { number: number }
      return { number, confirm: () => confirm(project, number), doubt: () => say(project, 'doubt', { number }) }
    },
  }
}
