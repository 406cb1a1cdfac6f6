import type { Planted } from './planted.ts'

export const releaseWithoutRank: Planted = {
  name: 'release-without-rank',
  what: 'A late copy of a release takes room away that was claimed again since.',
  file: 'actors/host/host.ts',
  find: 'const applies = held ? order >= (held.order ?? 0) :',
  replace: 'const applies = held ? true :',
}
