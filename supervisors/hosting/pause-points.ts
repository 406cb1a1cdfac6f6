/**
 * Named pause points of a compute host's driver, for tests that must strike at one moment of a real process: a race is tested by
 * stopping at a name, never by sleeping. Off unless `BATON_PAUSE_POINTS` names a folder.
 *
 * A test that wants the next `receive` held before it begins puts a file `receive.before` there (or `receive.after`, when it has
 * been done and not been answered). The first agent to come there takes it by renaming it to `receive.before.reached`, which
 * holds the agent until somebody removes it. Whoever is killed while it waits has not gone past.
 */
import { rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { HypervisorDriver } from '../../actors/hypervisor/driver.ts'

const LOOK_MS = 20

export function withPausePoints(driver: HypervisorDriver, folder: string | undefined): HypervisorDriver {
  if (!folder) return driver

  async function pause(point: string): Promise<void> {
    const reached = join(folder ?? '', `${point}.reached`)
    const taken = await rename(join(folder ?? '', point), reached).then(
      () => true,
      () => false,
    )
    while (taken && (await exists(reached))) await delay(LOOK_MS)
  }

  const paused = <T extends object>(part: T): T =>
    new Proxy(part, {
      get(target, key, receiver) {
        const method = Reflect.get(target, key, receiver)
        // Its part about live migration is one of its own.
        if (key === 'migration' && typeof method === 'object' && method !== null) return paused(method)
        if (typeof method !== 'function') return method
        return async (...args: readonly unknown[]) => {
          await pause(`${String(key)}.before`)
          const answer = await method.apply(target, args)
          await pause(`${String(key)}.after`)
          return answer
        }
      },
    })
  return paused(driver)
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
