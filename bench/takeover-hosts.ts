/**
 * A conductor of three dies while ten thousand hosts speak to them: how long until every host is looked after again, until the operations of its
 * shards go on, how long a host goes without an answer, and whether one is wrongly thought silent. As in `hosts.ts` conductors are real, their
 * database and links are in memory, and all is one process: so it is the work of a take-over that is measured, not that of a kernel with thirty
 * thousand connections. The goal is that of any take-over (`takeover.ts`), and for hosts the silence after which one is suspect.
 *
 *     npx node bench/takeover-hosts.ts [HOSTS]
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { cpuUsage } from 'node:process'
import { FAKE_IMAGE } from '../actors/hypervisor/drivers/images.ts'
import { address, SHARD_COUNT, shardOf } from '../actors/kernel/address.ts'
import type { Conductor } from '../supervisors/conductor.ts'
import { type CrowdHost, createCrowdHost, type Look, spread } from './crowd.ts'
import { newDatabase, newNetwork, settle, startNode } from './hosts.ts'
import { type BenchResult, percentile, result } from './result.ts'

const HOSTS = 10_000
const NODES = ['conductor-1', 'conductor-2', 'conductor-3']
const VICTIM = 'conductor-3'
/** Operations under way, each at the step that has told its host to spawn. */
const OPERATIONS = 300
const INTERVAL_MS = 1000
const COMING_MS = 90_000
/** Peace before the end of the victim, and the look after it, ms. */
const PEACE_MS = 5000
const LOOK_MS = 12_000
const GOALS = { firstMs: 3000, gapMs: 3000 } as const

async function until(what: string, boundMs: number, look: () => boolean): Promise<number> {
  const begun = performance.now()
  while (!look()) {
    if (performance.now() - begun > boundMs) throw new Error(`${what}: not within ${boundMs} ms`)
    await settle(10)
  }
  return performance.now() - begun
}

const isWell = (host: CrowdHost): boolean => performance.now() - (host.answeredAt() ?? Number.NEGATIVE_INFINITY) < 2 * INTERVAL_MS

/** Hosts whose actors say that they are not up, as the schedulers of those who live know them. */
async function suspected(conductor: Conductor, hosts: number): Promise<number> {
  let notUp = 0
  const ids = Array.from({ length: hosts }, (_, i) => `compute-${i}`)
  for (let from = 0; from < hosts; from += 500) {
    const some = ids.slice(from, from + 500).map(id => conductor.messenger.call(address('host', id), 'get', {}, { timeoutMs: 15_000 }))
    for (const body of await Promise.all(some)) if ((body as { state: string }).state !== 'up') notUp++
  }
  return notUp
}

