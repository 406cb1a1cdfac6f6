import type { Planted } from './planted.ts'

export const endSeenEarly: Planted = {
  name: 'end-seen-early',
  what: 'An operation shows its end before its instance was told.',
  file: 'actors/operation/operation.ts',
  find: "phase === 'ended' ? state.endedAt : null",
  replace: 'state.endedAt',
}
