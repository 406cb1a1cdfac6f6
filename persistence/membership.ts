/**
 * Membership on PostgreSQL: every method is one call of a function of the schema, so each is one short transaction that no
 * frozen process can hold open. The rules stand in `migrations/`.
 */
import type pg from 'pg'
import { BatonError } from '../actors/kernel/errors.ts'
import type { Incarnation, Member, Membership, MembershipState } from '../actors/kernel/ports.ts'
import { type Connector, overHosts } from './hosts.ts'
import { fencedError, JOIN_LEASE_MS, unsettled } from './rules.ts'

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
    async join({ nodeId, endpoint, pid, version, host, machine }, sure = false) {
      const answer = await call<{ incarnation: Incarnation; state: StateRow } | { waitMs: number }>(
        'baton_join',
        '$1, $2, $3, $4, $5, $6, $7, $8, $9',
        [nodeId, endpoint, pid, version, host, JOIN_LEASE_MS, machine.boot, Math.round(machine.uptimeMs), sure],
      )
      if ('waitMs' in answer) throw unsettled(answer.waitMs)
      return { ...toState(answer.state), incarnation: answer.incarnation }
    },
    async renew(incarnation, leaseMs, load, reckoning) {
      const known = reckoning
        ? [Math.round(reckoning.believedMs), reckoning.machine.boot, Math.round(reckoning.machine.uptimeMs)]
        : [null, null, null]
      const values = [incarnation, Math.round(leaseMs), JSON.stringify(load), ...known]
      return toState(await call<StateRow>('baton_renew', '$1, $2, $3, $4, $5, $6', values))
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
