/**
 * Which conductor should have which shard: rendezvous hashing (Thaler and Ravishankar, 1998).
 *
 * For every shard each conductor gets a score, a hash of the two names, and the highest score has the shard. Nobody has to
 * agree on anything but the list of members: all compute the same answer. When a conductor goes, only its own shards move,
 * and they spread over all that remain; when one comes, it takes an even share from each.
 *
 * The plan is only a wish. The database says who owns a shard (`Membership`), and it hands over a shard only when its
 * owner has let go of it or is dead. So two conductors with different views of the members can at worst want the same shard.
 */
import { hash32, SHARD_COUNT } from '../../actors/kernel/address.ts'
import type { Incarnation, Member, ShardMap } from '../../actors/kernel/ports.ts'

/** Seats are taken by node name, not by incarnation: a conductor that comes back gets the same shards back. */
export function preferred(shard: number, nodes: readonly string[]): string | null {
  let best: string | null = null
  let bestScore = -1
  for (const node of nodes) {
    const score = hash32(`${shard}:${node}`)
    if (score > bestScore || (score === bestScore && best !== null && node < best)) {
      best = node
      bestScore = score
    }
  }
  return best
}

/** Who should have each shard. The members change seldom and the plan is made at every renewal, so the last answer is kept. */
let seated: { readonly nodes: readonly string[]; readonly seats: readonly (string | null)[] } | null = null
function seatsOf(nodes: readonly string[]): readonly (string | null)[] {
  const same = seated !== null && seated.nodes.length === nodes.length && seated.nodes.every((node, i) => node === nodes[i])
  if (!seated || !same) seated = { nodes, seats: Array.from({ length: SHARD_COUNT }, (_, shard) => preferred(shard, nodes)) }
  return seated.seats
}

export interface ShardPlan {
  /** Shards that nobody alive owns and that should be ours. */
  readonly claim: readonly number[]
  /** Shards of ours that should be another's, by that one's incarnation. */
  readonly release: ReadonlyMap<Incarnation, readonly number[]>
}

/** What this conductor should do next, given all it knows. */
export function planShards(me: Incarnation, members: readonly Member[], map: ShardMap): ShardPlan {
  const alive = new Map(members.filter(m => m.state === 'alive' || m.state === 'draining').map(m => [m.incarnation, m]))
  const able = members.filter(m => m.state === 'alive')
  const seats = seatsOf(able.map(m => m.nodeId))
  const incarnationOf = new Map(able.map(m => [m.nodeId, m.incarnation]))
  const claim: number[] = []
  const release = new Map<Incarnation, number[]>()
  for (let shard = 0; shard < SHARD_COUNT; shard++) {
    const owner = map.owners[shard] ?? 0
    const wanted = seats[shard] ?? null
    const to = wanted === null ? undefined : incarnationOf.get(wanted)
    if (!alive.has(owner)) {
      if (to === me) claim.push(shard)
    } else if (owner === me && to !== undefined && to !== me) {
      release.set(to, [...(release.get(to) ?? []), shard])
    }
  }
  return { claim, release }
}
