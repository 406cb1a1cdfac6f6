import type { Planted } from './planted.ts'

export const staleCommandAccepted: Planted = {
  name: 'stale-command-accepted',
  what: 'An agent obeys a command that a newer one has overtaken.',
  file: 'actors/hypervisor/drivers/rules.ts',
  find: 'if (order < newest) throw',
  replace: 'if (order < newest - 1e12) throw',
}
