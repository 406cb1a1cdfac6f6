/**
 * The database under the model of ownership, as a value: each statement is carried out by the production code
 * (`persistence/memory-membership.ts` and the journal of `persistence/memory.ts`, whose rules are those of the SQL) on tables
 * filled from the value, and what it leaves is read back. There are few different databases, so what each statement makes of
 * each is remembered.
 *
 * Two of the 256 shards stand for all: one that rendezvous hashing gives to node `a`, and one that it gives to `b`. One actor lives
 * in each. Time stands still: a lease that has run out is one reason to declare somebody dead, and here nobody needs a reason.
 */
import { address, SHARD_COUNT, shardOf } from '../../actors/kernel/address.ts'
import type { Incarnation, Member, MembershipState } from '../../actors/kernel/ports.ts'
import { createMemoryDatabase } from '../../persistence/memory.ts'
import { type MemberTables, memoryMembership } from '../../persistence/memory-membership.ts'
import { preferred } from '../../supervisors/membership/shards.ts'

export const NODES = ['a', 'b'] as const
export type Node = (typeof NODES)[number]
/** Index into the two shards of the model. */
export type Shard = 0 | 1
export const SHARDS: readonly Shard[] = [0, 1]

export interface Row {
  readonly inc: Incarnation
  readonly node: Node
  readonly state: Member['state']
}

export interface Database {
  readonly rows: readonly Row[]
  readonly owners: readonly [Incarnation, Incarnation]
  readonly version: number
  /** Newest event of the actor of each shard. */
  readonly seqs: readonly [number, number]
}

/** What a member is told, cut down to what it may go by. */
export interface News {
  readonly alive: boolean
  readonly version: number
  readonly rows: readonly Row[]
  readonly owners: readonly [Incarnation, Incarnation]
}

export const EMPTY: Database = { rows: [], owners: [0, 0], version: 1, seqs: [0, 0] }

export type Statement =
  | { readonly do: 'join'; readonly node: Node }
  | { readonly do: 'look'; readonly inc: Incarnation }
  | { readonly do: 'declareDead'; readonly by: Incarnation; readonly victim: Incarnation }
  | { readonly do: 'claim'; readonly inc: Incarnation; readonly shards: readonly Shard[] }
  | { readonly do: 'release'; readonly inc: Incarnation; readonly shards: readonly Shard[]; readonly to: Incarnation }
  | { readonly do: 'drain' | 'leave'; readonly inc: Incarnation }
  | { readonly do: 'append'; readonly inc: Incarnation; readonly shard: Shard; readonly seq: number }

export interface Outcome {
  readonly database: Database
  readonly news: News | null
  /** For an append: whether it was written. */
  readonly written: boolean
}

/** Shards of these numbers are those of the model. */
const NUMBERS = NODES.map(node => [...Array(SHARD_COUNT).keys()].find(shard => preferred(shard, [...NODES]) === node) ?? 0)
const ACTORS = NUMBERS.map(shard => {
  for (let i = 0; ; i++) if (shardOf(`i${i}`) === shard) return address('instance', `i${i}`)
})
export const numberOf = (shard: Shard): number => NUMBERS[shard] ?? 0

export const memberOf = ({ inc, node, state }: Row): Member => ({
  incarnation: inc,
  nodeId: node,
  endpoint: node,
  state,
  pid: 1,
  version: '0',
  host: node,
  joinedAt: 0,
  leaseUntil: 1,
  load: {},
})

/** All 256 owners: nobody has those that are not modelled. */
export function ownersOf([first, second]: readonly [Incarnation, Incarnation]): Incarnation[] {
  const owners: Incarnation[] = Array.from({ length: SHARD_COUNT }, () => 0)
  owners[numberOf(0)] = first
  owners[numberOf(1)] = second
  return owners
}

/** Time stands still here, so nobody's clock is asked. */
const MACHINE = { boot: 'b', uptimeMs: 0 }

const isNode = (name: string): name is Node => name === 'a' || name === 'b'

const rowOf = ({ incarnation, nodeId, state }: Pick<Member, 'incarnation' | 'nodeId' | 'state'>): Row => {
  if (!isNode(nodeId)) throw new Error(`there is no node ${nodeId}`)
  return { inc: incarnation, node: nodeId, state }
}

