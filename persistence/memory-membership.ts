/**
 * Membership and shards in memory. The rules are those of the SQL functions in `migrations/`; each block below reads
 * like the function of the same name there.
 */
import { SHARD_COUNT } from '../actors/kernel/address.ts'
import type { Json } from '../actors/kernel/define.ts'
import type { Incarnation, Member, Membership, MembershipState } from '../actors/kernel/ports.ts'
import type { Statement } from './memory.ts'
import { fencedError, JOIN_LEASE_MS } from './rules.ts'

export interface ConductorRow extends Member {
  readonly leaseMs: number
  readonly renewedAt: number
  /** Since when it has renewed without a gap, in one life of the database. */
  readonly steadySince: number
}

export interface MemberTables {
  readonly conductors: Map<Incarnation, ConductorRow>
  /** Owner per shard, 0 for nobody. */
  readonly owners: Incarnation[]
  readonly map: { version: number; lastIncarnation: Incarnation }
}

export const newMemberTables = (): MemberTables => ({
  conductors: new Map(),
  owners: Array.from({ length: SHARD_COUNT }, () => 0),
  map: { version: 1, lastIncarnation: 0 },
})

const lives = (row: ConductorRow | undefined): boolean => row?.state === 'alive' || row?.state === 'draining'

/** What comes back is what JSON keeps, and nobody's object but the reader's. */
const copy = (value: Json): Json => JSON.parse(JSON.stringify(value))

export function memoryMembership(tables: MemberTables, statement: Statement, now: () => number, upSince: () => number): Membership {
  const { conductors, owners, map } = tables

  const update = (incarnation: Incarnation, change: Partial<ConductorRow>) => {
    const row = conductors.get(incarnation)
    if (row) conductors.set(incarnation, { ...row, ...change })
  }

  const end = (incarnation: Incarnation, state: 'left' | 'dead') => {
    update(incarnation, { state })
    map.version++
  }

  const stateFor = (incarnation: Incarnation): MembershipState => {
    const owning = new Set(owners)
    const seen = [...conductors.values()].filter(row => lives(row) || owning.has(row.incarnation))
    return {
      alive: lives(conductors.get(incarnation)),
      now: now(),
      members: seen.map(({ leaseMs: _leaseMs, renewedAt: _renewedAt, steadySince: _steadySince, ...member }) => member),
      map: {
        version: map.version,
        owners: [...owners],
        members: seen.map(row => ({ incarnation: row.incarnation, nodeId: row.nodeId, endpoint: row.endpoint, draining: row.state !== 'alive' })),
      },
    }
  }

  /** Passes each of `shards` that `may` allows to `to`, and counts a change once. */
  const pass = (shards: readonly number[], to: Incarnation, may: (owner: Incarnation) => boolean) => {
    let moved = false
    for (const shard of shards) {
      const owner = owners[shard]
      if (owner === undefined || owner === to || !may(owner)) continue
      owners[shard] = to
      moved = true
    }
    if (moved) map.version++
  }

  return {
    join: me =>
      statement('join', () => {
        for (const row of conductors.values()) if (row.nodeId === me.nodeId && lives(row)) end(row.incarnation, 'dead')
        const incarnation = ++map.lastIncarnation
        const at = now()
        conductors.set(incarnation, {
          ...me,
          incarnation,
          state: 'alive',
          joinedAt: at,
          leaseUntil: at + JOIN_LEASE_MS,
          load: {},
          leaseMs: JOIN_LEASE_MS,
          renewedAt: at,
          steadySince: at,
        })
        map.version++
        return { ...stateFor(incarnation), incarnation }
      }),

    renew: (incarnation, leaseMs, load) =>
      statement('renew', () => {
        const row = conductors.get(incarnation)
        if (row && lives(row)) {
          const at = now()
          const gap = row.renewedAt < upSince() || at - row.renewedAt > leaseMs / 2
          update(incarnation, { leaseMs, leaseUntil: at + leaseMs, renewedAt: at, load: copy(load), steadySince: gap ? at : row.steadySince })
        }
        return stateFor(incarnation)
      }),

    declareDead: (by, victim, onlyIfExpired) =>
      statement('declareDead', () => {
        const observer = conductors.get(by)
        const row = conductors.get(victim)
        if (!observer || !lives(observer) || !row) return false
        if (!lives(row)) return true
        const at = now()
        const term = Math.max(observer.leaseMs, row.leaseMs)
        const watchedForATerm =
          observer.renewedAt >= upSince() && observer.steadySince + term <= at && at - observer.renewedAt <= observer.leaseMs / 2
        if (onlyIfExpired && !(row.leaseUntil < at && watchedForATerm)) return false
        end(victim, 'dead')
        return true
      }),

    claim: (by, shards) =>
      statement('claim', () => {
        if (conductors.get(by)?.state === 'alive') pass(shards, by, owner => !lives(conductors.get(owner)))
        return stateFor(by)
      }),

    release: (by, shards, to) =>
      statement('release', () => {
        const heir = to !== null && conductors.get(to)?.state === 'alive' ? to : 0
        if (lives(conductors.get(by))) pass(shards, heir, owner => owner === by)
        return stateFor(by)
      }),

    setState: (incarnation, state) =>
      statement('setState', () => {
        const row = conductors.get(incarnation)
        if (!row || !lives(row)) throw fencedError(incarnation)
        if (row.state === state) return
        if (state === 'left') {
          pass(
            owners.map((_, shard) => shard),
            0,
            owner => owner === incarnation,
          )
          end(incarnation, 'left')
          return
        }
        update(incarnation, { state })
        map.version++
      }),
  }
}
