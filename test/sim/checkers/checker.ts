/** What a checker is given, and what it says: the violations it sees, in words, none when all is well. */
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

export const bodies = <T>(world: World, table: 'instance' | 'operation' | 'host' | 'image' | 'disk' | 'server_group'): T[] =>
  [...world.database.tables.views[table].values()].map(row => bodyOf(row) as T)