const pairOf = (owners: readonly Incarnation[]): readonly [Incarnation, Incarnation] => [owners[numberOf(0)] ?? 0, owners[numberOf(1)] ?? 0]

/** `claimAnything`: the planted bug of a claim that does not look whether the owner lives. */
export function createDatabase({ claimAnything }: { claimAnything: boolean }): (database: Database, statement: Statement) => Outcome {
  const known = new Map<string, Outcome>()
  return (database, statement) => {
    const key = JSON.stringify([database, statement])
    const before = known.get(key)
    if (before) return before
    const outcome = carryOut(claimAnything && statement.do === 'claim' ? withoutOwners(database, statement.shards) : database, statement)
    known.set(key, outcome)
    return outcome
  }
}

const withoutOwners = (database: Database, shards: readonly Shard[]): Database => {
  const of = (shard: Shard): Incarnation => (shards.includes(shard) ? 0 : database.owners[shard])
  return { ...database, owners: [of(0), of(1)] }
}

function carryOut(database: Database, statement: Statement): Outcome {
  const memory = createMemoryDatabase({ now: () => 0, delay: fn => fn() })
  const { tables } = memory
  fill(tables, database)
  for (const [shard, actor] of ACTORS.entries()) {
    const key = `${actor.kind}/${actor.id}`
    const seq = database.seqs[shard] ?? 0
    const rest = { kind: actor.kind, events: [], awake: true, finishedAt: null, snapshot: null, view: null }
    if (seq > 0) tables.actors.set(key, { shard: NUMBERS[shard] ?? 0, seq, ...rest })
  }
  let state: MembershipState | null = null
  const membership = memoryMembership(
    tables,
    async (_name, apply) => {
      const answer = apply()
      if (isState(answer)) state = answer
      return answer
    },
    () => 0,
    () => 0,
  )
  const seqsNow = () => ACTORS.map(actor => tables.actors.get(`${actor.kind}/${actor.id}`)?.seq ?? 0)
  const before = seqsNow()
  // Refusals come as rejections; whether it was written is read from the tables.
  perform(memory, membership, statement).catch(() => {})
  const [first = 0, second = 0] = seqsNow()
  const news: News | null = state && newsOf(state)
  return {
    database: { rows: [...tables.conductors.values()].map(rowOf), owners: pairOf(tables.owners), version: tables.map.version, seqs: [first, second] },
    news,
    written: first !== before[0] || second !== before[1],
  }
}

const isState = (answer: unknown): answer is MembershipState => typeof answer === 'object' && answer !== null && 'map' in answer

const newsOf = ({ alive, map, members }: MembershipState): News => ({
  alive,
  version: map.version,
  rows: members.map(rowOf),
  owners: pairOf(map.owners),
})

function fill(tables: MemberTables, database: Database): void {
  for (const row of database.rows)
    tables.conductors.set(row.inc, { ...memberOf(row), leaseMs: 1, renewedAt: 0, steadySince: 0, server: 1, machine: MACHINE })
  for (const [shard, owner] of ownersOf(database.owners).entries()) tables.owners[shard] = owner
  tables.map.version = database.version
  tables.map.lastIncarnation = database.rows.length
}

/** Every statement takes effect before this returns; the promise is only its answer. */
async function perform(
  memory: ReturnType<typeof createMemoryDatabase>,
  membership: ReturnType<typeof memoryMembership>,
  statement: Statement,
): Promise<unknown> {
  switch (statement.do) {
    case 'join':
      return membership.join({ nodeId: statement.node, endpoint: statement.node, pid: 1, version: '0', host: statement.node, machine: MACHINE })
    case 'look':
      return membership.renew(statement.inc, 1, {})
    case 'declareDead':
      return membership.declareDead(statement.by, statement.victim, false)
    case 'claim':
      return membership.claim(statement.inc, statement.shards.map(numberOf))
    case 'release':
      return membership.release(statement.inc, statement.shards.map(numberOf), statement.to)
    case 'drain':
      return membership.setState(statement.inc, 'draining')
    case 'leave':
      return membership.setState(statement.inc, 'left')
    case 'append': {
      const actor = ACTORS[statement.shard] ?? address('instance', '')
      const event = { seq: statement.seq, type: 'happened', version: 1, data: {}, at: 0 }
      return memory
        .journal(statement.inc)
        .append({ actor, shard: numberOf(statement.shard), events: [event], awake: true, finished: false, row: null })
    }
  }
}
