/**
 * What a seed stands for, drawn before anything runs: how large the cluster is, what its clients want, what goes wrong and when. A plan
 * is plain data, so that a part of it can be run by itself. Workloads and faults are both mixes drawn anew for each seed.
 */
import { NO_LIMITS } from '../../actors/kernel/quota.ts'
import { drawStrikes, type Strike } from './faults/index.ts'
import { createRandom, type Random } from './random.ts'
import { SIM_SETTINGS } from './settings.ts'
import { drawMix, type WorkloadMix, withAgents } from './workload.ts'
import type { WorldSize } from './world.ts'

export interface Plan {
  readonly seed: number
  /** Seed of whatever the world itself leaves to chance: delays, ids, latencies. */
  readonly worldSeed: number
  readonly size: Pick<WorldSize, 'conductors' | 'computes' | 'drift' | 'speaks' | 'pace' | 'flaky' | 'images' | 'agents'> & {
    readonly settings: typeof SIM_SETTINGS
  }
  /** One seed per client. */
  readonly clients: readonly number[]
  readonly mix: WorkloadMix
  readonly strikes: readonly Strike[]
}

export const FAULTS_FROM_MS = 2500
export const FAULTS_UNTIL_MS = 22_000

/** Share by which a clock runs fast or slow where clocks drift. */
const DRIFT = 0.05
/** An inbox so small that an ordinary burst fills it. */
const SMALL_INBOX = 12

/** Drivers that take so many times as long: what is under way when a fault strikes is then mostly a command half done. */
const SLOW_DRIVERS = 8
/** Drivers that fail so many times as often: much is undone, and placed again elsewhere. */
const FLAKY_DRIVERS = 6
/** Longer than a host takes to be suspect and down: whoever acts on silence alone, and not on the lease, does so while guests still run. */
const LONG_LEASE_MS = 8000
/** A host may be lost while one of its guests is in the middle of an action: the instance must not wait for that for minutes. */
const HASTY = { buildMs: 1_800_000, actionMs: 5000, deleteMs: 600_000 }
/** An agent in a guest that says it is at work and never ends is waited for until the deadline, which is to come within the rest of a run. */
const UNHURRIED = { ...HASTY, actionMs: 60_000 }
const { limits } = SIM_SETTINGS.quotas
const TIGHT = { ...limits, instances: 3, cores: 4, ram: 700 }

/** What nodes of an older and of a newer release speak; both know our version too. */
const SPEECH: readonly (readonly [number, number])[] = [
  [0, 1],
  [1, 3],
]

export function drawPlan(seed: number): Plan {
  const random = createRandom(seed)
  const agents = seed % 4 === 1 ? ('optional' as const) : undefined
  const conductors = random.int(2, 3)
  const computes = random.int(2, 4)
  const inbox = random.chance(0.15) ? SMALL_INBOX : SIM_SETTINGS.actors.inbox
  const settings = {
    ...SIM_SETTINGS,
    actors: { ...SIM_SETTINGS.actors, inbox, snapshotEvery: random.pick([2, 5, 5, 40]) },
    ha: { ...SIM_SETTINGS.ha, leaseMs: random.pick([SIM_SETTINGS.ha.leaseMs, SIM_SETTINGS.ha.leaseMs, LONG_LEASE_MS]) },
    quotas: { ...SIM_SETTINGS.quotas, limits: random.pick([limits, limits, TIGHT, NO_LIMITS]) },
    ...(random.chance(0.25) ? { deadlines: HASTY } : agents ? { deadlines: UNHURRIED } : {}),
  }
  const speaks = drawSpeech(random, conductors, computes)
  // Not drawn, so that other seeds stand for what they always did.
  const plan = {
    seed,
    worldSeed: random.int(0, 0xffffffff),
    size: {
      ...{ conductors, computes, drift: random.chance(0.3) ? DRIFT : 0, speaks, settings, agents },
      ...{ pace: random.chance(0.25) ? SLOW_DRIVERS : 1, flaky: random.chance(0.2) ? FLAKY_DRIVERS : 1 },
    },
    clients: Array.from({ length: random.int(1, 4) }, () => random.int(0, 0xffffffff)),
    mix: withAgents(drawMix(random), agents !== undefined),
    strikes: drawStrikes(random, FAULTS_FROM_MS, FAULTS_UNTIL_MS),
  }
  return { ...plan, size: { ...plan.size, images: random.chance(0.5) } }
}

function drawSpeech(random: Random, conductors: number, computes: number): Record<string, readonly [number, number]> {
  if (!random.chance(0.2)) return {}
  return { [`conductor-${random.int(1, conductors)}`]: random.pick(SPEECH), [`compute-${random.int(1, computes)}`]: random.pick(SPEECH) }
}

export function describePlan({ size, clients, mix, strikes }: Plan): string {
  const counts = new Map<string, number>()
  for (const { kind } of strikes) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  const extras = [
    size.drift ? 'clocks drift' : '',
    size.agents ? 'agents' : '',
    size.settings.actors.inbox === SMALL_INBOX ? 'small inboxes' : '',
    size.images ? 'an image store' : '',
    size.pace === SLOW_DRIVERS ? 'slow drivers' : '',
    size.settings.deadlines === HASTY ? 'hasty' : '',
    size.flaky === FLAKY_DRIVERS ? 'flaky drivers' : '',
    size.settings.ha.leaseMs === LONG_LEASE_MS ? 'long leases' : '',
    size.settings.quotas.limits === TIGHT ? 'tight quotas' : size.settings.quotas.limits === NO_LIMITS ? 'no quotas' : '',
    ...Object.entries(size.speaks ?? {}).map(([node, versions]) => `${node} speaks ${versions.join('-')}`),
  ].filter(text => text !== '')
  const faults = [...counts].map(([kind, count]) => `${kind} ${count}`).join(', ') || 'none'
  const world = [`${size.conductors} conductors, ${size.computes} hosts, ${clients.length} clients, ${mix.actions.length} actions`, ...extras]
  return `${world.join(', ')}; faults: ${faults}`
}
