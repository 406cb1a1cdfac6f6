/** What a checker is given, and what it says: the violations it sees, in words, none when all is well. */
import type { InstanceBody, OperationBody } from '../../../actors/api.ts'
import type { History } from '../history.ts'
import { bodyOf } from '../rows.ts'
import type { World } from '../world.ts'

export interface Checker {
  readonly name: string
  /** Cheap, and of things that may be over in a moment: looked at twenty times a second. */
  readonly often?: true
  /** Holds at every moment. */
  always?(world: World, history: History): string[]
  /** Holds when faults have ended and the cluster has come to rest. */
  atRest?(world: World, history: History): string[]
  /** Looked at once, when all is over: of the whole history. */
  atTheEnd?(world: World, history: History): string[]
}

export const bodies = <T>(world: World, table: 'instance' | 'operation' | 'host' | 'image' | 'disk' | 'guest' | 'server_group'): T[] =>
  [...world.database.tables.views[table].values()].map(row => bodyOf(row) as T)

/**
 * Instances with an operation, of these kinds or of any, that was neither done nor undone by its deadline: nobody knows whether a host took
 * its last word.
 */
export const whoFailed = (world: World, kinds?: ReadonlySet<string>): ReadonlySet<string> =>
  new Set(
    bodies<OperationBody>(world, 'operation').flatMap(({ subject, status, kind }) =>
      status === 'failed' && (kinds === undefined || kinds.has(kind)) ? [subject] : [],
    ),
  )

/**
 * Instances in error that may have their room or not, because an operation of theirs failed. Outside the simulation the audit claims it
 * again (`reconcile.claims`).
 */
export function unsettled(world: World): ReadonlySet<string> {
  const inError = bodies<InstanceBody>(world, 'instance').filter(({ vmState }) => vmState === 'error')
  const failed = whoFailed(world)
  return new Set(inError.flatMap(({ id }) => (failed.has(id) ? [id] : [])))
}
