import type { Planted } from './planted.ts'

export const skipTheFence: Planted = {
  name: 'skip-the-fence',
  what: 'A conductor that was declared dead goes on writing.',
  file: 'persistence/memory.ts',
  find: "if (state !== 'alive' && state !== 'draining') return fencedError(incarnation)",
  replace: 'if (state === undefined) return fencedError(incarnation)',
}
