/**
 * One decision of the scheduler over 1,000 and 10,000 hosts that hold ten instances each: every filter, every weigher, the ranking. The
 * reference is one naive pass that only reads the numbers of every host; the goal is 5 ms. The costliest demand names a zone,
 * traits, aggregate metadata, a server group and neighbours.
 */
import type { HostBody } from '../actors/api.ts'
import { ANYWHERE, type Demand } from '../actors/scheduler/demand.ts'
import { createScheduler, type Scheduler } from '../actors/scheduler/scheduler.ts'
import { schedulerSettings } from '../actors/scheduler/settings.ts'
import { aggregate, DEFAULTS, offering } from '../test/support/placement.ts'
import { type BenchResult, percentile, result } from './result.ts'

/** How many hosts, and decisions measured over them. */
const SIZES = [
  [1000, 2000],
  [10_000, 300],
] as const
const PER_HOST = 10
const WARM_UP = 0.25
const GOAL_MS = 5

const TRAITS = ['CUSTOM_SSD', 'HW_CPU_X86_AVX2', 'CUSTOM_DRIVER_FAKE']

function host(i: number): HostBody {
  // Some hosts hold more than others, so that weights differ.
  const claims = PER_HOST * (0.5 + (i % 11) / 10)
  const room = { vcpus: 32, ramMb: 65_536, diskGb: 2000, vcpusUsed: claims, ramMbUsed: claims * 2048, diskGbUsed: claims * 20 }
  return { ...offering(`compute-${i}`, TRAITS, { CUSTOM_FPGA: 4 }), ...room, claims }
}

const PLAIN: Demand = { ...ANYWHERE, vcpus: 1, ramMb: 2048, diskGb: 20, driver: 'fake' }
const COSTLY: Demand = {
  ...PLAIN,
  custom: { CUSTOM_FPGA: 1 },
  zone: 'west',
  traits: { required: TRAITS, forbidden: ['CUSTOM_OLD'] },
  aggregateSpecs: { ssd: 'true' },
  group: { id: 'g', policy: 'soft-anti-affinity', max: 1, others: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`compute-${i}`, 1])) },
  apartFrom: [{ instance: 'i', host: 'compute-5' }],
}
const IMPOSSIBLE: Demand = { ...PLAIN, ramMb: 10_000_000 }

function timed(scheduler: Scheduler, demand: Demand, decisions: number): number[] {
  const samples: number[] = []
  for (let i = -WARM_UP * decisions; i < decisions; i++) {
    const began = performance.now()
    try {
      scheduler.pick(demand)
    } catch {
      // What fits nowhere is explained, and that is the decision.
    }
    if (i >= 0) samples.push(performance.now() - began)
  }
  return samples
}

/** Reads what every host has and has left, and nothing more. */
function naivePass(hosts: readonly HostBody[], passes: number): number[] {
  const samples: number[] = []
  let best = 0
  for (let i = -WARM_UP * passes; i < passes; i++) {
    const began = performance.now()
    for (const h of hosts) best = Math.max(best, h.ramMb - h.ramMbUsed + h.vcpus * 4 - h.vcpusUsed + h.diskGb - h.diskGbUsed)
    if (i >= 0) samples.push(performance.now() - began)
  }
  if (best === 0) throw new Error('no host has room')
  return samples
}

function over(count: number, decisions: number): BenchResult[] {
  const hosts = Array.from({ length: count }, (_, i) => host(i))
  const scheduler = createScheduler({ random: Math.random, nowMs: () => performance.now(), settings: schedulerSettings(DEFAULTS) })
  for (const each of hosts) scheduler.learn(each)
  const all = hosts.map(h => h.id)
  scheduler.learnAggregates([aggregate(1, all, { availability_zone: 'west' }), aggregate(2, all, { ssd: 'true' })])
  const naive = percentile(naivePass(hosts, decisions), 0.5)
  const rows = [
    ['plain', PLAIN],
    ['every filter asked', COSTLY],
    ['no valid host, explained', IMPOSSIBLE],
  ] as const
  return rows.flatMap(([name, demand]) => {
    const samples = timed(scheduler, demand, decisions)
    return [
      result(`decision over ${count} hosts, ${name}, p50, reference naive pass`, percentile(samples, 0.5) * 1000, 'µs', naive * 1000),
      result(`decision over ${count} hosts, ${name}, p99, reference the goal`, percentile(samples, 0.99), 'ms', GOAL_MS),
    ]
  })
}

export const bench = async (): Promise<BenchResult[]> => SIZES.flatMap(([hosts, decisions]) => over(hosts, decisions))
