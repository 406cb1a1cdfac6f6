import type { Planted } from './planted.ts'

export const quotaNotReleased: Planted = {
  name: 'quota-not-released',
  what: 'A deleted instance stays entered in its project.',
  file: 'actors/project/project.ts',
  find: 'return enter(clear(state, number, holder), holder, amounts && { amounts, number })',
  replace: 'return amounts ? enter(clear(state, number, holder), holder, { amounts, number }) : clear(state, number, holder)',
}
