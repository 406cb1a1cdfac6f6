import type { Planted } from './planted.ts'

export const staleCommandAccepted: Planted = {
  name: 'stale-command-accepted',
  what: 'An agent obeys a command that a newer one has overtaken.',
  file: 'actors/hypervisor/drivers/rules.ts',
  find: 'if (order < newest) throw',
  replace: 'if (order < newest - 1e12) throw',
  // The agent remembers the newest rank too, as long as it lives.
  also: [
    {
      file: 'actors/hypervisor/hypervisor.ts',
      find: 'if (known && command.order < known.order) {',
      replace: 'if (known && command.order < known.order - 1e12) {',
    },
  ],
}
