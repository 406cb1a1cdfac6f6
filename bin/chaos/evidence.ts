/** Gathers what the judge needs, when all is quiet. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readHistory } from '../../actors/hypervisor/drivers/folder-store.ts'
import { isHost } from '../client/bodies.ts'
import { httpClient } from '../client/http.ts'
import { listInstances } from '../client/nova.ts'
import { listOperations } from '../client/operations.ts'
import { listAll } from '../client/pages.ts'
import type { Note } from './clients.ts'
import { type Evidence, judge } from './judge.ts'

/** After the last fault the cluster has so long to come to rest, ms. */
const REST_MS = 120_000
const LOOK_MS = 500

/** The evidence when nothing is wrong any more, or what is wrong after a bound. */
export async function gather(endpoint: string, folder: string, notes: readonly Note[]): Promise<Evidence> {
  const until = Date.now() + REST_MS
  for (;;) {
    const evidence = await look(endpoint, folder, notes).catch(error => {
      if (Date.now() > until) throw error
      return null
    })
    if (evidence && (Date.now() > until || judge(evidence).length === 0)) return evidence
    await delay(LOOK_MS)
  }
}

async function look(endpoint: string, folder: string, notes: readonly Note[]): Promise<Evidence> {
  const client = httpClient(endpoint)
  const [instances, openOperations, hosts] = await Promise.all([
    listInstances(client, {}),
    listOperations(client, { open: true }),
    listAll(client, { path: '/baton/v1/hosts', name: 'hosts', item: isHost }),
  ])
  const drivers = hosts.map(({ id }) => [id, join(folder, 'hosts', id, 'fake')] as const)
  const guests = await Promise.all(drivers.map(async ([host, at]) => [host, await guestsIn(join(at, 'guests'))] as const))
  const effects = await Promise.all(drivers.map(async ([host, at]) => [host, await readHistory(at)] as const))
  return { notes, instances, openOperations, hosts, guests: new Map(guests), effects: new Map(effects) }
}

const guestsIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter(file => file.endsWith('.json')).map(file => file.slice(0, -'.json'.length))

/** When conductors went on with what others had left, from their logs: ms since 1970. */
export async function takeOvers(folder: string): Promise<number[]> {
  const logs = join(folder, 'logs')
  const files = (await readdir(logs)).filter(file => file.startsWith('conductor-'))
  const texts = await Promise.all(files.map(file => readFile(join(logs, file), 'utf8')))
  return texts
    .flatMap(text => text.split('\n'))
    .flatMap(line => takeOverIn(line))
    .toSorted((a, b) => a - b)
}

function takeOverIn(line: string): number[] {
  if (!line.includes('took over shards')) return []
  try {
    const { takeOver } = JSON.parse(line)
    return takeOver?.actors > 0 && typeof takeOver.firstAtWallMs === 'number' ? [takeOver.firstAtWallMs] : []
  } catch {
    return [] // half a line of a killed process
  }
}
