/**
 * Room is held for somebody: a claim is that of an instance on this host, or of an operation under way. What the workload leaks on purpose
 * is the doctor's to find, at the end.
 */
import type { InstanceBody } from '../../../actors/api.ts'
import { rootOf } from '../../../actors/kernel/address.ts'
import { STRAY } from '../bystanders.ts'
import type { World } from '../world.ts'
import { bodies, type Checker } from './checker.ts'

export const claims: Checker = {
  name: 'every claim belongs to an instance or an operation under way',
  always(world) {
    const instances = new Map(bodies<InstanceBody>(world, 'instance').map(i => [i.id, i]))
    const open = new Set([...world.database.tables.views.operation.values()].filter(o => o.columns.open).map(o => rootOf(o.id)))
    return [...world.stores.keys()].flatMap(host =>
      [...heldBy(world, host)].flatMap(claim => {
        const subject = rootOf(claim)
        if (subject === STRAY) return []
        const instance = instances.get(subject)
        const held = instance && (instance.host === host || instance.origin?.host === host || instance.operation !== null || open.has(subject))
        return held ? [] : [`${host} holds claim ${claim}, and nobody is there for it`]
      }),
    )
  },
}

interface Followed {
  /** Events looked at so far; nothing is trimmed in a simulated hour. */
  events: number
  readonly held: Set<string>
}
const followed = new WeakMap<World, Map<string, Followed>>()

/** Claims as the host's events leave them. */
function heldBy(world: World, host: string): ReadonlySet<string> {
  const hosts = followed.get(world) ?? new Map<string, Followed>()
  followed.set(world, hosts)
  const { events: seen, held } = hosts.get(host) ?? { events: 0, held: new Set<string>() }
  const events = world.database.tables.actors.get(`host/${host}`)?.events ?? []
  for (const { data } of events.slice(seen)) {
    const event = JSON.parse(data) as { type: string; claim?: string }
    if (event.claim === undefined) continue
    if (event.type === 'claimed') held.add(event.claim)
    else held.delete(event.claim)
  }
  hosts.set(host, { events: events.length, held })
  return held
}
