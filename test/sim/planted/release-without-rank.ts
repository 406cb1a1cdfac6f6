import type { Planted } from './planted.ts'

export const releaseWithoutRank: Planted = {
  name: 'release-without-rank',
  what: 'A late copy of a release takes room away that was claimed again since.',
  file: 'actors/host/host.ts',
  find: 'const applies = held ? order >= (held.order ?? 0) :',
  replace: 'const applies = held ? true :',
  // A build leaves out a host that has refused or failed, so it does not claim the same room again after it has released it.
  also: [
    {
      file: 'actors/operation/catalogue/build.ts',
      find: 'avoid: refusedBy(c),',
      replace: 'avoid: [],',
    },
  ],
}
