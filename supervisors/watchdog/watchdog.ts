/**
 * The watchdog of a host: it stops the guests under the HA policy when the lease of the host has run out.
 *
 * It is told nothing and asks nobody: it looks at a record that the agent leaves behind, ten times a second, and compares one number in
 * it with the clock. So it does not matter whether the agent stands still, is cut off from the conductors, or is dead. As long as the lease
 * is over, every look stops again whatever runs: an agent that goes on after a long sleep may still have one last thing in its hand.
 *
 * It ends when a newer agent brings a watchdog of its own, or when its agent is gone and nothing is left to watch.
 */
import type { Env, Timer } from '../../actors/kernel/env.ts'
import { toFault } from '../../actors/kernel/errors.ts'

/** What the agent leaves behind. */
export interface LeaseRecord {
  /** Number of the agent's life, larger than any before. */
  readonly life: number
  /** End of the lease on the clock since boot, ms; 0 when the machine was booted since. */
  readonly expiresAtMs: number
  /** Number of the policy that belongs to it. */
  readonly offer: number
}

export interface PolicyRecord {
  readonly offer: number
  readonly instances: readonly string[]
}

/** A guest was stopped by the watchdog, at this time since boot, ms. */
export interface Word {
  readonly instance: string
  readonly atMs: number
}

export interface WatchdogOptions {
  readonly env: Env
  readonly life: number
  /** Ms since boot, going on while the machine is suspended. */
  bootMs(): number
  lease(): LeaseRecord | null
  policy(): PolicyRecord | null
  /** Resolves when nothing of the guest runs: true when something did. */
  stop(instance: string): Promise<boolean>
  /** Leaves word for the agent that a guest was stopped. */
  leaveWord(word: Word): void
  /** The policy of this number is in force. */
  onArmed(offer: number): void
  agentIsGone(): boolean
  /** Nothing is left to do. */
  onDone(why: string): void
}

const LOOK_MS = 100
const STOPS_AT_ONCE = 16

export function startWatchdog(options: WatchdogOptions): { stop(): void } {
  const { env } = options
  let armed: PolicyRecord = { offer: 0, instances: [] }
  let ended = false
  let timer: Timer | null = null

  async function look(): Promise<void> {
    const lease = options.lease()
    if (lease && lease.life !== options.life) return done('a newer agent has brought a watchdog of its own')
    if (lease && lease.offer !== armed.offer) arm()
    const over = lease !== null && options.bootMs() >= lease.expiresAtMs
    const clean = over ? await stopAll(lease.expiresAtMs) : false
    if (options.agentIsGone() && (clean || armed.instances.length === 0)) done('nothing is left to watch')
  }

  function arm(): void {
    const policy = options.policy()
    if (!policy) return
    armed = policy
    options.onArmed(policy.offer)
  }

  function done(why: string): void {
    ended = true
    options.onDone(why)
  }

  /** True when nothing runs any more of what must not. */
  async function stopAll(expiredAtMs: number): Promise<boolean> {
    const stopped: string[] = []
    let failures = 0
    const open = [...armed.instances]
    const worker = async (): Promise<void> => {
      for (let instance = open.pop(); instance !== undefined; instance = open.pop()) {
        try {
          if (await options.stop(instance)) stopped.push(instance)
        } catch (error) {
          failures++
          env.log.error({ instance, fault: toFault(error) }, 'a guest could not be stopped; trying again')
        }
      }
    }
    await Promise.all(Array.from({ length: STOPS_AT_ONCE }, worker))
    if (stopped.length > 0) {
      env.log.warn({ stopped, lateMs: Math.round(options.bootMs() - expiredAtMs) }, 'the lease has run out; guests were stopped')
      for (const instance of stopped) options.leaveWord({ instance, atMs: Math.round(options.bootMs()) })
    }
    return failures === 0
  }

  function loop(): void {
    look()
      .catch(error => env.log.error({ fault: toFault(error) }, 'a look was not finished'))
      .finally(() => {
        if (!ended) timer = env.setTimer(LOOK_MS, loop)
      })
  }
  loop()

  return {
    stop() {
      ended = true
      timer?.cancel()
    },
  }
}
