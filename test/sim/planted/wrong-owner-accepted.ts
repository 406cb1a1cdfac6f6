import type { Planted } from './planted.ts'

export const wrongOwnerAccepted: Planted = {
  name: 'wrong-owner-accepted',
  what: 'A conductor serves whatever reaches it, whether or not it owns the shard.',
  file: 'supervisors/hosting/actor-host.ts',
  find: '      if (!cell || cell.retired()) {',
  replace: '      if (false as boolean) {',
}
