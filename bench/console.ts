/**
 * A thousand clients of one gateway's console. The gateway is the one that users start; what it follows is the real feed of a conductor with rows
 * in memory. The reference is `ws` used bare in a process of its own, which sends as many bytes as often to as many clients.
 *
 *     npx node bench/console.ts [SECONDS [PER_SECOND [CLIENTS]]]
 *
 * runs the flood alone, for so long: what a client costs that reads nothing meanwhile, and when it has the newest state after that.
 */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Changes, Paid } from './console-conductor.ts'
import { restarted } from './console-restart.ts'
import { type Client, connectAll, cpuMs, type Gateway, hangUp, heard, memoryMb, startConductor, startGateway } from './console-world.ts'
import type { Sending } from './plain-ws.ts'
import { type BenchResult, percentile, result } from './result.ts'

const CLIENTS = 1000
const SECONDS = 6
/** Everybody watches the same list: rows of it, and a change of it each second. */
const LIST = 20
const FLOOD: Flood = { clients: CLIENTS, perSecond: 10_000, seconds: 5 }
/** Of the thousand, so many read nothing during the flood. */
const DEAF = 20
const GOAL_MS = 150
/** What has been told last is on its way for so long at most, ms. */
const LAST_MS = 2000

const own = (i: number) => ({ topic: 'instances', params: { id: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}` } })
const list = () => ({ topic: 'instances', params: { limit: LIST } })

/** Clients that watch a list, and how often and for how long it changes meanwhile. */
interface Flood {
  readonly clients: number
  readonly perSecond: number
  readonly seconds: number
}

interface Measured {
  /** Share of one processor. */
  readonly cpu: number
  readonly memoryMb: number
  readonly latencies: readonly number[]
  readonly told: number
  /** Characters of one message. */
  readonly chars: number
  readonly paid: Paid
}

const settle = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

const difference = (after: Paid, before: Paid): Paid => ({
  commits: after.commits - before.commits,
  messages: after.messages - before.messages,
  changes: after.changes - before.changes,
  reads: after.reads - before.reads,
})

async function measured(pid: number, clients: readonly Client[], work: () => Promise<unknown>): Promise<Omit<Measured, 'paid'>> {
  for (const client of clients) Object.assign(client, { told: 0, chars: 0, latencies: [] })
  const before = cpuMs(pid)
  const begun = performance.now()
  await work()
  await settle(500)
  const cpu = (cpuMs(pid) - before) / (performance.now() - begun)
  const told = clients.reduce((sum, client) => sum + client.told, 0)
  const chars = clients.reduce((sum, client) => sum + client.chars, 0) / Math.max(1, told)
  return { cpu, memoryMb: memoryMb(pid), latencies: clients.flatMap(client => client.latencies), told, chars: Math.round(chars) }
}

/** A conductor and a gateway of their own for each look, so that none has the memory of another. */
async function world<T>(look: (gateway: Gateway, conductor: Awaited<ReturnType<typeof startConductor>>) => Promise<T>): Promise<T> {
  const conductor = await startConductor()
  try {
    const gateway = await startGateway(conductor.endpoint)
    try {
      return await look(gateway, conductor)
    } finally {
      await gateway.kill()
    }
  } finally {
    conductor.stop()
  }
}

const watched = (count: number, subscribe: (i: number) => object, changes: Changes): Promise<Measured> =>
  world(async (gateway, conductor) => {
    const clients = await connectAll(gateway.url, count, subscribe)
    const before = await conductor.paid()
    const figures = await measured(gateway.pid, clients, () => conductor.change(changes))
    hangUp(clients)
    return { ...figures, paid: difference(await conductor.paid(), before) }
  })

async function bare(sending: Sending): Promise<Omit<Measured, 'paid'>> {
  const child = fork(fileURLToPath(new URL('plain-ws.ts', import.meta.url)))
  try {
    const { port } = await heard<{ port: number }>(child, () => true)
    const clients = await connectAll(`ws://127.0.0.1:${port}`, CLIENTS, null)
    const figures = await measured(child.pid ?? 0, clients, async () => {
      const sent = heard(child, said => said === 'sent', (sending.seconds + 60) * 1000)
      child.send(sending)
      await sent
    })
    hangUp(clients)
    return figures
  } finally {
    child.disconnect()
  }
}

interface Flooded extends Measured {
  /** Memory of the gateway before, and the most it had while the deaf read nothing. */
  readonly beforeMb: number
  readonly peakMb: number
  /** Until all the deaf have the newest state. */
  readonly caughtUpMs: number
}

