import type { Planted } from './planted.ts'

export const spawnBeforeClaim: Planted = {
  name: 'spawn-before-claim',
  what: 'The guest is spawned first, and the room for it claimed afterwards.',
  file: 'actors/operation/catalogue/build.ts',
  find: "    step('claim', {\n      do: c => claim(c, hostOf(c)),",
  replace: "    step('claim', {\n      do: c => (c.found.failedOn === undefined ? claim(c, hostOf(c)) : null),",
}
