/** Conductors that die while clients work: every few seconds one of them gets kill -9; `baton up` starts it again. */
import { setTimeout as delay } from 'node:timers/promises'
import type { TestCluster } from '../support/cluster.ts'
import { kill } from '../support/kill.ts'

const EVERY_MS = 5_000

export interface Killing {
  /** Ends it; resolves with the count of those killed when all nodes are back. */
  stop(): Promise<number>
}

export function startKilling(cluster: TestCluster): Killing {
  const stopped = new AbortController()
  let count = 0
  const killing = (async () => {
    for (;;) {
      await delay(EVERY_MS, undefined, { signal: stopped.signal })
      // In turn, so that each of them is the owner of whatever it may be sometimes.
      const conductors = cluster.processes('conductor').toSorted((a, b) => a.id.localeCompare(b.id))
      const victim = conductors[count % Math.max(1, conductors.length)]
      if (!victim) continue
      kill(victim.pid)
      count++
    }
  })().catch(() => {})
  return {
    async stop() {
      stopped.abort()
      await killing
      return count
    },
  }
}
