import type { Planted } from './planted.ts'

export const leaseTooLong: Planted = {
  name: 'lease-too-long',
  what: 'A host takes its lease to run three times as long as its conductor does.',
  file: 'actors/hypervisor/lease.ts',
  find: 'expiresAtMs = Math.max(expiresAtMs, sentMs + leaseMs)',
  replace: 'expiresAtMs = Math.max(expiresAtMs, sentMs + leaseMs * 3)',
}
