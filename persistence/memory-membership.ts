/**
 * Membership and shards in memory. The rules are those of the SQL functions in `migrations/`; each block below reads
 * like the function of the same name there.
 */
import { SHARD_COUNT } from '../actors/kernel/address.ts'
import type { Json } from '../actors/kernel/define.ts'
import type { Incarnation, Machine, Member, Membership, MembershipState } from '../actors/kernel/ports.ts'
import { type ClockRow, isStrange, look, NEW_CLOCK } from './clock-rules.ts'
import type { Statement } from './memory.ts'
import { fencedError, JOIN_LEASE_MS, unsettled } from './rules.ts'

export interface ConductorRow extends Member {
  readonly leaseMs: number
  readonly renewedAt: number
  /** Since when it has renewed without a gap, in one life of the database. */
  readonly steadySince: number
  /** The life of the database in which it last renewed. */
  readonly server: number
  readonly machine: Machine
}

export interface MemberTables {
  readonly conductors: Map<Incarnation, ConductorRow>
  /** Owner per shard, 0 for nobody. */
  readonly owners: Incarnation[]
  readonly map: { version: number; lastIncarnation: Incarnation }
  readonly clock: { row: ClockRow }
}

export const newMemberTables = (): MemberTables => ({
  conductors: new Map(),
  owners: Array.from({ length: SHARD_COUNT }, () => 0),
  map: { version: 1, lastIncarnation: 0 },
  clock: { row: NEW_CLOCK },
})

const lives = (row: ConductorRow | undefined): boolean => row?.state === 'alive' || row?.state === 'draining'

/** What comes back is what JSON keeps, and nobody's object but the reader's. */
const copy = (value: Json): Json => JSON.parse(JSON.stringify(value))

/** `databaseMs` is the database's own clock, `life` changes whenever it has been away. */
export function memoryMembership(tables: MemberTables, statement: Statement, databaseMs: () => number, life: () => number): Membership {
  const { conductors, owners, map, clock } = tables
  const now = () => databaseMs() + clock.row.offsetMs
  const lookAt = (believedMs: number | null): number => {
    clock.row = look(clock.row, databaseMs(), believedMs)
    return now()
  }

  /** What it must be by the machine's own reckoning since a conductor there last looked; null when none did. */
  const believedOn = ({ boot, uptimeMs }: Machine): number | null => {
    const known = [...conductors.values()].filter(row => row.machine.boot === boot && row.machine.uptimeMs <= uptimeMs)
    return known.length === 0 ? null : Math.max(...known.map(row => row.renewedAt + uptimeMs - row.machine.uptimeMs))
  }

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
      members: seen.map(
        ({ leaseMs: _leaseMs, renewedAt: _renewedAt, steadySince: _steadySince, server: _server, machine: _machine, ...member }) => member,
      ),
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
    join: (me, sure = false) =>
      statement('join', () => {
        for (const row of conductors.values()) if (row.nodeId === me.nodeId && lives(row)) end(row.incarnation, 'dead')
        const term = Math.max(0, ...[...conductors.values()].filter(lives).map(row => row.leaseMs))
        const believed = believedOn(me.machine)
        if (believed === null && term > 0 && !sure && isStrange(clock.row, databaseMs())) throw unsettled(term)
        const incarnation = ++map.lastIncarnation
        const at = lookAt(believed)
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
          server: life(),
        })
        map.version++
        return { ...stateFor(incarnation), incarnation }
      }),

    renew: (incarnation, leaseMs, load, reckoning) =>
      statement('renew', () => {
        const at = lookAt(reckoning?.believedMs ?? null)
        const row = conductors.get(incarnation)
        if (row && lives(row)) {
          const gap = row.server !== life() || at - row.renewedAt > leaseMs / 2 || row.renewedAt > at
          const steadySince = gap ? at : row.steadySince
          update(incarnation, {
            leaseMs,
            leaseUntil: at + leaseMs,
            renewedAt: at,
            load: copy(load),
            steadySince,
            server: life(),
            machine: reckoning?.machine ?? row.machine,
          })
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
        const sinceMs = at - observer.renewedAt
        const watchedForATerm = observer.server === life() && observer.steadySince + term <= at && sinceMs >= 0 && sinceMs <= observer.leaseMs / 2
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
