/**
 * Taking something of a project's quotas, for whoever makes what is limited:
 *
 *     const taken = await quotas.take(project, [address('server-group', id)], { server_groups: 1 })
 *     try {
 *       await call('server-group', id, 'create', { …, quota: taken.number })
 *       taken.confirm()
 *     } catch (error) {
 *       taken.doubt()
 *       throw error
 *     }
 *
 * Neither `confirm` nor `doubt` must arrive: without them the project asks the holders after a while. `actors/project/` tells why
 * that is safe, and what the holder has to do.
 */
import { type Address, addressKey } from '../actors/kernel/address.ts'
import type { Amounts } from '../actors/kernel/quota.ts'

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

export function createQuotas(call: (kind: string, id: string, method: string, args: unknown) => Promise<unknown>): Quotas {
  return {
    async take(project, holders, amounts) {
      const { number } = (await call('project', project, 'reserve', { holders: holders.map(addressKey), amounts })) as { number: number }
      const say = (method: 'confirm' | 'doubt') => void call('project', project, method, { number }).catch(() => {})
      return { number, confirm: () => say('confirm'), doubt: () => say('doubt') }
    },
  }
}
