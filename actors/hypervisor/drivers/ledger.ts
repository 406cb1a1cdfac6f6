/**
 * The envelope around every command of a driver: one command at a time per instance, refused when it comes too late,
 * done once when it comes twice, and written down so that the next agent on this host knows as much as this one.
 *
 * What is written when decides what a `kill -9` of the agent can spoil:
 * - Most commands act, then put the record (with the effect in it), then append to the history. If the agent dies before the
 *   last step, the next one finds in the record an effect that the history lacks, and adds it. So the history has
 *   every effect whose record was put, exactly once.
 * - `destroy` appends first. That line is also the grave that keeps older commands away after the record has gone.
 */
import type { Env } from '../../kernel/env.ts'
import { type HostLease, NO_LEASE, type Permit } from '../lease.ts'
import { keyedQueue } from './queue.ts'
import { admit, checkInstanceId, type DriverMethod, type Standing } from './rules.ts'
import type { Effect, GuestStore } from './store.ts'

/** Graves remembered; the oldest is forgotten first. */
const MAX_GRAVES = 50_000

/** What every driver's record has. `effect` is the newest thing really done to the guest. */
export interface GuestRecord extends Standing {
  readonly effect: Effect | null
}

/** What a command came to: the changed record, and whether anything was really done. */
export interface Outcome<G> {
  readonly guest: G
  readonly effect: boolean
}

export interface Ledger<G extends GuestRecord> {
  guests(): Promise<ReadonlyMap<string, G>>
  /** Runs `act` unless the command is stale or a repetition. Rejects with what `act` rejects with; then nothing is recorded. */
  command(method: DriverMethod, instance: string, order: number, act: (guest: G | undefined, permit: Permit) => Promise<Outcome<G>>): Promise<void>
  /** Runs `act` to remove the guest, forgets the record, and remembers the grave. */
  destroy(instance: string, order: number, act: (guest: G | undefined) => Promise<void>): Promise<void>
  /** Puts a record in the middle of a command, for what must be known before the next step is taken. */
  save(instance: string, guest: G, permit?: Permit): Promise<void>
}

export interface LedgerOptions<G> {
  readonly store: GuestStore<G>
  readonly nameOf: (guest: G) => string
  readonly env: Pick<Env, 'wallMs'>
  /** Where commands get their permit; default: everything is permitted. */
  readonly lease?: Pick<HostLease, 'permit'> | undefined
  /** Whether to put this record brings the guest to life, so that the permit is to be shown. */
  readonly enlivens: (guest: G) => boolean
}

export function openLedger<G extends GuestRecord>({ store, nameOf, env, lease = NO_LEASE, enlivens }: LedgerOptions<G>): Ledger<G> {
  const guests = new Map<string, G>()
  const graves = new Map<string, number>()
  const inTurn = keyedQueue()
  let opening: Promise<void> | null = null

  function opened(): Promise<void> {
    // A failed attempt is not kept: the folder may be mended meanwhile.
    opening ??= open().catch(error => {
      opening = null
      throw error
    })
    return opening
  }

  async function open(): Promise<void> {
    const { guests: stored, recent } = await store.load()
    const inHistory = new Set(recent.map(keyOf))
    for (const guest of stored) {
      guests.set(nameOf(guest), guest)
      if (guest.effect && !inHistory.has(keyOf(guest.effect))) await store.append(guest.effect)
    }
    for (const { instance, method, order } of recent) if (method === 'destroy' || method === 'bury') dig(instance, order)
  }

  function dig(instance: string, order: number): void {
    graves.delete(instance)
    graves.set(instance, order)
    if (graves.size > MAX_GRAVES) for (const oldest of graves.keys()) return void graves.delete(oldest)
  }

  async function save(instance: string, guest: G, permit?: Permit): Promise<void> {
    await store.put(instance, guest, permit && enlivens(guest) ? permit : undefined)
    guests.set(instance, guest)
  }

  return {
    save,
    async guests() {
      await opened()
      return guests
    },
    async command(method, instance, order, act) {
      checkInstanceId(instance)
      await opened()
      return inTurn(instance, async () => {
        const known = guests.get(instance)
        if (admit(method, order, known, graves.get(instance)) === 'done') return
        const permit = lease.permit(instance)
        const { guest, effect } = await act(known, permit)
        const done: Effect | null = effect ? { at: env.wallMs(), instance, method, order } : null
        await save(instance, { ...guest, begun: order, order, method, effect: done ?? guest.effect }, permit)
        if (done) await store.append(done)
      })
    },
    async destroy(instance, order, act) {
      checkInstanceId(instance)
      await opened()
      return inTurn(instance, async () => {
        const known = guests.get(instance)
        admit('destroy', order, known, graves.get(instance))
        if (graves.get(instance) !== order) {
          await store.append({ at: env.wallMs(), instance, method: known ? 'destroy' : 'bury', order })
          dig(instance, order)
        }
        await act(known)
        await store.remove(instance)
        guests.delete(instance)
      })
    },
  }
}

const keyOf = ({ instance, method, order }: Effect): string => `${instance} ${method} ${order}`
