/**
 * A conductor joins. When the database's clock looks as if it had been set, whoever was there before can say whether time has
 * passed: another conductor that lives, or the machine, if a conductor ran on it before. One that knows of neither waits for
 * the others, for a lease at most: who lives has said so by then.
 */
import type { Env } from '../../actors/kernel/env.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Incarnation, Joining, Machine, Membership, MembershipState } from '../../actors/kernel/ports.ts'
import type { ClusterClock } from './cluster-clock.ts'

const AGAIN_MS = 200

export async function join(
  env: Env,
  clock: ClusterClock,
  membership: Membership,
  me: Omit<Joining, 'machine'> & { machine(): Machine },
): Promise<MembershipState & { incarnation: Incarnation }> {
  const beganMs = env.monotonicMs()
  let sure = false
  for (;;) {
    const sentMs = env.monotonicMs()
    try {
      const joined = await membership.join({ ...me, machine: me.machine() }, sure)
      clock.sync(joined.now, sentMs, env.monotonicMs())
      return joined
    } catch (error) {
      const waitMs = error instanceof BatonError ? error.details?.settlesWithinMs : undefined
      if (typeof waitMs !== 'number') throw error
      await new Promise<void>(resolve => env.setTimer(AGAIN_MS, resolve))
      sure = env.monotonicMs() - beganMs >= waitMs
    }
  }
}
