import type { Planted } from './planted.ts'

export const refusalForgotten: Planted = {
  name: 'refusal-forgotten',
  what: 'A refusal leaves no trace, so a copy of the request that comes later may be carried out.',
  file: 'actors/instance/answers.ts',
  find: "isSettled ? [] : [{ type: 'declined', requestId, fault }]",
  replace: 'isSettled ? [] : []',
}