/** Some read nothing while a list changes so many times a second; then they do. */
const flooded = ({ clients: count, perSecond, seconds }: Flood): Promise<Flooded> =>
  world(async (gateway, conductor) => {
    const clients = await connectAll(gateway.url, count, list)
    const deaf = clients.slice(0, DEAF)
    await settle(1000)
    const beforeMb = memoryMb(gateway.pid)
    const before = await conductor.paid()
    for (const client of deaf) client.socket.pause()
    let last: readonly string[] = []
    let peakMb = beforeMb
    const watch = setInterval(() => {
      peakMb = Math.max(peakMb, memoryMb(gateway.pid))
    }, 500)
    const figures = await measured(gateway.pid, clients.slice(DEAF), async () => {
      last = await conductor.change({ rows: LIST, perSecond, seconds })
    })
    clearInterval(watch)
    const paid = difference(await conductor.paid(), before)
    const newest = (client: Client): boolean => last.every((rev, i) => String(client.revs.get(own(i).params.id)) === rev)
    const begun = performance.now()
    for (const client of deaf) {
      client.isClose = true
      client.socket.resume()
    }
    // The rows that a deaf client was told in its last delta are the newest, or were told again after it.
    while (!deaf.every(newest)) {
      if (performance.now() - begun > LAST_MS * 5) throw new Error('a client that reads again is not told the newest state')
      await settle(10)
    }
    const caughtUpMs = performance.now() - begun
    hangUp(clients)
    return { ...figures, paid, beforeMb, peakMb, caughtUpMs }
  })

function floodFigures(flood: Flooded, { clients, perSecond, seconds }: Flood): BenchResult[] {
  return [
    result(`${perSecond} changes/s to ${clients} clients: processor of the gateway`, flood.cpu * 100, '%'),
    result('… messages to a client per second', flood.told / (clients - DEAF) / seconds, '/s'),
    result('… commit to client, p50', percentile(flood.latencies, 0.5), 'ms'),
    result('… commit to client, p99, reference the goal', percentile(flood.latencies, 0.99), 'ms', GOAL_MS),
    result(`… most memory while ${DEAF} read nothing for ${seconds} s, reference before`, flood.peakMb, 'MB', flood.beforeMb),
    result('… until those have the newest state', flood.caughtUpMs, 'ms'),
  ]
}

const seconds = SECONDS

export async function bench(): Promise<BenchResult[]> {
  const perClient = { rows: CLIENTS, perSecond: CLIENTS, seconds }
  const alone = await watched(1, own, perClient)
  const each = await watched(CLIENTS, own, perClient)
  const eachBare = await bare({ chars: each.chars, perSecond: 1, atOnce: false, seconds })
  const all = await watched(CLIENTS, list, { rows: LIST, perSecond: 1, seconds })
  const allBare = await bare({ chars: all.chars, perSecond: 1, atOnce: true, seconds })
  const flood = await flooded(FLOOD)
  const figures = (name: string, ours: Measured, reference: Omit<Measured, 'paid'>): BenchResult[] => [
    result(`${name}: processor of the gateway, reference bare ws`, ours.cpu * 100, '%', reference.cpu * 100),
    result(`${name}: memory of the gateway, reference bare ws`, ours.memoryMb, 'MB', reference.memoryMb),
    result(`${name}: commit to client, p50, reference bare ws`, percentile(ours.latencies, 0.5), 'ms', percentile(reference.latencies, 0.5)),
    result(`${name}: commit to client, p99, reference the goal`, percentile(ours.latencies, 0.99), 'ms', GOAL_MS),
    result(`${name}: commit to client, p99, of bare ws`, percentile(reference.latencies, 0.99), 'ms'),
  ]
  return [
    ...figures(`${CLIENTS} clients, 1/s each of its own`, each, eachBare),
    result('the same 1,000 changes/s, processor for 1,000 clients, reference 1', each.cpu * 100, '%', alone.cpu * 100),
    result('changes that the conductor sends for 1,000 clients, reference 1', each.paid.changes, '', alone.paid.changes),
    result(
      'messages of the conductor per change, 1,000 clients, reference 1',
      each.paid.messages / each.paid.commits,
      '',
      alone.paid.messages / alone.paid.commits,
    ),
    ...figures(`${CLIENTS} clients, one list, a change a second`, all, allBare),
    ...floodFigures(flood, FLOOD),
    ...(await restarted(CLIENTS)),
  ]
}

if (import.meta.main) {
  const [seconds = 60, perSecond = FLOOD.perSecond, clients = CLIENTS] = process.argv.slice(2).map(Number)
  const flood = { clients, perSecond, seconds }
  for (const { name, value, unit, reference } of floodFigures(await flooded(flood), flood)) {
    console.log(`${name.padEnd(70)} ${value} ${unit}${reference === null ? '' : `   reference ${reference}`}`)
  }
}
