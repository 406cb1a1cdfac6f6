import type { Planted } from './planted.ts'

export const permitNotShown: Planted = {
  name: 'permit-not-shown',
  what: 'A command that stood still half-way brings its guest to life though the lease has run out since.',
  file: 'actors/hypervisor/lease.ts',
  find: 'if (valid() && lapses === begun.lapses) return',
  replace: 'return',
}
