import type { Planted } from './planted.ts'

export const skipTheFence: Planted = {
  name: 'skip-the-fence',
  what: 'A conductor that was declared dead goes on writing.',
  file: 'persistence/memory.ts',
  find: "return state === 'alive' || state === 'draining' ? null : fencedError(incarnation)",
  replace: 'return state !== undefined ? null : fencedError(incarnation)',
}
