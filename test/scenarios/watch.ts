/**
 * What can be seen of a cluster, as lines of a log: instances and hosts as the database has them, guests as they are, and who is a
 * member. Only changes are said, so the same story gives the same lines, whatever was repeated on the way.
 */
import type { HostBody, InstanceBody, OperationBody } from '../../actors/api.ts'
import { bodies } from '../sim/checkers/checker.ts'
import type { World } from '../sim/world.ts'

export interface Watch {
  /** Says what has changed since the last look. */
  look(): void
}

/** What is to be seen of one thing, under a key of its own. */
type Seen = readonly (readonly [key: string, subject: string, text: string])[]

export function createWatch(world: World, say: (subject: string, text: string) => void): Watch {
  const known = new Map<string, string>()
  return {
    look() {
      const seen = [...instances(world), ...failures(world), ...guests(world), ...hosts(world), ...members(world)]
      for (const [key, subject, text] of seen) {
        if (known.get(key) === text) continue
        known.set(key, text)
        say(subject, text)
      }
      const there = new Set(seen.map(([key]) => key))
      for (const key of known.keys()) {
        if (!key.startsWith(GUEST) || there.has(key)) continue
        known.delete(key)
        say(key, 'gone')
      }
    },
  }
}

const GUEST = 'guest of '

/** How all instances and their guests are now. */
export const standing = (world: World): [subject: string, text: string][] =>
  [...instances(world), ...guests(world)].map(([, subject, text]) => [subject, text])

const instances = (world: World): Seen => bodies<InstanceBody>(world, 'instance').map(body => [`instance ${body.id}`, body.id, describe(body)])

function describe({ vmState, taskState, host, fault, operation }: InstanceBody): string {
  const where = host === null ? '' : ` on ${host}`
  const why = fault === null || operation !== null ? '' : `, ${fault.code}`
  return `${vmState}${taskState === null ? '' : ` (${taskState})`}${where}${why}`
}

/** Operations that did not do what they were to do. */
const failures = (world: World): Seen =>
  bodies<OperationBody>(world, 'operation').flatMap(({ id, kind, subject, status, fault }) =>
    status === 'undone' || status === 'failed'
      ? [[`operation ${id}`, `${kind} of ${subject}`, `${status}, ${fault?.code ?? 'no fault'}`] as const]
      : [],
  )

const guests = (world: World): Seen =>
  [...world.stores].flatMap(([host, store]) =>
    store.guests().map(({ spec, power }) => {
      const subject = `${GUEST}${spec.instance} on ${host}`
      return [subject, subject, power] as const
    }),
  )

/** Suspicion comes and goes; what follows from it is said. */
const hosts = (world: World): Seen =>
  bodies<HostBody>(world, 'host').flatMap(({ id, state, enabled, ha }) =>
    state === 'suspect' ? [] : [[`host ${id}`, id, `${state}${enabled ? '' : ', disabled'}${ha?.lostAt ? ', lost' : ''}`] as const],
  )

/** Which of them owned what is chance, and how often one joins again too; so it is counted how many it has befallen. */
function members(world: World): Seen {
  const rows = [...world.database.tables.conductors.values()]
  const count = (state: string): number => new Set(rows.filter(row => row.state === state).map(row => row.nodeId)).size
  const said = [count('dead') > 0 ? `${count('dead')} declared dead` : '', count('left') > 0 ? `${count('left')} left` : ''].filter(
    text => text !== '',
  )
  return said.length > 0 ? [['members', 'conductors', said.join(', ')]] : []
}
