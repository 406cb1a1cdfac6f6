import type { Planted } from './planted.ts'

export const shardsStolen: Planted = {
  name: 'shards-stolen',
  what: 'The database lets a conductor take shards whose owner is alive.',
  file: 'persistence/memory-membership.ts',
  find: 'pass(shards, by, owner => !lives(conductors.get(owner)))',
  replace: 'pass([...shards, 0, 1, 2, 3], by, () => true)',
}
