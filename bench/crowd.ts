/**
 * Compute hosts by the thousand, in simulated time: each with a link of its own to every conductor, a heartbeat a second to the owner of its shard,
 * pings and the shard map, as `compute.ts` has them; without a driver. What they are told to do they take note of and leave undone, so that the
 * operation stays open.
 */
import { shardOf } from '../actors/kernel/address.ts'
import type { Fault } from '../actors/kernel/errors.ts'
import type { ShardMap } from '../actors/kernel/ports.ts'
import type { Loop } from '../test/sim/loop.ts'
import type { Peer } from '../transport/link.ts'
import type { MemoryNetwork } from '../transport/memory-link.ts'
import { decode, encode, PROTOCOL } from '../transport/protocol.ts'

/** A look at one host: from a mark on. */
export interface Look {
  /** Longest time between two answers, ms. */
  gapMs: number
  /** When another than the owner at the mark answered first; null while none did. */
  movedAt: number | null
}

export interface CrowdHost {
  beat(): void
  /** Pings whom it has met, says hello to whom it has not. */
  greet(): void
  owner(): string | null
  /** A new look begins. */
  mark(): Look
  /** When it was answered last; null when it never was. */
  answeredAt(): number | null
}

/** A command that a host was given: when, and by whom. */
export type OnCommand = (method: string, args: unknown, from: string) => void

const PATIENCE_MS = 3000
const GUESTS = 10

export function createCrowdHost(network: MemoryNetwork, loop: Loop, i: number, seeds: readonly string[], onCommand: OnCommand): CrowdHost {
  const node = `compute-${i}`
  const shard = shardOf(node)
  const link = network.link(node)
  /** By endpoint; and who stands behind each, when that has said so. */
  const peers = new Map<string, Peer>()
  const names = new Map<Peer, string>()
  const id = { node, inc: 1, role: 'compute', pid: i, ver: '0', eng: 'bench' } as const
  const guests = Array.from({ length: GUESTS }, (_, g) => ({
    ...{ instance: `00000000-0000-4000-8000-${String(i * GUESTS + g).padStart(12, '0')}`, power: 'running', order: 1 },
  }))
  const info = { driver: 'fake', pid: i, version: '0', vcpus: 64, ramMb: 262_144, diskGb: 4000, traits: ['CUSTOM_DRIVER_FAKE'] }
  let map: ShardMap = { version: 0, owners: [], members: [] }
  let seq = 0
  let asked: { readonly id: string; readonly beat: object; readonly sinceMs: number } | null = null
  let answeredAt: number | null = null
  let look: Look = { gapMs: 0, movedAt: null }
  let markedOwner: string | null = null

  const ownerOf = (): string | null => map.members.find(m => m.incarnation === map.owners[shard])?.nodeId ?? null
  const hello = (peer: Peer): void => void link.send(peer, encode({ t: 'hello', vs: [PROTOCOL.min, PROTOCOL.max], id, at: loop.nowMs() }))

  function dial(endpoint: string): void {
    if (peers.has(endpoint)) return
    const peer = link.dial(endpoint)
    peers.set(endpoint, peer)
    hello(peer)
  }

  function learn(next: ShardMap): void {
    if (next.version <= map.version) return
    const before = ownerOf()
    map = next
    const wanted = new Set([...seeds, ...next.members.map(m => m.endpoint)])
    for (const endpoint of wanted) dial(endpoint)
    for (const [endpoint, peer] of peers) {
      if (wanted.has(endpoint)) continue
      names.delete(peer)
      peers.delete(endpoint)
      link.hangUp(peer)
    }
    if (before !== ownerOf()) send()
  }

  /** Along today's way, if there is one. */
  function send(): void {
    const owner = ownerOf()
    if (!asked || owner === null) return
    const call = { t: 'call', id: asked.id, to: `monitor/${node}`, m: 'beat', a: asked.beat, ttl: PATIENCE_MS, at: loop.nowMs(), n: 1 } as const
    for (const [peer, name] of names) if (name === owner) link.send(peer, encode(call))
  }

  function answered(by: string): void {
    const at = loop.nowMs()
    if (answeredAt !== null) look.gapMs = Math.max(look.gapMs, at - answeredAt)
    answeredAt = at
    asked = null
    // Empty: it was under way when its sender fell.
    if (by !== '' && by !== markedOwner) look.movedAt ??= at
  }

  function refused({ code, details, retryAfterMs = 20 }: Fault): void {
    const newer = details?.map
    if (code === 'Moved' && isMap(newer)) learn(newer)
    loop.schedule(Math.max(1, retryAfterMs), send)
  }

  link.onDisconnect?.(peer => names.delete(peer))
  link.onMessage((peer, bytes) => {
    const said = decode(bytes)
    if (said.t === 'welcome') {
      names.set(peer, said.id.node)
      if (said.id.node === ownerOf()) send()
    } else if (said.t === 'who') {
      names.delete(peer)
      hello(peer)
    } else if (said.t === 'ping') link.send(peer, encode({ t: 'pong', at: said.at }))
    else if (said.t === 'cast' && said.m === 'map' && isMap(said.a)) learn(said.a)
    else if (said.t === 'call') onCommand(said.m, said.a, names.get(peer) ?? '')
    else if (said.t === 'ok' && said.id === asked?.id) answered(names.get(peer) ?? '')
    else if (said.t === 'no' && said.id === asked?.id) refused(said.f)
  })
  for (const seed of seeds) dial(seed)

  return {
    beat() {
      if (asked && loop.nowMs() - asked.sinceMs < PATIENCE_MS) return
      const beat = { seq: seq++, bootId: 'boot/1', info, load: { cpu: 0.2, lagMs: 1, rssMb: 90 }, guests, armed: 0 }
      asked = { id: `${node}#1:${seq}`, beat, sinceMs: loop.nowMs() }
      send()
    },
    greet() {
      for (const peer of peers.values()) {
        if (names.has(peer)) link.send(peer, encode({ t: 'ping', at: loop.nowMs() }))
        else hello(peer)
      }
    },
    owner: ownerOf,
    mark() {
      markedOwner = ownerOf()
      look = { gapMs: 0, movedAt: null }
      return look
    },
    answeredAt: () => answeredAt,
  }
}

function isMap(value: unknown): value is ShardMap {
  return typeof value === 'object' && value !== null && 'owners' in value && 'members' in value && 'version' in value
}

/** Each host once in a period, spread over it. Answers with what ends it. */
export function spread(loop: Loop, hosts: readonly CrowdHost[], periodMs: number, what: (host: CrowdHost) => void): () => void {
  let stopped = false
  const again = (host: CrowdHost): void => {
    if (stopped) return
    what(host)
    loop.schedule(periodMs, () => again(host))
  }
  for (const [i, host] of hosts.entries()) loop.schedule((periodMs * i) / hosts.length, () => again(host))
  return () => {
    stopped = true
  }
}
