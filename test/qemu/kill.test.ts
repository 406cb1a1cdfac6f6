/**
 * kill -9 of what carries guests of QEMU, in a real cluster: no guest is lost, none is there twice, and each goes on counting where it was.
 * time limit: 120 s
 */
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { shardOf } from '../../actors/kernel/address.ts'
import { countingSector } from '../support/boot-sector.ts'
import { newFolder, SERVERS, startCluster, type TestCluster, telling, until } from '../support/cluster.ts'
import { runSql } from '../support/database.ts'
import { skipWithout, whyNoQemu } from '../support/driver-qemu-bench.ts'
import { active } from '../support/history.ts'
import { shown } from '../support/hooks.ts'
import { allRunning, kill } from '../support/kill.ts'

const GUESTS = 5
const END_MS = 40_000
const missing = await whyNoQemu()

const kills = suite('kill -9 around guests of QEMU')
let cluster: TestCluster
let points: string
let image = ''

kills.before(
  shown(async () => {
    if (missing !== null) return
    points = await newFolder()
    // The paths of sockets are short, so is that of the folder.
    cluster = await startCluster({ args: ['--driver', 'qemu', '--conductors', '2', '--computes', '2'], env: { BATON_PAUSE_POINTS: points } })
    const file = join(points, 'counting.raw')
    await writeFile(file, countingSector())
    const made = await cluster.baton(['image', 'create', '--name', 'counting', '--file', file, '--json'])
    image = JSON.parse(made.stdout).id
  }),
)
kills.after(
  shown(async () => {
    if (missing !== null) return
    const { servers } = (await cluster.request('GET', SERVERS)).body
    for (const { id } of servers) await cluster.request('DELETE', `${SERVERS}/${id}`)
    await until('no QEMU is left', END_MS, () => qemus().length === 0)
    await cluster.stop()
    await rm(points, { recursive: true, force: true })
  }),
)

/** Guests by the QEMUs that run in this cluster's folder. */
const qemus = (): string[] =>
  allRunning().flatMap(({ command }) => {
    const name = command.find(arg => arg.startsWith('guest='))
    return name && command[0]?.includes('qemu-system') && ids.has(name.slice(6)) ? [name.slice(6)] : []
  })

const ids = new Set<string>()

async function create(name: string): Promise<string> {
  const server = { name, flavorRef: 'tiny', imageRef: image, networks: 'none' }
  const answer = await cluster.request('POST', SERVERS, { server })
  assert.is(answer.status, 202, answer.text)
  ids.add(answer.body.server.id)
  return answer.body.server.id
}

/** What it has counted, on whichever hosts it has a console, oldest number first. */
async function counted(id: string): Promise<number[]> {
  const hosts = join(cluster.folder, 'hosts')
  const consoles = await Promise.all(
    (await readdir(hosts)).map(host => readFile(join(hosts, host, 'qemu', 'run', id, 'console'), 'utf8').catch(() => '')),
  )
  return consoles
    .flatMap(text => text.split('\n').flatMap(line => (/^[0-9a-f]{8}$/.test(line) ? [Number.parseInt(line, 16)] : [])))
    .toSorted((a, b) => a - b)
}

/** It counts on, and has left no number out and said none twice since `from`. */
async function goesOn(id: string, from = 0): Promise<void> {
  const before = (await counted(id)).at(-1) ?? 0
  const now = await until(`guest ${id} counts on`, END_MS, async () => {
    const numbers = await counted(id)
    return (numbers.at(-1) ?? 0) > before + 5 && numbers
  })
  const breaks = now.filter((n, i) => n > from && i > 0 && n !== (now[i - 1] ?? 0) + 1)
  assert.equal(breaks, [], `${id} has not counted on from ${from}`)
}

const killThese = (chosen: readonly string[]): void => {
  for (const { id, pid } of cluster.processes()) if (chosen.includes(id)) kill(pid)
}

async function ownerOf(id: string): Promise<string> {
  const sql = 'select c.node_id from shard s join conductor c on c.incarnation = s.owner where s.id = $1'
  const [row] = await runSql<{ node_id: string }>(cluster.databaseUrl(), sql, [shardOf(id)])
  return row?.node_id ?? ''
}

const nodesOf = (role: 'conductor' | 'compute'): string[] => cluster.processes(role).map(({ id }) => id)

function check(what: string, body: () => Promise<void>): void {
  kills(what, () => (missing === null ? telling(cluster, body) : skipWithout(missing)))
}

check('agents, then a conductor, then both are killed while five guests boot and while they run', async () => {
  const five = await Promise.all(Array.from({ length: GUESTS }, (_, i) => create(`five-${i}`)))
  await until('a guest boots', END_MS, () => qemus().length > 0)
  killThese(nodesOf('compute'))
  await cluster.whole()
  killThese(nodesOf('conductor').slice(0, 1))
  for (const id of five) await active(cluster, id)
  assert.equal(qemus().toSorted(), five.toSorted(), 'each is there once')
  const since = new Map(await Promise.all(five.map(async id => [id, (await counted(id)).at(-1) ?? 0] as const)))
  killThese([...nodesOf('compute'), ...nodesOf('conductor').slice(1)])
  await cluster.whole()
  for (const id of five) await goesOn(id, since.get(id))
  assert.equal(qemus().toSorted(), five.toSorted(), 'and still is')
  for (const id of five) await active(cluster, id)
  for (const id of five.slice(1)) await cluster.request('DELETE', `${SERVERS}/${id}`)
  await until('the others are gone', END_MS, () => qemus().length === 1)
})

interface Cell {
  readonly victim: string
  readonly point: string
  readonly choose: (at: { source: string; target: string; owner: string }) => readonly string[]
}

const CELLS: readonly Cell[] = [
  { victim: "the source's agent", point: 'migrateOut.after', choose: at => [at.source] },
  { victim: "the target's agent", point: 'finishIncoming.after', choose: at => [at.target] },
  { victim: 'the conductor that owns it', point: 'handOver.after', choose: at => [at.owner] },
]

for (const { victim, point, choose } of CELLS) {
  check(`${victim} is killed in the middle of a live migration, at ${point}: one guest afterwards, and it goes on`, async () => {
    const id = qemus()[0] ?? ''
    const hostOf = async (): Promise<string> => (await cluster.request('GET', `${SERVERS}/${id}`)).body.server['OS-EXT-SRV-ATTR:host']
    const source = await hostOf()
    const target = nodesOf('compute').find(host => host !== source) ?? ''
    await writeFile(join(points, point), '')
    const asked = { 'os-migrateLive': { host: null, block_migration: 'auto' } }
    const answer = await cluster.request('POST', `${SERVERS}/${id}/action`, asked, { 'openstack-api-version': 'compute 2.30' })
    assert.is(answer.status, 202, answer.text)
    const reached = join(points, `${point}.reached`)
    await until(`${point} is reached`, END_MS, async () => (await stat(reached)).isFile())
    const since = (await counted(id)).at(-1) ?? 0
    killThese(choose({ source, target, owner: await ownerOf(id) }))
    await rm(reached)
    await until('the migration is over', END_MS, async () => (await cluster.openOperations()).length === 0)
    await cluster.whole()
    await active(cluster, id)
    await until('one guest', END_MS, () => qemus().length === 1)
    await goesOn(id, since)
    const { operations } = (await cluster.request('GET', `/baton/v1/operations?subject=${id}`)).body
    console.log(`${victim} at ${point}: ${operations[0]?.status}, from ${source}, on ${await hostOf()}`)
  })
}

kills.run()
