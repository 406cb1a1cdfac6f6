import type { Planted } from './planted.ts'

export const undoForgotten: Planted = {
  name: 'undo-forgotten',
  what: 'An operation that fails does not undo the last step it has done.',
  file: 'actors/operation/operation.ts',
  find: 'for (let i = from; i >= to; i--)',
  replace: 'for (let i = from - 1; i >= to; i--)',
}
