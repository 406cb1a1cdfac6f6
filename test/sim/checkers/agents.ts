/**
 * What is believed of agents is what they are, and a guest that misbehaves harms nobody: it has a record only if it was told of, of the host
 * where it is, and writes into it no more often than it may.
 */
import type { GuestBody, InstanceBody } from '../../../actors/api.ts'
import type { World } from '../world.ts'
import { bodies, type Checker } from './checker.ts'

/** Reports of one guest: a burst for each life of a host's agent, and then one in ten seconds; see `guests.ts`. */
const BURST = 10
const EVERY_MS = 10_000

/** Per behaviour: what its record says in the end, as `agent status`. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  ...{ works: ['up ACTIVE'], replays: ['up ACTIVE'], fails: ['up FAILED'] },
  ...{ silent: ['never ERROR'], liar: ['never ERROR'] },
  // It may be ready before it dies, or not.
  dies: ['unknown ACTIVE', 'unknown ERROR', 'never ERROR'],
  // Of a flood or among garbage a true word may be lost.
  flood: ['up ACTIVE', 'up FAILED', 'unknown ACTIVE', 'unknown FAILED', 'never ERROR', 'up BUILDING', 'unknown ERROR'],
  garbage: ['up ACTIVE', 'unknown ACTIVE', 'never ERROR', 'up BUILDING', 'unknown ERROR'],
}

const runs = (world: World, { id, host }: InstanceBody): boolean =>
  world.stores
    .get(host ?? '')
    ?.guests()
    .some(({ spec, power }) => spec.instance === id && power === 'running') === true

export const agents: Checker = {
  name: 'agents are what is believed of them',
  atRest(world) {
    const rows = world.database.tables.views.guest
    const known = new Map(bodies<GuestBody>(world, 'guest').map(guest => [guest.id, guest]))
    const wrong: string[] = []
    for (const instance of bodies<InstanceBody>(world, 'instance')) {
      const { id, agent, vmState, operation, host, metadata } = instance
      const guest = known.get(id)
      if (guest && !agent) wrong.push(`guest ${id} has a record, and nobody expects an agent in it`)
      if (guest && vmState === 'deleted' && rows.get(id)?.columns.deleted === false) wrong.push(`the record of guest ${id} outlives its instance`)
      if (!agent || vmState !== 'active' || operation !== null || !runs(world, instance)) continue
      const expected = EXPECTED[metadata['fake:agent'] ?? 'works'] ?? []
      const said = guest ? `${guest.agent} ${guest.status}` : 'nothing'
      if (!expected.includes(said)) wrong.push(`agent of ${id}, which ${metadata['fake:agent']}, is ${said}`)
      if (guest && guest.host !== host && guest.agent === 'up') wrong.push(`agent of ${id} is believed on ${guest.host}, and it is on ${host}`)
    }
    return wrong
  },
  atTheEnd(world) {
    const reports = new Map<string, number>()
    for (const { entry, ok } of world.commits) {
      if (!ok || entry.actor.kind !== 'guest') continue
      const count = entry.events.filter(({ type }) => type === 'reported').length
      reports.set(entry.actor.id, (reports.get(entry.actor.id) ?? 0) + count)
    }
    const most = BURST * world.lives() + world.nowMs() / EVERY_MS
    return [...reports].flatMap(([id, count]) => (count > most ? [`guest ${id} was reported ${count} times, more than ${Math.floor(most)}`] : []))
  },
}
