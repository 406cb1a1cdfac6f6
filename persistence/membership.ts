/**
 * Membership on PostgreSQL: every method is one call of a function of the schema, so each is one short transaction that no
 * frozen process can hold open. The rules stand in `migrations/0001-initial.ts`.
 */
import type pg from 'pg'
import { BatonError } from '../actors/kernel/errors.ts'
import type { Incarnation, Member, Membership, MembershipState } from '../actors/kernel/ports.ts'
import { type Connector, overHosts } from './hosts.ts'
import { fencedError, JOIN_LEASE_MS } from './rules.ts'

/** What `baton_state` answers. */
interface StateRow {
  readonly alive: boolean
  readonly now: number
  readonly version: number
  readonly owners: readonly Incarnation[]
  readonly members: readonly Member[]
}

const toState = ({ alive, now, version, owners, members }: StateRow): MembershipState => ({
  alive,
  now,
  members,
  map: {
    version,
    owners,
    members: members.map(m => ({ incarnation: m.incarnation, nodeId: m.nodeId, endpoint: m.endpoint, draining: m.state !== 'alive' })),
  },
})

export function createMembership(connector: Connector, pool: pg.Pool): Membership {
  /** Calls a function and answers with its value. A call whose outcome is unknown is left to the caller: `Database`. */
  async function call<T>(name: string, parameters: string, values: unknown[]): Promise<T> {
    const text = `select ${name}(${parameters}) as value`
    const { rows } = await overHosts(connector.target, () => pool.query<{ value: T }>({ name, text, values }), 'once')
    const row = rows[0]
    if (!row) throw new BatonError('Internal', `${name} answered nothing`)
    return row.value
  }

  return {
    async join({ nodeId, endpoint, pid, version, host }) {
      const answer = await call<{ incarnation: Incarnation; state: StateRow }>('baton_join', '$1, $2, $3, $4, $5, $6', [
        nodeId,
        endpoint,
        pid,
        version,
        host,
        JOIN_LEASE_MS,
      ])
      return { ...toState(answer.state), incarnation: answer.incarnation }
    },
    async renew(incarnation, leaseMs, load) {
      return toState(await call<StateRow>('baton_renew', '$1, $2, $3', [incarnation, Math.round(leaseMs), JSON.stringify(load)]))
    },
    declareDead: (by, victim, onlyIfExpired) => call<boolean>('baton_declare_dead', '$1, $2, $3', [by, victim, onlyIfExpired]),
    claim: async (by, shards) => toState(await call<StateRow>('baton_claim', '$1, $2', [by, shards])),
    release: async (by, shards, to) => toState(await call<StateRow>('baton_release', '$1, $2, $3', [by, shards, to])),
    async setState(incarnation, state) {
      if (await call<boolean>('baton_set_state', '$1, $2', [incarnation, state])) return
      throw fencedError(incarnation)
    },
  }
}
