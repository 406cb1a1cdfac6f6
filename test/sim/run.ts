/** Runs one seed: a cluster, clients, faults, then rest; and says what the checkers saw. */
import { createHash } from 'node:crypto'
import type { OperationBody } from '../../actors/api.ts'
import { hash32 } from '../../actors/kernel/address.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { bodies } from './checkers/checker.ts'
import { doctorAtRest } from './checkers/doctor.ts'
import { CHECKERS } from './checkers/index.ts'
import { type Strike, startFaults } from './faults/index.ts'
import { createLoop } from './loop.ts'
import { describePlan, drawPlan, FAULTS_UNTIL_MS, type Plan } from './plan.ts'
import type { Probes } from './probes.ts'
import { SIM_EPOCH_MS } from './process.ts'
import { createRandom } from './random.ts'
import { startClients } from './workload.ts'
import { createWorld } from './world.ts'

export interface SimResult {
  readonly seed: number
  readonly violations: readonly string[]
  /** SHA-256 over every line of the trace: the same for the same seed. */
  readonly digest: string
  readonly simulatedMs: number
  /** Moments of simulated time at which something happened. */
  readonly moments: number
  /** Steps by `kind.step do|undo`, and with `+fault` those under way when that fault struck. */
  readonly steps: Readonly<Record<string, number>>
  readonly instances: number
  readonly overQuota: number
  readonly commits: number
  readonly fenced: number
  readonly mix: string
  /** Faults by kind. */
  readonly strikes: Readonly<Record<string, number>>
  /** Faults that clients were answered with. */
  readonly codes: readonly string[]
  /** Operations by kind and how they ended. */
  readonly ended: Readonly<Record<string, number>>
}

/** Commands that bring a guest to life: to fall asleep in the middle of one is what a lease is about. */
const ENLIVENS: ReadonlySet<string> = new Set(['spawn', 'start', 'reboot', 'unpause', 'resume', 'rescue', 'unrescue', 'rebuild', 'receive'])
const CHECK_EVERY_MS = 1000
/** How often to look at what may be over in a moment. */
const OFTEN_MS = 50
/** Longest time the cluster may take to come to rest after the faults have ended. */
const REST_MS = 240_000

export const runSeed = (seed: number, trace?: (line: string) => void): Promise<SimResult> => runPlan(drawPlan(seed), trace)

export async function runPlan(plan: Plan, trace?: (line: string) => void): Promise<SimResult> {
  const { seed, size, clients, mix, strikes } = plan
  const loop = createLoop()
  loop.install()
  const hash = createHash('sha256')
  const log = (line: string): void => {
    const text = `${loop.nowMs().toFixed(3)} ${line}`
    hash.update(text)
    trace?.(text)
  }
  try {
    const random = createRandom(plan.worldSeed)
    const ambush = (node: string): void => {
      const strike = world.ambushes.get(node)
      world.ambushes.delete(node)
      strike?.()
    }
    const probes: Probes = {
      async obeying(command) {
        history.obeyed.push({ ...command, atMs: loop.nowMs() })
        if (ENLIVENS.has(command.method)) ambush(command.host)
      },
      async webhook({ id, attempt }) {
        // By what it is told alone, so that a receiver costs a seed no chance.
        const isTaken = hash32(`${id} ${attempt}`) % 3 > 0
        history.told.push({ id, isTaken })
        if (!isTaken) throw new BatonError('WebhookFailed', 'the receiver refused it')
      },
      appending(entry, conductor) {
        if (entry.actor.kind === 'operation') ambush(conductor)
      },
    }
    const world = createWorld(loop, random.fork(), { ...size, probes }, log)
    const history = startClients(loop, world, { clients, mix, random: random.fork(), untilMs: FAULTS_UNTIL_MS })
    const faults = startFaults(loop, world, strikes)
    log(`seed ${seed}: ${describePlan(plan)}`)
    const violations = new Set<string>()
    const always = (checkers = CHECKERS): void => {
      for (const checker of checkers) for (const v of checker.always?.(world, history) ?? []) violations.add(`${checker.name}: ${v}`)
    }
    const often = CHECKERS.filter(checker => checker.often)
    const runUntil = async (untilMs: number): Promise<void> => {
      for (let at = loop.nowMs() + OFTEN_MS; at < untilMs; at += OFTEN_MS) {
        await loop.runUntil(at)
        always(often)
      }
      await loop.runUntil(untilMs)
      always()
    }
    const atRest = (): string[] => CHECKERS.flatMap(c => (c.atRest?.(world, history) ?? []).map(v => `${c.name}: ${v}`))

    for (let at = CHECK_EVERY_MS; at <= FAULTS_UNTIL_MS; at += CHECK_EVERY_MS) {
      await runUntil(at)
    }
    faults.heal()
    const restBy = FAULTS_UNTIL_MS + REST_MS
    for (let at = FAULTS_UNTIL_MS; at < restBy; at += CHECK_EVERY_MS * 4) {
      await runUntil(at)
      if (history.busy === 0 && atRest().length === 0) break
    }
    if (history.busy > 0) violations.add(`liveness after the faults: ${history.busy} clients still wait for an answer`)
    for (const v of atRest()) violations.add(v)
    for (const v of await doctorAtRest(loop, world)) violations.add(`the doctor finds nothing at rest: ${v}`)
    for (const c of CHECKERS) for (const v of c.atTheEnd?.(world, history) ?? []) violations.add(`${c.name}: ${v}`)
    for (const v of history.surprises) violations.add(`a client was surprised: ${v}`)
    for (const { incarnation, entry, ok } of world.commits)
      hash.update(`${incarnation} ${entry.actor.kind}/${entry.actor.id} ${ok} ${JSON.stringify(entry.events)}`)
    return {
      seed,
      violations: [...violations],
      digest: hash.digest('hex'),
      simulatedMs: loop.nowMs(),
      moments: loop.steps(),
      steps: stepsOf(bodies<OperationBody>(world, 'operation'), strikes),
      instances: history.created.size,
      overQuota: history.overQuota,
      commits: world.commits.length,
      fenced: world.commits.filter(c => !c.ok).length,
      mix: describePlan(plan),
      strikes: countOf(strikes.map(s => s.kind)),
      codes: [...new Set([...history.codes, ...bodies<OperationBody>(world, 'operation').flatMap(codesOf)])],
      ended: countOf(bodies<OperationBody>(world, 'operation').map(o => `${o.kind} ${o.status}`)),
    }
  } finally {
    loop.uninstall()
  }
}

const countOf = (words: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1
  return counts
}

const codesOf = ({ fault, steps }: OperationBody): string[] => [fault, ...steps.map(s => s.fault)].flatMap(f => (f ? [f.code] : []))

function stepsOf(operations: readonly OperationBody[], strikes: readonly Strike[]): Record<string, number> {
  return countOf(
    operations.flatMap(({ kind, steps }) =>
      steps.flatMap(({ name, direction, startedAt, endedAt }) => {
        const step = `${kind}.${name} ${direction}`
        const struck = strikes.filter(({ atMs }) => startedAt <= SIM_EPOCH_MS + atMs && SIM_EPOCH_MS + atMs <= (endedAt ?? 0))
        return [step, ...new Set(struck.map(strike => `${step}+${strike.kind}`))]
      }),
    ),
  )
}
