/**
 * The conductor's scheduler as an actor: one decision at a time, each seeing the one before.
 *
 * The scheduler works from summaries that other conductors send, and one may not have arrived yet: a host's first, or any at a
 * conductor that has just joined. So "no valid host" is never said without a look at the record itself, a moment ago at most.
 */
import type { HostBody } from '../../actors/api.ts'
import type { Env } from '../../actors/kernel/env.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Demand } from '../../actors/scheduler/demand.ts'
import type { Scheduler } from '../../actors/scheduler/scheduler.ts'
import type { ActorSystem } from '../hosting/actor-system.ts'

/** For so long a look at the record holds, ms: a thousand builds that fit nowhere are not a thousand looks. */
const LOOK_HOLDS_MS = 1000

type Hosts = ReturnType<Scheduler['pick']>

export interface PicksOptions {
  readonly env: Env
  readonly system: ActorSystem
  readonly scheduler: Scheduler
  /** All hosts, from the record. */
  recorded(): Promise<readonly HostBody[]>
}

/** Answers with the scheduler's choice, as many as asked for. Rejects `NoValidHost`, or as `recorded` does. */
export type Picks = (demand: Demand, alternates?: number) => Promise<Hosts>

export function createPicks({ env, system, scheduler, recorded }: PicksOptions): Picks {
  let lookedMs = Number.NEGATIVE_INFINITY

  async function decide(demand: Demand, alternates?: number): Promise<Hosts> {
    try {
      return scheduler.pick(demand, alternates)
    } catch (error) {
      const none = error instanceof BatonError && error.code === 'NoValidHost'
      if (!none || env.monotonicMs() - lookedMs < LOOK_HOLDS_MS) throw error
    }
    for (const host of await recorded()) scheduler.learn(host)
    lookedMs = env.monotonicMs()
    return scheduler.pick(demand, alternates)
  }

  const mailbox = system.spawn<() => Promise<void>>(run => run())
  return (demand, alternates) =>
    new Promise((resolve, reject) => {
      mailbox.tell(() => decide(demand, alternates).then(resolve, reject))
    })
}
