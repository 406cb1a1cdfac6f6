/** What must be so when an operation has ended, when the cluster is at rest, and at every moment. */
import type { InstanceBody } from '../../../actors/api.ts'
import { type InstanceOperation, rowOf, type Standing, settle } from '../../../actors/instance/states.ts'
import type { OperationState } from '../../../actors/operation/progress.ts'
import { bodies } from '../checkers/checker.ts'
import { CHECKERS } from '../checkers/index.ts'
import { onePlace } from '../checkers/one-place.ts'
import { type History, newHistory } from '../history.ts'
import type { World } from '../world.ts'

export interface End {
  readonly kind: InstanceOperation
  /** Null when there was no instance before. */
  readonly before: InstanceBody | null
  /** As the end left it. */
  readonly reported: InstanceBody | null
  readonly state: OperationState
  /** Something that could not be helped stayed until the end: a host away, a step that no driver does. */
  readonly excused: boolean
  /** Nothing befell it but the deaths of conductors: that may not even be noticed. */
  readonly untouched: boolean
}

/** What two bodies of the same instance may differ in when an undo has restored it. */
const MOVES_ON: ReadonlySet<string> = new Set(['updatedAt', 'fault', 'operation', 'taskState', 'rev'])

/** The end of the operation itself, by the row with which its subject was told. */
export function judgeEnd({ kind, before, reported, state, excused, untouched }: End): string[] {
  const { outcome } = state
  if (!outcome || !reported) return ['the operation ended without a report']
  const violations: string[] = []
  const row = rowOf(kind)
  const standing: Standing = { vmState: 'building', powerState: null, ...before, kept: keptOf(before) }
  const wanted = row[outcome]
  const expected = settle(wanted, standing)
  const relative = wanted.vmState === 'kept' || wanted.vmState === 'back'
  if (!relative && reported.vmState !== expected.vmState) {
    violations.push(`the ${kind} is ${outcome}, so the instance should be ${expected.vmState}, and it is ${reported.vmState}`)
  }
  // Whoever came back in time gives no reason to leave anything half done.
  if (outcome === 'failed' && !excused) violations.push(`the ${kind} failed, although all came back: ${state.fault?.message}`)
  if (outcome !== 'done' && untouched) violations.push(`the ${kind} is ${outcome}, although nothing hindered it: ${state.fault?.message}`)
  if (outcome === 'undone' && before && row.undone.vmState === 'same') violations.push(...differences(before, reported))
  return violations
}

/** A view does not say how it was before a resize; what the table makes of that is not compared. */
const keptOf = (before: InstanceBody | null): Standing['kept'] => (before?.origin ? { vmState: 'active', powerState: 'running' } : null)

/** An undo restores exactly. */
function differences(before: InstanceBody, after: InstanceBody): string[] {
  const there = Object.fromEntries(Object.entries(after))
  return Object.entries(before).flatMap(([name, value]) =>
    MOVES_ON.has(name) || JSON.stringify(value) === JSON.stringify(there[name])
      ? []
      : [`undone, and yet ${name} is ${JSON.stringify(there[name])} and was ${JSON.stringify(value)}`],
  )
}

/** Never, not even between two steps, does a guest run twice. */
export const judgeAlways = (world: World): string[] => onePlace.always?.(world, NO_HISTORY) ?? []

const NO_HISTORY = newHistory()

/** All that the simulator checks, and that every guest is what its instance says. */
export function judgeRest(world: World, history: History): string[] {
  const checked = CHECKERS.flatMap(checker =>
    [...(checker.always?.(world, history) ?? []), ...(checker.atRest?.(world, history) ?? [])].map(v => `${checker.name}: ${v}`),
  )
  return [...checked, ...poisoned(world), ...otherwise(world)]
}

const poisoned = (world: World): string[] =>
  world.conductors.flatMap(({ running }) => running?.actors.stats().poisoned.map(actor => `${actor} was set aside`) ?? [])

function otherwise(world: World): string[] {
  return bodies<InstanceBody>(world, 'instance').flatMap(({ id, vmState, powerState, host }) => {
    if (vmState === 'error' || vmState === 'deleted' || host === null) return []
    const guest = world.stores
      .get(host)
      ?.guests()
      .find(g => g.spec.instance === id)
    return !guest || guest.power === powerState ? [] : [`${id} is ${vmState} (${powerState}), and its guest is ${guest.power}`]
  })
}
