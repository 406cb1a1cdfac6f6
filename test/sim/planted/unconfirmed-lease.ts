import type { Planted } from './planted.ts'

export const unconfirmedLease: Planted = {
  name: 'unconfirmed-lease',
  what: 'A conductor grants leases though the database has not confirmed for long that it is alive.',
  file: 'supervisors/hosts/host-leases.ts',
  find: 'standing.received[0].atMs < confirmed)',
  replace: 'confirmed <= standing.received[0].atMs + 1e9)',
}
