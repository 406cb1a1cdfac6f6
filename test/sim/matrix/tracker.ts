/**
 * Follows one operation through the database and the drivers, and names the moments at which something of it may be killed:
 *
 *     before   the step is written down, its command not sent yet
 *     effect   the command has taken effect, at a host's driver or in another actor; its answer is not on its way yet
 *     answer   the answer is here, and about to be committed
 *
 * Where it stands is folded from its events by the product's own `evolve`. Beside the steps there are two places of
 * their own: `accept`, where the request becomes a task, and `report`, where the subject learns of the end.
 */
import { commandOrder } from '../../../actors/instance/instance.ts'
import { address, addressKey, rootOf } from '../../../actors/kernel/address.ts'
import type { Append } from '../../../actors/kernel/ports.ts'
import { targetOf } from '../../../actors/operation/catalogue/ends.ts'
import { evolve, INITIAL, type OperationEvent, type OperationState } from '../../../actors/operation/progress.ts'
import type { OperationSpec, Request, StepContext } from '../../../actors/operation/step.ts'
import type { MemoryTables } from '../../../persistence/memory.ts'
import type { DriverCommand, Probes } from '../probes.ts'

export const POINTS = ['before', 'effect', 'answer'] as const
export type Point = (typeof POINTS)[number]

/** `claim`, `undo-claim`, `accept`, `report`. */
export type Place = string

export const ACCEPT: Place = 'accept'
export const REPORT: Place = 'report'
export const placeOf = (step: string, direction: 'do' | 'undo'): Place => (direction === 'do' ? step : `undo-${step}`)

/** The hosts an operation is about, as far as they are known at this moment. */
export interface Ends {
  readonly source: string | null
  readonly target: string | null
}

export interface Tracker {
  readonly probes: Probes
  state(): OperationState
  /** The place at which the command with this rank was or is sent; null when it is no command of this operation. */
  placeOf(command: Pick<DriverCommand, 'instance' | 'order'>): Place | null
  ends(): Ends
  /** What the instance was, and what it became, by the row that was committed with the report. */
  reported(): unknown
}

export interface TrackerOptions {
  readonly operation: string
  readonly catalogue: ReadonlyMap<string, OperationSpec>
  tables(): MemoryTables
  /** Each point of each place is passed once: at its first time. */
  at(place: Place, point: Point): void
}

export function createTracker({ operation, catalogue, tables, at }: TrackerOptions): Tracker {
  const subject = rootOf(operation)
  const number = Number(operation.slice(operation.lastIndexOf('.') + 1))
  const own = addressKey(address('operation', operation))
  const owner = addressKey(address('instance', subject))
  const passed = new Set<string>()
  const places = new Map<number, Place>()
  const folded = { [own]: 0, [owner]: 0 }
  let state = INITIAL
  let report: unknown = null

  function pass(place: Place, point: Point): void {
    const key = `${place}:${point}`
    if (passed.has(key)) return
    passed.add(key)
    at(place, point)
  }

  const here = (): Place | null => {
    if (state.phase === 'reporting') return REPORT
    return state.phase === 'doing' || state.phase === 'undoing' ? placeOf(state.cursor, state.phase === 'doing' ? 'do' : 'undo') : null
  }

  /** The request that is under way, asked of the catalogue as the operation itself does. */
  function request(): Request | null {
    const step = catalogue.get(state.kind)?.steps.find(s => s.name === state.cursor)
    const c: StepContext = { operation, subject, args: state.args, found: state.found, order: commandOrder(number, state.serial) }
    if (state.phase === 'doing') return step?.do(c) ?? null
    return state.phase === 'undoing' ? (step?.undo?.(c) ?? null) : null
  }

  function fresh(key: string): readonly Record<string, unknown>[] {
    const events = tables().actors.get(key)?.events ?? []
    const news = events.slice(folded[key]).map(e => JSON.parse(e.data) as Record<string, unknown>)
    folded[key] = events.length
    return news
  }

  function follow(): void {
    const events = tables().actors.get(own)?.events ?? []
    for (const event of events.slice(folded[own])) state = evolve(state, JSON.parse(event.data) as OperationEvent, event.at)
    folded[own] = events.length
    const place = here()
    if (!place) return
    places.set(state.serial, place)
    pass(place, 'before')
  }

  function followSubject(): void {
    for (const event of fresh(owner)) {
      if (namesTask(event, operation)) pass(ACCEPT, 'answer')
      if (event.type === 'taskEnded' && event.operation === operation) {
        report = JSON.parse(tables().views.instance.get(subject)?.body ?? 'null')
        pass(REPORT, 'effect')
      }
    }
  }

  return {
    probes: {
      appending({ actor, events }: Append) {
        const key = addressKey(actor)
        if (events.length === 0) return
        if (key === owner && events.some(e => namesTask(e.data as Record<string, unknown>, operation))) pass(ACCEPT, 'before')
        const place = key === own ? here() : null
        if (place) pass(place, 'answer')
      },
      appended(key) {
        if (key === own) follow()
        if (key === owner) followSubject()
        if (key === own || key === owner) return
        const asked = request()
        const place = here()
        if (place && asked && addressKey(asked.to) === key) pass(place, 'effect')
      },
      obeyed(command) {
        const place = placeFor(command)
        if (place) pass(place, 'effect')
      },
    },
    state: () => state,
    placeOf: placeFor,
    ends() {
      const source = state.args.host
      const target = targetOf(state) || state.args.origin?.host || null
      return { source, target: target === source ? null : target }
    },
    reported: () => report,
  }

  function placeFor({ instance, order }: Pick<DriverCommand, 'instance' | 'order'>): Place | null {
    // Without a rank it is of the step that is done just now.
    if (order < 0) return instance === subject ? here() : null
    const serial = order - commandOrder(number, 0)
    return instance === subject && serial >= 0 && serial < commandOrder(1, 0) ? (places.get(serial) ?? null) : null
  }
}

const namesTask = (event: Record<string, unknown>, operation: string): boolean => {
  const task = event.task
  return typeof task === 'object' && task !== null && 'operation' in task && task.operation === operation
}
