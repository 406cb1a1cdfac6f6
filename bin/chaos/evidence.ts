/** Gathers what the judge needs, when all is quiet. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readHistory } from '../../actors/hypervisor/drivers/folder-store.ts'
import { FakeGuestSchema, parseWith } from '../../actors/hypervisor/drivers/records.ts'
import { isHost } from '../client/bodies.ts'
import { isRecord } from '../client/guards.ts'
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
  const lapses = await Promise.all(hosts.map(async ({ id }) => lapsesIn(id, await logOf(join(folder, 'hosts', id, 'watchdog', 'watchdog.log')))))
  return { notes, instances, openOperations, hosts, guests: new Map(guests), effects: new Map(effects), lapses: lapses.flat() }
}

const parseGuest = parseWith(FakeGuestSchema)

/** A record may be replaced or removed while it is read: then the look is not finished, and there is another. */
async function guestsIn(folder: string) {
  const files = (await readdir(folder)).filter(file => file.endsWith('.json'))
  return Promise.all(
    files.map(async file => {
      const guest = parseGuest(JSON.parse(await readFile(join(folder, file), 'utf8')))
      return { id: file.slice(0, -'.json'.length), power: guest?.power ?? 'unreadable' }
    }),
  )
}

/** Of a host that never had anything to protect there is none. */
const logOf = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '')

/** What a watchdog says it has stopped, and when. */
function lapsesIn(host: string, log: string): Evidence['lapses'] {
  return log.split('\n').flatMap(line => {
    if (!line.includes('"stopped"')) return []
    const { time, stopped } = parseLine(line) ?? {}
    if (typeof time !== 'string' || !Array.isArray(stopped)) return []
    return stopped.map(instance => ({ host, instance: String(instance), at: Date.parse(time) }))
  })
}

/** When conductors went on with what others had left, from their logs: ms since 1970. */
export async function resumedAt(folder: string): Promise<number[]> {
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
  const takeOver = parseLine(line)?.takeOver
  const given = typeof takeOver === 'object' && takeOver !== null ? { actors: 0, firstAtWallMs: null, ...takeOver } : null
  return given && given.actors > 0 && typeof given.firstAtWallMs === 'number' ? [given.firstAtWallMs] : []
}

/** Null for half a line of a killed process. */
function parseLine(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line)
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}
