/** Conductors that die while clients work: every few seconds one of them gets kill -9; `baton up` starts it again. */
import type { TestCluster } from '../support/cluster.ts'
import { type Killing, killEvery } from '../support/kill.ts'

const EVERY_MS = 5_000
/** An hour of it. */
const MOST = 720

export function startKilling(cluster: TestCluster): Killing {
  let turn = 0
  return killEvery(EVERY_MS, MOST, () => {
    // In turn, so that each of them is the owner of whatever it may be sometimes.
    const conductors = cluster.processes('conductor').toSorted((a, b) => a.id.localeCompare(b.id))
    return conductors[turn++ % Math.max(1, conductors.length)]
  })
}
