/**
 * The kill matrix on real processes: one cell for each kind of victim, in the middle of a migration, which has two hosts. All cells
 * are run in the simulator (`npm run kill-matrix`); here it is shown that kill -9 is what the simulator takes it for.
 */
import { rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { shardOf } from '../../actors/kernel/address.ts'
import { newFolder, SERVERS, startCluster, type TestCluster, telling, until } from '../support/cluster.ts'
import { runSql } from '../support/database.ts'
import { active, create, effectsIn, guestsIn } from '../support/history.ts'
import { shown } from '../support/hooks.ts'
import { kill } from '../support/kill.ts'

const END_MS = 40_000

type Chosen = readonly string[]

interface Cell {
  readonly victim: string
  readonly point: string
  /** Ids of the nodes to be killed. */
  readonly choose: (at: { source: string; target: string; owner: string; conductors: Chosen }) => Chosen
}

const CELLS: readonly Cell[] = [
  { victim: 'the conductor that owns it', point: 'receive.before', choose: at => [at.owner] },
  { victim: 'all conductors', point: 'receive.after', choose: at => at.conductors },
  { victim: "the source host's agent", point: 'stop.after', choose: at => [at.source] },
  { victim: "the target host's agent", point: 'receive.after', choose: at => [at.target] },
]

const points = suite('kill -9 at named points')
let cluster: TestCluster
let folder: string

points.before(
  shown(async () => {
    folder = await newFolder()
    cluster = await startCluster({ args: ['--conductors', '2', '--computes', '2'], env: { BATON_PAUSE_POINTS: folder } })
  }),
)
points.after(
  shown(async () => {
    await cluster?.stop()
    await rm(folder, { recursive: true, force: true })
  }),
)

const hostOf = async (id: string): Promise<string> => (await cluster.request('GET', `${SERVERS}/${id}`)).body.server['OS-EXT-SRV-ATTR:host']

async function ownerOf(id: string): Promise<string> {
  const sql = 'select c.node_id from shard s join conductor c on c.incarnation = s.owner where s.id = $1'
  const [row] = await runSql<{ node_id: string }>(cluster.databaseUrl(), sql, [shardOf(id)])
  return row?.node_id ?? ''
}

async function struck({ point, choose }: Cell): Promise<void> {
  const id = await create(cluster, `killed-at-${point}`)
  await active(cluster, id)
  const source = await hostOf(id)
  await writeFile(join(folder, point), '')
  assert.is((await cluster.request('POST', `${SERVERS}/${id}/action`, { migrate: null })).status, 202)
  const reached = join(folder, `${point}.reached`)
  await until(`${point} is reached`, END_MS, async () => (await stat(reached)).isFile())
  const [open] = await cluster.openOperations()
  const target = (await cluster.hosts()).map(h => h.id).find(h => h !== source) ?? ''
  assert.is(open?.kind, 'migrate')
  const victims = choose({ source, target, owner: await ownerOf(id), conductors: cluster.processes('conductor').map(p => p.id) })
  for (const { id: node, pid } of cluster.processes()) if (victims.includes(node)) kill(pid)
  await rm(reached)
  await until('the migration is over', END_MS, async () => (await cluster.openOperations()).length === 0)
  const { server } = (await cluster.request('GET', `${SERVERS}/${id}`)).body
  const { operations } = (await cluster.request('GET', `/baton/v1/operations?subject=${id}`)).body
  console.log(`${point}, killed ${victims.join(' ')}: ${operations[0]?.status}, ${server.status} on ${server['OS-EXT-SRV-ATTR:host']}`)
  assert.is(operations[0]?.status, 'done')
  assert.is(server.status, 'VERIFY_RESIZE')
  const holders = [...(await guestsIn(cluster.folder))].filter(([, guests]) => guests.includes(id)).map(([host]) => host)
  assert.equal(holders.toSorted(), [source, target].toSorted(), 'the source keeps its guest until the migration is confirmed')
  const done = (await effectsIn(cluster.folder)).filter(e => e.instance === id).map(e => `${e.method} ${e.order}`)
  assert.is(new Set(done).size, done.length, `nothing took effect twice: ${done.join(', ')}`)
  await cluster.whole()
}

for (const cell of CELLS) points(`${cell.victim}, at ${cell.point}`, () => telling(cluster, () => struck(cell)))

points.run()