export async function bench(count = HOSTS): Promise<BenchResult[]> {
  const network = newNetwork()
  const database = newDatabase()
  const conductors = new Map<string, Conductor>()
  for (const node of NODES) conductors.set(node, await startNode(network, database, node, [FAKE_IMAGE]))
  const living = () => [...conductors.values()]
  const shares = () => living().map(c => c.actors.owned().length)
  await until('shards of each conductor', COMING_MS, () => shares().every(n => n > 0) && shares().reduce((a, b) => a + b, 0) === SHARD_COUNT)

  /** By instance: when its host was told to spawn it by another than the victim, after the victim's end. */
  const resumed = new Map<string, number>()
  const told = new Set<string>()
  let killedAt = Number.POSITIVE_INFINITY
  const seeds = NODES.map(node => `memory://${node}`)
  const hosts = Array.from({ length: count }, (_, i) =>
    createCrowdHost(network, i, seeds, (method, args, from) => {
      const instance = typeof args === 'object' && args !== null && 'instance' in args ? String(args.instance) : ''
      if (method !== 'spawn') return
      told.add(instance)
      const at = performance.now()
      if (at >= killedAt && from !== VICTIM && !resumed.has(instance)) resumed.set(instance, at)
    }),
  )
  const stops = [spread(hosts, INTERVAL_MS, host => host.beat()), spread(hosts, INTERVAL_MS, host => host.greet())]
  try {
    const comingMs = await until('every host heard', COMING_MS, () => hosts.every(isWell))
    const [asker] = living()
    if (!asker) throw new Error('no conductor runs')
    const ids = Array.from({ length: OPERATIONS }, (_, i) => `10000000-0000-4000-8000-${String(i).padStart(12, '0')}`)
    const flavor = { id: 'tiny', name: 'tiny', vcpus: 1, ramMb: 64, diskGb: 1 }
    const common = { ...{ name: 'i', project: 'p', image: FAKE_IMAGE.id, reservation: 'r', requestId: 'req-1' }, flavor, metadata: {} }
    await Promise.all(ids.map(id => asker.messenger.call(address('instance', id), 'create', common, { timeoutMs: 30_000 })))
    await until('every host told to spawn', COMING_MS, () => told.size === OPERATIONS)

    await settle(PEACE_MS)
    const quiet = hosts.map(host => host.mark())
    const usage = cpuUsage()
    const from = performance.now()
    await settle(PEACE_MS)
    const { user, system } = cpuUsage(usage)
    const cpu = (user + system) / 1000 / (performance.now() - from)
    const before = quiet.map(look => look.gapMs)

    const owned = new Set(conductors.get(VICTIM)?.actors.owned() ?? [])
    const looks: [CrowdHost, Look, boolean][] = hosts.map(host => [host, host.mark(), host.owner() === VICTIM])
    const lag = monitorEventLoopDelay({ resolution: 10 })
    lag.enable()
    const usageThen = cpuUsage()
    killedAt = performance.now()
    network.crash(VICTIM)
    await conductors.get(VICTIM)?.stop()
    conductors.delete(VICTIM)
    const orphans = looks.filter(([, , isOrphan]) => isOrphan).map(([, look]) => look)
    const restoredMs = await until('every host with an owner again', COMING_MS, () => orphans.every(look => look.movedAt !== null))
    const spent = cpuUsage(usageThen)
    const takeOverCpuMs = (spent.user + spent.system) / 1000
    await settle(Math.max(0, LOOK_MS - (performance.now() - killedAt)))
    lag.disable()
    const movedMs = orphans.map(look => (look.movedAt ?? 0) - killedAt)
    const gaps = looks.map(([, look]) => look.gapMs)
    const firsts = ids
      .filter(id => owned.has(shardOf(id)))
      .flatMap(id => resumed.get(id) ?? [])
      .map(at => at - killedAt)
    const open = ids.filter(id => owned.has(shardOf(id))).length
    const takeOvers = living().flatMap(c => c.member.takeOvers())
    const [other] = living()
    const notUp = other ? await suspected(other, count) : Number.NaN
    const of = `${count} hosts, three conductors, one dies`
    return [
      result(`${of}: all heard, from nothing`, comingMs, 'ms'),
      result('… processor of all in peace, one is 100', cpu * 100, '%'),
      result('… longest gap between answers in peace, p99', percentile(before, 0.99), 'ms', GOALS.gapMs),
      result('… until the first of its hosts has another owner', Math.min(...movedMs), 'ms'),
      result('… p50', percentile(movedMs, 0.5), 'ms'),
      result('… p99', percentile(movedMs, 0.99), 'ms'),
      result(`… every one of its ${orphans.length}`, Math.max(...movedMs), 'ms', GOALS.gapMs),
      result('… processor of all until then, reference as long a peace', takeOverCpuMs, 'ms', cpu * restoredMs),
      result('… longest gap between answers, any host, p50', percentile(gaps, 0.5), 'ms', GOALS.gapMs),
      result('… longest gap between answers, any host, p99', percentile(gaps, 0.99), 'ms', GOALS.gapMs),
      result('… until its first operation goes on', Math.min(...firsts), 'ms', GOALS.firstMs),
      result('… p99 of its operations', percentile(firsts, 0.99), 'ms'),
      result('… its operations that went on, reference all', firsts.length, '', open),
      result('… of it until it was declared dead', Math.max(...takeOvers.map(t => t.silentMs)), 'ms'),
      result('… from then until its actors were loaded', Math.max(...takeOvers.map(t => t.allMs)), 'ms'),
      result('… event loop of all late, p99', Math.max(0, lag.percentile(99) / 1e6 - 10), 'ms'),
      result('… event loop of all late, at most', Math.max(0, lag.max / 1e6 - 10), 'ms'),
      result('… hosts wrongly called suspect or lost', notUp, ''),
    ]
  } finally {
    for (const stop of stops) stop()
    await Promise.all(living().map(conductor => conductor.stop()))
  }
}

if (import.meta.main) {
  const [count = HOSTS] = process.argv.slice(2).map(Number)
  for (const { name, value, unit, reference } of await bench(count)) {
    console.log(`${name.padEnd(64)} ${value} ${unit}${reference === null ? '' : `   reference ${reference}`}`)
  }
  process.exit(0)
}
