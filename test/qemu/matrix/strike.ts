/** One cell of the kill matrix of real machines: a live migration, struck once; then a look at what runs, by the kernel, the guest and the doctor. */
import { rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { OperationBody } from '../../../actors/api.ts'
import { SERVERS, until } from '../../support/cluster.ts'
import { kill } from '../../support/kill.ts'
import { type Cell, isAborted, killsTheGuest, type Point } from './cells.ts'
import { breaksIn, END_MS, tapeOf, type World } from './world.ts'

export interface Outcome {
  /** How the operation ended, and where the guest is then. */
  readonly end: string
  readonly tookMs: number
  /** Numbers that the guest has counted meanwhile, none left out. */
  readonly counted: number
  readonly violations: readonly string[]
}

const MIGRATIONS = { 'openstack-api-version': 'compute 2.30' }
const SETTLE_MS = 20_000

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

export async function struck(world: World, id: string, cell: Cell): Promise<Outcome> {
  const { cluster, points, machines } = world
  const { point, victim } = cell
  const source = await world.hostOf(id)
  const target = world.nodesOf('compute').find(host => host !== source) ?? ''
  const tape = await tapeOf(world, id)
  const startedMs = performance.now()
  if (point.held !== null && !isAborted(point)) await writeFile(join(points, point.held), '')
  await migrate(world, id)
  await reached(world, id, point)

  const victims = { 'source agent': source, 'target agent': target, 'target QEMU': null, conductor: await world.ownerOf(id) }
  const node = victims[victim]
  if (node !== null) world.killNodes([node])
  else for (const { pid, host } of machines()) if (host === target) kill(pid)
  if (point.held !== null) await rm(join(points, `${point.held}.reached`), { force: true })

  await until('the migration is over', END_MS, async () => (await cluster.openOperations()).length === 0)
  await cluster.whole()
  const [operation] = await operationsOf(world, id)
  const violations: string[] = []
  if (killsTheGuest(cell)) await beginsAnew(world, id)
  else {
    const broken = breaksIn(await tape.goesOn())
    if (broken.length > 0) violations.push(`it has not counted on: ${broken.join(', ')}`)
  }
  const tookMs = performance.now() - startedMs
  const host = await world.hostOf(id)
  await until('one QEMU, where its instance is said to be', SETTLE_MS, () => {
    const running = machines()
    return running.length === 1 && running[0]?.host === host
  }).catch(error => violations.push(`${error.message}: ${machines().map(m => `${m.instance} on ${m.host}`)}; it is said to be on ${host}`))
  const { server } = (await cluster.request('GET', `${SERVERS}/${id}`)).body
  if (server.status !== 'ACTIVE') violations.push(`its instance is ${server.status} ${JSON.stringify(server.fault ?? '')}`)
  await until('the doctor finds nothing', SETTLE_MS, async () => {
    const { code, stdout, stderr } = await cluster.baton(['doctor'])
    if (code === 0) return true
    throw new Error(`${stdout}${stderr}`)
  }).catch(error => violations.push(error.message))
  const counted = (await tape.numbers()).length
  await tape.close()
  return { end: `${operation?.status ?? 'lost'}, ${host === source ? 'here' : 'there'}`, tookMs, counted, violations }
}

export async function migrate({ cluster }: World, id: string): Promise<void> {
  const asked = { 'os-migrateLive': { host: null, block_migration: 'auto' } }
  const answer = await cluster.request('POST', `${SERVERS}/${id}/action`, asked, MIGRATIONS)
  if (answer.status !== 202) throw new Error(`the migration was refused: ${answer.text}`)
}

export async function operationsOf({ cluster }: World, id: string): Promise<OperationBody[]> {
  return (await cluster.request('GET', `/baton/v1/operations?subject=${id}`)).body.operations
}

/** Resolves when its memory is being sent, or an agent is held at the point. */
async function reached(world: World, id: string, { held, ...point }: Point): Promise<void> {
  const { points, cluster } = world
  if (held === null || isAborted(point)) {
    const migration = await until('its memory is being sent', END_MS, async () => {
      const { migrations } = (await cluster.request('GET', `${SERVERS}/${id}/migrations`, undefined, MIGRATIONS)).body
      return migrations[0]?.memory_processed_bytes > 0 && migrations[0]
    })
    if (held === null) return
    await writeFile(join(points, held), '')
    await cluster.request('DELETE', `${SERVERS}/${id}/migrations/${migration.id}`, undefined, MIGRATIONS)
  }
  await until(`${held} is reached`, END_MS, () => exists(join(points, `${held}.reached`)))
}

/** A guest whose QEMU was killed is off; started again it is one guest as any. */
async function beginsAnew(world: World, id: string): Promise<void> {
  const { cluster } = world
  await until('its end is known', END_MS, async () => (await cluster.request('GET', `${SERVERS}/${id}`)).body.server.status === 'SHUTOFF')
  await cluster.request('POST', `${SERVERS}/${id}/action`, { 'os-start': null })
  await until('it is started', END_MS, async () => (await cluster.request('GET', `${SERVERS}/${id}`)).body.server.status === 'ACTIVE')
  const tape = await tapeOf(world, id)
  await tape.goesOn()
  await tape.close()
}
