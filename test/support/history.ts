/**
 * What a cluster must be able to show after a storm: what clients were told, what the cluster says, and what was really done
 * on the hosts must be the same story. The last is read from the fake driver's own history, which no conductor can write.
 */
import { randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { readHistory } from '../../actors/hypervisor/drivers/folder-store.ts'
import type { Effect } from '../../actors/hypervisor/drivers/store.ts'
import { FAKE_IMAGE, SERVERS, type TestCluster, until } from './cluster.ts'

export interface Done extends Effect {
  readonly host: string
}

/** Everything that was done to guests on all hosts, in the order of time. */
export async function effectsIn(folder: string): Promise<Done[]> {
  const hosts = await readdir(join(folder, 'hosts'))
  const all = await Promise.all(
    hosts.map(async host => (await readHistory(join(folder, 'hosts', host, 'fake'))).map(effect => ({ ...effect, host }))),
  )
  return all.flat().toSorted((a, b) => a.at - b.at)
}

/** The instances that have a guest, by host. */
export async function guestsIn(folder: string): Promise<Map<string, string[]>> {
  const hosts = await readdir(join(folder, 'hosts'))
  const guests = hosts.map(async (host): Promise<[string, string[]]> => {
    const files = await readdir(join(folder, 'hosts', host, 'fake', 'guests'))
    return [host, files.filter(f => f.endsWith('.json')).map(f => f.slice(0, -'.json'.length))]
  })
  return new Map(await Promise.all(guests))
}

/** Creates one instance under a client token and answers with its id as soon as it is acknowledged, however often that takes asking. */
export async function create(cluster: TestCluster, name: string, token: string = randomUUID()): Promise<string> {
  const server = { name, flavorRef: 'tiny', imageRef: FAKE_IMAGE, networks: 'none' }
  const { status, text, body } = await cluster.request('POST', SERVERS, { server }, { 'x-client-token': token })
  assert.is(status, 202, text)
  return body.server.id
}

const BUILD_MS = 45_000

/** Resolves when the instance is ACTIVE; rejects when it is in ERROR. */
export async function active(cluster: TestCluster, id: string, headers: Record<string, string> = {}): Promise<void> {
  const look = async () => {
    const { status, body, text } = await cluster.request('GET', `${SERVERS}/${id}`, undefined, headers)
    if (status !== 200) return `${status} ${text}`
    return body.server.status === 'BUILD'
      ? undefined
      : body.server.status === 'ACTIVE'
        ? 'ACTIVE'
        : `${body.server.status} ${JSON.stringify(body.server.fault)}`
  }
  assert.is(await until(`instance ${id} ACTIVE`, BUILD_MS, look, 150), 'ACTIVE', `instance ${id}`)
}

/**
 * Builds as long as `goesOn`, so many at a time, each to ACTIVE before the next is asked for. Answers with the ids that were
 * acknowledged, and puts each into `ids` as it comes.
 */
export async function buildWhile(cluster: TestCluster, label: string, atOnce: number, goesOn: () => boolean, ids: string[] = []): Promise<string[]> {
  const builder = async () => {
    while (goesOn()) {
      const id = await create(cluster, `${label}-${ids.length}`)
      ids.push(id)
      await active(cluster, id)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, builder))
  return ids
}

const SETTLE_MS = 30_000

/** Its document and what was done to it, as text. */
async function whatBecameOf(cluster: TestCluster, id: string): Promise<string> {
  const [server, actions] = await Promise.all(['', '/os-instance-actions'].map(more => cluster.request('GET', `${SERVERS}/${id}${more}`)))
  return `${server?.text}\n${actions?.text}`
}

/**
 * The whole list: these instances are ACTIVE, each has one guest on the host the cluster names, each was spawned once, nothing was
 * done twice, no operation is open, and every host holds one claim per instance on it.
 */
export async function assertOneStory(cluster: TestCluster, ids: readonly string[]): Promise<void> {
  assert.is(new Set(ids).size, ids.length, 'no id was given out twice')
  const open = await until('no operation open', SETTLE_MS, async () => {
    const operations = await cluster.openOperations()
    if (operations.length > 0) throw new Error(`${operations.length} open: ${JSON.stringify(operations[0])}`)
    return operations
  })
  assert.equal(open, [])

  const shown = await allServers(cluster)
  for (const id of ids) if (shown.get(id)?.status !== 'ACTIVE') assert.unreachable(`instance ${id}: ${await whatBecameOf(cluster, id)}`)
  const expected = countBy([...shown.values()].map(s => s.host))
  await until('one claim per instance on every host', SETTLE_MS, async () => {
    const claims = new Map((await cluster.hosts()).map(h => [h.id, h.claims]))
    for (const [host, count] of claims)
      if (count !== (expected.get(host) ?? 0)) throw new Error(`${host}: ${count} claims, ${expected.get(host) ?? 0} instances`)
    return true
  })

  const guests = await guestsIn(cluster.folder)
  const placed = new Map([...guests].flatMap(([host, instances]) => instances.map((id): [string, string] => [id, host])))
  assert.is(placed.size, [...guests.values()].flat().length, 'no instance has guests on two hosts')
  for (const id of ids) assert.is(placed.get(id), shown.get(id)?.host, `the host of ${id}`)
  for (const id of placed.keys()) assert.ok(shown.has(id), `guest ${id} belongs to an instance`)

  const effects = await effectsIn(cluster.folder)
  const orders = effects.map(({ host, instance, method, order }) => `${host} ${instance} ${method} ${order}`)
  assert.equal(
    orders.filter((o, i) => orders.indexOf(o) !== i),
    [],
    'done twice',
  )
  const wanted = new Set(ids)
  const spawns = countBy(effects.filter(e => e.method === 'spawn' && wanted.has(e.instance)).map(e => e.instance))
  for (const id of ids) assert.is(spawns.get(id), 1, `spawns of ${id}`)
}

async function allServers(cluster: TestCluster): Promise<Map<string, { status: string; host: string }>> {
  const found = new Map<string, { status: string; host: string }>()
  for (let path: string | null = `${SERVERS}/detail?limit=500`; path !== null; ) {
    const { body }: { body: { servers: Record<string, string>[]; servers_links?: { rel: string; href: string }[] } } = await cluster.request(
      'GET',
      path,
    )
    for (const s of body.servers) found.set(s.id ?? '', { status: s.status ?? '', host: s['OS-EXT-SRV-ATTR:host'] ?? '' })
    const next: string | undefined = body.servers_links?.find(l => l.rel === 'next')?.href
    path = next === undefined ? null : new URL(next).pathname + new URL(next).search
  }
  return found
}

function countBy(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  return counts
}
