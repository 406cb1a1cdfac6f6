/**
 * One cell of the kill matrix: a small cluster of its own, one instance, one operation, and one victim that is struck at one
 * named moment. Then everything comes back, the cluster comes to rest, and the end is judged.
 */
import type { InstanceBody, OperationBody } from '../../../actors/api.ts'
import type { InstanceOperation } from '../../../actors/instance/states.ts'
import { hash32, shardOf } from '../../../actors/kernel/address.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { catalogue } from '../../../actors/operation/catalogue/index.ts'
import { bodies } from '../checkers/checker.ts'
import { newHistory } from '../history.ts'
import { createLoop, type Loop } from '../loop.ts'
import type { DriverCommand } from '../probes.ts'
import { createProcess } from '../process.ts'
import { createRandom } from '../random.ts'
import { SIM_SETTINGS } from '../settings.ts'
import { createWorld, type World } from '../world.ts'
import { type Client, createClient } from './client.ts'
import { judgeAlways, judgeEnd, judgeRest } from './judge.ts'
import type { Recipe } from './recipes.ts'
import { createTracker, type Ends, type Place, type Point, type Tracker } from './tracker.ts'

export const VICTIMS = ['conductor', 'all conductors', 'source agent', 'target agent', 'source host', 'target host'] as const
/**
 * Conductors and agents are killed and come back after a moment. A host loses its power, and stays away until the
 * operation has ended without it.
 */
export type Victim = (typeof VICTIMS)[number]

/**
 * What befalls the operation beside the strike: a driver that fails at this step, before or after it has done it; or a
 * cancel or a delete of the instance that comes while this step is done.
 */
export const TURNS = ['fault', 'late fault', 'cancel', 'delete'] as const
export type Way = { readonly turn: 'none' } | { readonly turn: (typeof TURNS)[number]; readonly step: Place }

export interface Strike {
  readonly place: Place
  readonly point: Point
  readonly victim: Victim
}

/** What was met on the way: which points of which places, and which hosts were known there. */
export type Met = ReadonlyMap<Place, { readonly points: ReadonlySet<Point>; readonly ends: Ends }>

export interface CellResult {
  readonly operation: OperationBody | null
  readonly instance: InstanceBody | null
  readonly met: Met
  readonly struck: boolean
  /** What was to befall it did. */
  readonly turned: boolean
  readonly violations: readonly string[]
  readonly simulatedMs: number
}

/** Operations that say something of agents, or to them. */
const WITH_AGENTS: ReadonlySet<string> = new Set(['build', 'delete', 'guest-backup', 'guest-restore'])
const SIZE = { conductors: 2, computes: 3, failure: {} } as const
const DEADLINE_MS = 60_000
/** A delete gives up on a host after three attempts of 20 s each, and there may be two hosts. */
const DELETE_DEADLINE_MS = 240_000
/** What is killed comes back after so long. */
const BACK_MS = 2000
/** A cancel is held against the step for so long at most. */
const HOLD_MS = 15_000
const BEGIN_BY_MS = 60_000
const END_BY_MS = DELETE_DEADLINE_MS + 40_000
const REST_BY_MS = 60_000
/** Late copies of what was sent may still arrive for so long. */
const SETTLE_MS = 4000

export const SETTINGS = {
  ...SIM_SETTINGS,
  membership: { leaseMs: 6000, renewMs: 1000, pingMs: 300, suspectMs: 1200 },
  heartbeat: { intervalMs: 1000, suspectMs: 3000, downMs: 8000, auditMs: 5000 },
  deadlines: { buildMs: DEADLINE_MS, actionMs: DEADLINE_MS, deleteMs: DELETE_DEADLINE_MS },
  // Nothing begins by itself in the time of a cell.
  timers: { reclaimMs: 10_000_000, confirmResizeMs: 0, shelvedOffloadMs: -1 },
}

/** Runs a cell, or without a strike what a cell would be. The seed decides every delay. */
export async function runCell(recipe: Recipe, way: Way, strike: Strike | null, trace?: (line: string) => void): Promise<CellResult> {
  const loop = createLoop()
  loop.install()
  try {
    return await new Cell(loop, recipe, way, strike, trace).run()
  } finally {
    loop.uninstall()
  }
}

const planted = (way: Way): BatonError => new BatonError('DriverFault', `planted: ${way.turn}`)

const isGone = ({ vmState, operation }: InstanceBody): boolean => vmState === 'deleted' && operation === null

