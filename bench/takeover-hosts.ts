/**
 * A conductor of three dies while ten thousand hosts speak to them: how long until every host is looked after again, until the operations of its
 * shards go on, how long a host goes without an answer, and whether one is wrongly thought silent.
 *
 * Conductors are real; links and the database are in memory, and time is simulated, so the times are those of the protocol, on any machine: what
 * messages, commits (`COMMIT_MS` each), terms and pauses take. What the processor takes does not slow them down; it is measured beside them, of
 * conductors and hosts together. Where it comes near the simulated time that it was spent in, a conductor could not keep up.
 *
 *     npx node bench/takeover-hosts.ts [HOSTS]
 */
import { cpuUsage } from 'node:process'
import { FAKE_IMAGE } from '../actors/hypervisor/drivers/images.ts'
import { address, SHARD_COUNT, shardOf } from '../actors/kernel/address.ts'
import { createMemoryDatabase } from '../persistence/memory.ts'
import type { Conductor } from '../supervisors/conductor.ts'
import { type Bench, simulated } from '../test/support/simulated.ts'
import { createMemoryNetwork } from '../transport/memory-link.ts'
import { type CrowdHost, createCrowdHost, spread } from './crowd.ts'
import { startNode } from './hosts.ts'
import { type BenchResult, percentile, result } from './result.ts'

const HOSTS = 10_000
const NODES = ['conductor-1', 'conductor-2', 'conductor-3']
const VICTIM = 'conductor-3'
/** Operations under way, each at the step that has told its host to spawn. */
const OPERATIONS = 300
const INTERVAL_MS = 1000
/** One statement of the database there and back, ms: as on a server of its own in the same room. */
const COMMIT_MS = 2
const COMING_MS = 60_000
/** Peace before the end of the victim, and the look after it, ms. */
const PEACE_MS = 2000
const LOOK_MS = 5000
/** Hosts asked at once what they are, in the end. */
const AT_ONCE = 500
const STEP_MS = 10
const GOALS = { firstMs: 3000, gapMs: 3000 } as const

/** Ms of processor time. */
function spentSince(before: NodeJS.CpuUsage): number {
  const { user, system } = cpuUsage(before)
  return (user + system) / 1000
}

/** Hosts whose actors say that they are not up. */
async function suspected(world: Bench, conductor: Conductor, hosts: number): Promise<number> {
  let notUp = 0
  for (let from = 0; from < hosts; from += AT_ONCE) {
    const calls = Array.from({ length: Math.min(AT_ONCE, hosts - from) }, (_, i) =>
      conductor.messenger.call(address('host', `compute-${from + i}`), 'get', {}, { timeoutMs: 15_000 }),
    )
    for (const body of await world.value(Promise.all(calls))) if ((body as { state: string }).state !== 'up') notUp++
  }
  return notUp
}

