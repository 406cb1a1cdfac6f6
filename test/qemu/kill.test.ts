/**
 * kill -9 of what carries guests of QEMU, in a real cluster: no guest is lost, none is there twice, and each goes on counting where it was.
 * Of a live migration these are a few telling cells; `npm run qemu-matrix` runs all of them. time limit: 150 s
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SERVERS, telling, until } from '../support/cluster.ts'
import { skipWithout, whyNoQemu } from '../support/driver-qemu-bench.ts'
import { active } from '../support/history.ts'
import { shown } from '../support/hooks.ts'
import { type Cell, cellsOf } from './matrix/cells.ts'
import { struck } from './matrix/strike.ts'
import { breaksIn, END_MS, startWorld, tapeOf, type World } from './matrix/world.ts'

const GUESTS = 5
const missing = await whyNoQemu()

const kills = suite('kill -9 around guests of QEMU')
let world: World

kills.before(
  shown(async () => {
    if (missing === null) world = await startWorld({ conductors: 2 })
  }),
)
kills.after(
  shown(async () => {
    if (missing === null) await world.close()
  }),
)

const guests = (): string[] =>
  world
    .machines()
    .map(({ instance }) => instance)
    .toSorted()

function check(what: string, body: () => Promise<void>): void {
  kills(what, () => (missing === null ? telling(world.cluster, body) : skipWithout(missing)))
}

check('agents, then a conductor, then both are killed while five guests boot and while they run', async () => {
  const { cluster, nodesOf, killNodes } = world
  const five = await Promise.all(Array.from({ length: GUESTS }, (_, i) => world.create(`five-${i}`)))
  await until('a guest boots', END_MS, () => guests().length > 0)
  killNodes(nodesOf('compute'))
  await cluster.whole()
  killNodes(nodesOf('conductor').slice(0, 1))
  for (const id of five) await active(cluster, id)
  assert.equal(guests(), five.toSorted(), 'each is there once')
  const tapes = await Promise.all(five.map(id => tapeOf(world, id)))
  killNodes([...nodesOf('compute'), ...nodesOf('conductor').slice(1)])
  await cluster.whole()
  for (const tape of tapes) {
    assert.equal(breaksIn(await tape.goesOn()), [], 'it counts on')
    await tape.close()
  }
  assert.equal(guests(), five.toSorted(), 'and still is')
  for (const id of five) await active(cluster, id)
  for (const id of five.slice(1)) await cluster.request('DELETE', `${SERVERS}/${id}`)
  await until('the others are gone', END_MS, () => guests().length === 1)
})

const TELLING: readonly (readonly [string, Cell['victim']])[] = [
  ['migrateOut.after', 'source agent'],
  ['handOver.after', 'conductor'],
  ['finishIncoming.before', 'target QEMU'],
  ['finishIncoming.after', 'target agent'],
]

for (const [point, victim] of TELLING) {
  const cell = cellsOf('copied').find(c => c.point.name === point && c.victim === victim)
  check(`the ${victim} is killed in the middle of a live migration, at ${point}: one guest afterwards, and it goes on`, async () => {
    if (!cell) throw new Error(`there is no cell ${point}, ${victim}`)
    const { end, violations } = await struck(world, guests()[0] ?? '', cell)
    assert.equal(violations, [])
    console.log(`${victim} at ${point}: ${end}`)
  })
}

kills.run()
