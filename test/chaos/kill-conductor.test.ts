/**
 * The promise of the project: kill any process, at any moment, and nothing that was acknowledged is lost and nothing is done twice.
 * 200 builds, 20 at a time, while something gets kill -9 every second.
 * It needs quiet: an agent that starts in more than a second is killed faster than it comes back, and then no host is up.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startCluster, type TestCluster, telling } from '../support/cluster.ts'
import { assertOneStory, buildWhile } from '../support/history.ts'
import { shown } from '../support/hooks.ts'
import { anyOf, killEvery } from '../support/kill.ts'

const BUILDS = 200
const AT_ONCE = 20
/** Long enough that a kill finds work in flight, short enough for ten rounds of it. */
const SPAWN_MS = 300

interface Scenario {
  readonly victim: string
  readonly choose: (cluster: TestCluster) => { id: string; pid: number } | undefined
  readonly everyMs: number
  readonly kills: { readonly least: number; readonly most: number }
}

/** What exists once is killed less often than it takes to start: it would never be there. */
const SCENARIOS: readonly Scenario[] = [
  { victim: 'a conductor', choose: c => anyOf(c.processes('conductor')), everyMs: 1000, kills: { least: 4, most: 12 } },
  { victim: 'a compute agent', choose: c => anyOf(c.processes('compute')), everyMs: 1000, kills: { least: 4, most: 12 } },
  { victim: 'the gateway', choose: c => anyOf(c.processes('gateway')), everyMs: 3000, kills: { least: 2, most: 4 } },
  { victim: 'PostgreSQL', choose: c => ({ id: 'postgres', pid: c.postmaster() }), everyMs: 3000, kills: { least: 2, most: 4 } },
]

const storm = suite('kill -9 under load')
let cluster: TestCluster

storm.before(
  shown(async () => {
    cluster = await startCluster({ env: { BATON_DRIVER_FAKE_LATENCY_MS: String(SPAWN_MS) } })
  }),
)
storm.after(shown(() => cluster?.stop()))

for (const { victim, choose, everyMs, kills } of SCENARIOS) {
  const scenario = async () => {
    const begun = performance.now()
    const killing = killEvery(everyMs, kills.most, () => choose(cluster))
    const ids: string[] = []
    const goesOn = () => ids.length < BUILDS || killing.victims.length < kills.least
    await buildWhile(cluster, victim.replaceAll(' ', '-'), AT_ONCE, goesOn, ids).finally(killing.stop)
    const builtMs = performance.now() - begun
    await assertOneStory(cluster, ids)
    const { victims } = killing
    console.log(`${victim}: ${victims.length} kills (${victims.join(' ')}), ${ids.length} built in ${(builtMs / 1000).toFixed(1)} s`)
    assert.ok(ids.length >= BUILDS && victims.length >= kills.least)
    await cluster.whole()
  }
  storm(`${victim}: ${BUILDS} builds end well, each spawned once`, () => telling(cluster, scenario))
}

storm.run()