class Cell {
  readonly #loop: Loop
  readonly #recipe: Recipe
  readonly #way: Way
  readonly #strike: Strike | null
  readonly #world: World
  readonly #history = newHistory()
  readonly #violations = new Set<string>()
  readonly #met = new Map<Place, { points: Set<Point>; ends: Ends }>()
  readonly #instance: string
  readonly #operation: string
  readonly #client: Client
  #tracker: Tracker | null = null
  #struck = false
  /** A machine that stays without power until the operation has ended. */
  #away: string | null = null
  #turned = false

  constructor(loop: Loop, recipe: Recipe, way: Way, strike: Strike | null, trace?: (line: string) => void) {
    this.#loop = loop
    this.#recipe = recipe
    this.#way = way
    this.#strike = strike
    const random = createRandom(hash32(JSON.stringify([recipe, way, strike])))
    const log = (line: string): void => trace?.(`${loop.nowMs().toFixed(1)} ${line}`)
    const { env } = createProcess('client', loop, random.fork(), log)
    this.#instance = env.uuid()
    this.#operation = `${this.#instance}.${recipe.from === null ? 1 : recipe.path.length + 2}`
    this.#world = createWorld(
      loop,
      random.fork(),
      {
        ...SIZE,
        agents: WITH_AGENTS.has(recipe.kind) ? 'required' : undefined,
        settings: SETTINGS,
        probes: {
          appending: (entry, conductor) => this.#tracker?.probes.appending?.(entry, conductor),
          appended: actor => {
            this.#note(judgeAlways(this.#world))
            this.#tracker?.probes.appended?.(actor)
          },
          obeying: command => this.#obeying(command),
          obeyed: command => {
            this.#note(judgeAlways(this.#world))
            this.#tracker?.probes.obeyed?.(command)
            if (this.#turnsAt(command, 'late fault')) throw planted(this.#way)
          },
        },
      },
      log,
    )
    this.#client = createClient(env, this.#world, this.#instance, this.#history, this.#recipe.localDisk ? { 'fake:disk': 'local' } : {})
  }