async function measured(world: Bench, count: number): Promise<BenchResult[]> {
  const { loop } = world
  const network = createMemoryNetwork({ schedule: (delayMs, fn) => void loop.schedule(delayMs, fn) })
  const database = createMemoryDatabase({ now: world.now, delay: fn => void loop.schedule(COMMIT_MS / 2, fn) })
  const until = async (what: string, look: () => boolean): Promise<number> => {
    const begun = loop.nowMs()
    while (!look()) {
      if (loop.nowMs() - begun > COMING_MS) throw new Error(`${what}: not within ${COMING_MS} ms`)
      await world.run(STEP_MS)
    }
    return loop.nowMs() - begun
  }
  const isWell = (host: CrowdHost): boolean => loop.nowMs() - (host.answeredAt() ?? Number.NEGATIVE_INFINITY) < 2 * INTERVAL_MS

  const conductors = new Map<string, Conductor>()
  for (const node of NODES) {
    conductors.set(node, await world.value(startNode(network, database, node, { env: world.another(node).env, images: [FAKE_IMAGE] })))
  }
  const living = () => [...conductors.values()]
  const shares = () => living().map(c => c.actors.owned().length)
  await until('shards of each conductor', () => shares().every(n => n > 0) && shares().reduce((a, b) => a + b, 0) === SHARD_COUNT)

  /** By instance: when its host was told to spawn it by another than the victim, after the victim's end. */
  const resumed = new Map<string, number>()
  const told = new Set<string>()
  let killedAt = Number.POSITIVE_INFINITY
  const seeds = NODES.map(node => `memory://${node}`)
  const hosts = Array.from({ length: count }, (_, i) =>
    createCrowdHost(network, loop, i, seeds, (method, args, from) => {
      const instance = typeof args === 'object' && args !== null && 'instance' in args ? String(args.instance) : ''
      if (method !== 'spawn') return
      told.add(instance)
      if (loop.nowMs() >= killedAt && from !== VICTIM && !resumed.has(instance)) resumed.set(instance, loop.nowMs())
    }),
  )
  const stops = [spread(loop, hosts, INTERVAL_MS, host => host.beat()), spread(loop, hosts, INTERVAL_MS, host => host.greet())]
  const comingMs = await until('every host heard', () => hosts.every(isWell))
  const [asker] = living()
  if (!asker) throw new Error('no conductor runs')
  const ids = Array.from({ length: OPERATIONS }, (_, i) => `10000000-0000-4000-8000-${String(i).padStart(12, '0')}`)
  const flavor = { id: 'tiny', name: 'tiny', vcpus: 1, ramMb: 64, diskGb: 1 }
  const common = { ...{ name: 'i', project: 'p', image: FAKE_IMAGE.id, reservation: 'r', requestId: 'req-1' }, flavor, metadata: {} }
  await world.value(Promise.all(ids.map(id => asker.messenger.call(address('instance', id), 'create', common, { timeoutMs: 30_000 }))))
  await until('every host told to spawn', () => told.size === OPERATIONS)

  await world.run(PEACE_MS)
  const inPeace = hosts.map(host => host.mark())
  const peace = cpuUsage()
  await world.run(PEACE_MS)
  const peaceShare = spentSince(peace) / PEACE_MS
  const before = inPeace.map(look => look.gapMs)

  const lost = new Set(conductors.get(VICTIM)?.actors.owned() ?? [])
  const looks = hosts.map(host => ({ isOrphan: host.owner() === VICTIM, look: host.mark() }))
  const orphans = looks.flatMap(({ isOrphan, look }) => (isOrphan ? [look] : []))
  const usage = cpuUsage()
  killedAt = loop.nowMs()
  network.crash(VICTIM)
  await world.value(conductors.get(VICTIM)?.stop() ?? Promise.resolve())
  conductors.delete(VICTIM)
  const restoredMs = await until('every host with an owner again', () => orphans.every(look => look.movedAt !== null))
  const takeOverMs = spentSince(usage)
  await world.run(LOOK_MS)
  const notUp = await suspected(world, asker, count)
  for (const stop of stops) stop()

  const movedMs = orphans.map(look => (look.movedAt ?? 0) - killedAt)
  const gaps = looks.map(({ look }) => look.gapMs)
  const operations = ids.filter(id => lost.has(shardOf(id)))
  const wentOnMs = operations.flatMap(id => resumed.get(id) ?? []).map(at => at - killedAt)
  const takeOvers = living().flatMap(c => c.member.takeOvers())
  await world.value(Promise.all(living().map(conductor => conductor.stop())))
  const of = `${count} hosts, three conductors, one dies`
  return [
    result(`${of}: all heard, from nothing`, comingMs, 'ms'),
    result('… longest gap between answers in peace, p99', percentile(before, 0.99), 'ms', GOALS.gapMs),
    result('… declared dead after', Math.max(...takeOvers.map(t => t.silentMs)), 'ms'),
    result('… from then until all its actors with work were loaded', Math.max(...takeOvers.map(t => t.allMs)), 'ms'),
    result('… until its first operation goes on', Math.min(...wentOnMs), 'ms', GOALS.firstMs),
    result('… the last of them', Math.max(...wentOnMs), 'ms', GOALS.firstMs),
    result('… its operations that went on, reference all', wentOnMs.length, '', operations.length),
    result('… until the first of its hosts is looked after by another', Math.min(...movedMs), 'ms'),
    result('… p50', percentile(movedMs, 0.5), 'ms'),
    result('… p99', percentile(movedMs, 0.99), 'ms'),
    result(`… all ${orphans.length} of them`, restoredMs, 'ms', GOALS.gapMs),
    result('… longest gap between answers, any host, p50', percentile(gaps, 0.5), 'ms', GOALS.gapMs),
    result('… longest gap between answers, any host, p99', percentile(gaps, 0.99), 'ms', GOALS.gapMs),
    result('… longest of all', Math.max(...gaps), 'ms', GOALS.gapMs),
    result('… hosts wrongly called suspect or lost', notUp, ''),
    result('… processor of all nodes until then, reference as long a peace', takeOverMs, 'ms', peaceShare * restoredMs),
    result('… processor of all nodes in peace, one processor is 100', peaceShare * 100, '%'),
  ]
}

export async function bench(count = HOSTS): Promise<BenchResult[]> {
  let figures: BenchResult[] = []
  await simulated(async world => {
    figures = await measured(world, count)
  })
  return figures
}

if (import.meta.main) {
  const [count = HOSTS] = process.argv.slice(2).map(Number)
  for (const { name, value, unit, reference } of await bench(count)) {
    console.log(`${name.padEnd(64)} ${value} ${unit}${reference === null ? '' : `   reference ${reference}`}`)
  }
}
