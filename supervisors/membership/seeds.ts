/**
 * How a node without a database finds the conductors: it knows a few endpoints to begin with, and learns the rest from the
 * shard map that every conductor sends to whoever says hello, and again whenever the map changes. A map may be lost on
 * its way like any other message, so a node also asks now and then whether there is a newer one.
 */
import { type Address, address, shardOf } from '../../actors/kernel/address.ts'
import type { Env, Timer } from '../../actors/kernel/env.ts'
import type { Fault } from '../../actors/kernel/errors.ts'
import type { ShardMap } from '../../actors/kernel/ports.ts'
import type { Messenger, Route } from '../../transport/messenger.ts'

export interface Directory {
  /** Dials the seeds. */
  start(messenger: Messenger): void
  /** A map, from a cast or from a `Moved`; older ones are ignored. */
  learn(map: unknown): void
  moved(fault: Fault): void
  /** Where the owner of an id lives. */
  ownerOf(to: Address): Route
  /** Some conductor there is a session with, in turn. */
  anyConductor(): Route
  map(): ShardMap
  stop(): void
}

const ASK_MS = 2000

const isMap = (value: unknown): value is ShardMap => {
  if (typeof value !== 'object' || value === null) return false
  const { version, owners, members } = value as Partial<ShardMap>
  return typeof version === 'number' && Array.isArray(owners) && Array.isArray(members) && members.every(m => typeof m?.endpoint === 'string')
}

export function createDirectory(env: Env, seeds: readonly string[]): Directory {
  let map: ShardMap = { version: 0, owners: [], members: [] }
  let messenger: Messenger | null = null
  let turn = 0
  let timer: Timer | null = null

  const conductors = () => messenger?.sessions.all().filter(s => s.identity.role === 'conductor') ?? []

  function ask(): void {
    timer = env.setTimer(ASK_MS, ask)
    const open = conductors()
    const session = open[turn++ % Math.max(1, open.length)]
    if (session) messenger?.castTo(session, address('node', session.identity.node), 'mapNewer', { version: map.version })
  }

  return {
    start(m) {
      messenger = m
      for (const seed of seeds) m.sessions.dial(seed)
      ask()
    },
    learn(value) {
      if (!isMap(value) || value.version <= map.version || !messenger) return
      map = value
      const wanted = new Set([...seeds, ...map.members.map(m => m.endpoint)])
      for (const endpoint of messenger.sessions.dialled()) if (!wanted.has(endpoint)) messenger.sessions.hangUp(endpoint)
      for (const endpoint of wanted) messenger.sessions.dial(endpoint)
      messenger.reroute()
    },
    moved(fault) {
      this.learn(fault.details?.map)
    },
    ownerOf(to) {
      const owner = map.owners[shardOf(to.id)]
      const member = map.members.find(m => m.incarnation === owner)
      return member ? { at: 'node', node: member.nodeId } : { at: 'nowhere', why: `shard ${shardOf(to.id)} has no owner just now` }
    },
    anyConductor() {
      const open = conductors()
      const session = open[turn++ % Math.max(1, open.length)]
      return session ? { at: 'node', node: session.identity.node } : { at: 'nowhere', why: 'no conductor can be reached' }
    },
    map: () => map,
    stop: () => timer?.cancel(),
  }
}
