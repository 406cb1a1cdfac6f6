/** Runs one seed: a cluster, clients, faults, then rest; and says what the checkers saw. */
import { createHash } from 'node:crypto'
import type { OperationBody } from '../../actors/api.ts'
import { bodies } from './checkers/checker.ts'
import { doctorAtRest } from './checkers/doctor.ts'
import { CHECKERS } from './checkers/index.ts'
import { startFaults } from './faults.ts'
import { createLoop } from './loop.ts'
import { createRandom } from './random.ts'
import { startClients } from './workload.ts'
import { createWorld, type World } from './world.ts'

export interface SimResult {
  readonly seed: number
  readonly violations: readonly string[]
  /** SHA-256 over every line of the trace: the same for the same seed. */
  readonly digest: string
  readonly simulatedMs: number
  readonly steps: number
  readonly instances: number
  readonly overQuota: number
  readonly commits: number
  readonly fenced: number
  readonly mix: string
  /** Operations by kind and how they ended. */
  readonly ended: Readonly<Record<string, number>>
}

const FAULTS_FROM_MS = 2500
const FAULTS_UNTIL_MS = 22_000
const CHECK_EVERY_MS = 1000
/** How often to look at what may be over in a moment. */
const OFTEN_MS = 50
/** Longest time the cluster may take to come to rest after the faults have ended. */
const REST_MS = 240_000

export async function runSeed(seed: number, trace?: (line: string) => void): Promise<SimResult> {
  const loop = createLoop()
  loop.install()
  const hash = createHash('sha256')
  const log = (line: string): void => {
    const text = `${loop.nowMs().toFixed(3)} ${line}`
    hash.update(text)
    trace?.(text)
  }
  try {
    const random = createRandom(seed)
    const world = createWorld(loop, random.fork(), { conductors: random.int(2, 3), computes: random.int(2, 4) }, log)
    const history = startClients(loop, random.fork(), world, random.int(1, 4), FAULTS_UNTIL_MS)
    const faults = startFaults(loop, random.fork(), world, FAULTS_FROM_MS)
    log(`seed ${seed}, faults: ${faults.mix}`)
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
    if (history.busy > 0) violations.add(`liveness: ${history.busy} clients still wait for an answer`)
    for (const v of atRest()) violations.add(v)
    for (const v of await doctorAtRest(loop, world)) violations.add(`the doctor finds nothing at rest: ${v}`)
    for (const v of history.surprises) violations.add(`a client was surprised: ${v}`)
    for (const { incarnation, entry, ok } of world.commits)
      hash.update(`${incarnation} ${entry.actor.kind}/${entry.actor.id} ${ok} ${JSON.stringify(entry.events)}`)
    return {
      seed,
      violations: [...violations],
      digest: hash.digest('hex'),
      simulatedMs: loop.nowMs(),
      steps: loop.steps(),
      instances: history.created.size,
      overQuota: history.overQuota,
      commits: world.commits.length,
      fenced: world.commits.filter(c => !c.ok).length,
      mix: faults.mix,
      ended: endedOf(world),
    }
  } finally {
    loop.uninstall()
  }
}

function endedOf(world: World): Record<string, number> {
  const ended: Record<string, number> = {}
  for (const { kind, status } of bodies<OperationBody>(world, 'operation')) ended[`${kind} ${status}`] = (ended[`${kind} ${status}`] ?? 0) + 1
  return ended
}