  async run(): Promise<CellResult> {
    let failure: unknown = null
    let over = false
    this.#scenario()
      .catch(error => {
        failure = error
      })
      .finally(() => {
        over = true
      })
    await this.#loop.runUntil(BEGIN_BY_MS + 2 * END_BY_MS + REST_BY_MS + SETTLE_MS, () => over)
    if (failure !== null) this.#violations.add(failure instanceof Error ? failure.message : String(failure))
    else if (!over) this.#violations.add('the cell came to no end')
    return {
      operation: bodies<OperationBody>(this.#world, 'operation').find(o => o.id === this.#operation) ?? null,
      instance: bodies<InstanceBody>(this.#world, 'instance').find(i => i.id === this.#instance) ?? null,
      met: this.#met,
      struck: this.#struck,
      turned: this.#turned,
      violations: [...this.#violations],
      simulatedMs: this.#loop.nowMs(),
    }
  }

  async #scenario(): Promise<void> {
    const { kind, path, darkHost, from } = this.#recipe
    await this.#client.until('all hosts are up', BEGIN_BY_MS, () => this.#world.database.tables.views.host.size === SIZE.computes)
    for (const earlier of from === null ? [] : (['build', ...path] as const)) await this.#bringAbout(earlier)
    if (darkHost) await this.#darken()
    const before = from === null ? null : await this.#client.body()
    this.#tracker = createTracker({
      operation: this.#operation,
      catalogue: catalogue(SETTINGS.deadlines),
      tables: () => this.#world.database.tables,
      at: (place, point) => this.#at(place, point),
    })
    const answered = await this.#request(kind)
    if (answered !== this.#operation) throw new Error(`the request was answered with operation ${answered}, not ${this.#operation}`)
    await this.#client.until(`operation ${this.#operation} has ended`, END_BY_MS, () => this.#client.hasEnded(this.#operation))
    const reported = this.#tracker.reported() as InstanceBody
    this.#note(judgeEnd({ kind, before, reported, state: this.#tracker.state(), excused: this.#excused(), untouched: this.#untouched() }))
    if (this.#way.turn === 'delete' && this.#turned) {
      await this.#client.until('the delete that came meanwhile is done', END_BY_MS, () => bodies<InstanceBody>(this.#world, 'instance').every(isGone))
    }
    // Who lost its power comes back, and cleans up.
    for (const name of this.#world.dark) this.#world.start(name)
    await this.#client.pause(SETTLE_MS)
    const unrest = (): string[] => judgeRest(this.#world, this.#history)
    await this.#client.until('', REST_BY_MS, () => unrest().length === 0).catch(() => {})
    this.#note(unrest())
  }

  /** Without a host, or with a driver that never does a step there is no way back from, nothing need come to a good end. */
  #excused(): boolean {
    const faulty = this.#way.turn === 'fault' || this.#way.turn === 'late fault'
    const spec = catalogue().get(this.#recipe.kind)
    return this.#away !== null || (faulty && (spec?.steps.some(s => s.irreversible || s.forwardOnly) ?? false))
  }

  #untouched(): boolean {
    const victim = this.#strike?.victim
    return this.#way.turn === 'none' && (victim === undefined || victim === 'conductor' || victim === 'all conductors')
  }

  #note(violations: readonly string[]): void {
    for (const violation of violations) this.#violations.add(violation)
  }

  /** The named moment: what was to be struck is struck here. */
  #at(place: Place, point: Point): void {
    const ends = this.#tracker?.ends() ?? { source: null, target: null }
    const met = this.#met.get(place)
    if (met) met.points.add(point)
    else this.#met.set(place, { points: new Set([point]), ends })
    const { log } = this.#world
    log(`POINT ${place}:${point}`)
    const strike = this.#strike
    if (!strike || this.#struck || strike.place !== place || strike.point !== point) return
    this.#struck = true
    log(`STRIKE ${strike.victim}`)
    switch (strike.victim) {
      case 'conductor':
        this.#fell(this.#owner())
        break
      case 'all conductors':
        for (const { name } of this.#world.conductors) this.#fell(name)
        break
      case 'source agent':
        this.#fell(ends.source)
        break
      case 'target agent':
        this.#fell(ends.target)
        break
      case 'source host':
      case 'target host':
        this.#away = strike.victim === 'source host' ? ends.source : ends.target
        if (this.#away) this.#world.powerOff(this.#away)
    }
  }

  #fell(name: string | null): void {
    if (name === null) return
    this.#world.kill(name)
    this.#loop.schedule(BACK_MS, () => this.#world.start(name))
  }

  /** The conductor that owns the operation just now. */
  #owner(): string | null {
    const { owners, conductors } = this.#world.database.tables
    return conductors.get(owners[shardOf(this.#operation)] ?? 0)?.nodeId ?? null
  }

  /** Whether this is the command at which the operation is to be turned so. */
  #turnsAt(command: DriverCommand, turn: Way['turn']): boolean {
    const way = this.#way
    if (way.turn === 'none' || way.turn !== turn || this.#tracker?.placeOf(command) !== way.step) return false
    this.#turned = true
    return true
  }

  /** The command fails; or it is held until what overtakes it has been taken. */
  async #obeying(command: DriverCommand): Promise<void> {
    if (this.#turnsAt(command, 'fault')) throw planted(this.#way)
    const before = this.#turned
    if (this.#turnsAt(command, 'cancel') && !before) {
      this.#client.insist(api => api.cancelOperation({ id: this.#operation })).catch(() => {})
      await this.#client.until('', HOLD_MS, () => this.#tracker?.state().phase !== 'doing').catch(() => {})
    }
    if (this.#turnsAt(command, 'delete') && !before) {
      this.#request('delete').catch(error => this.#violations.add(`the delete was refused: ${error.message}`))
      await this.#client.until('', HOLD_MS, () => bodies<InstanceBody>(this.#world, 'instance').some(i => i.taskState === 'deleting')).catch(() => {})
    }
  }

  /** A driver that refuses for good to destroy keeps a delete from being done, so that promises nothing. */
  #request(kind: InstanceOperation): Promise<string> {
    return this.#client.request(kind, { promised: this.#way.turn !== 'fault' && this.#way.turn !== 'late fault' })
  }

  async #bringAbout(kind: InstanceOperation): Promise<void> {
    const id = await this.#request(kind)
    await this.#client.until(`${kind} has ended`, BEGIN_BY_MS, () => this.#client.hasEnded(id))
    const operation = await this.#client.insist(api => api.getOperation({ id }))
    if (operation.status !== 'done') throw new Error(`no recipe: the ${kind} before it is ${operation.status}: ${operation.fault?.message}`)
  }

  async #darken(): Promise<void> {
    const { host } = await this.#client.body()
    if (host === null) throw new Error('no recipe: the instance is on no host')
    this.#world.powerOff(host)
    const down = (): boolean => bodies<{ id: string; state: string }>(this.#world, 'host').some(h => h.id === host && h.state === 'down')
    await this.#client.until(`${host} is down`, BEGIN_BY_MS, down)
    await this.#client.insist(api => api.fenceHost({ id: host }))
  }
}
