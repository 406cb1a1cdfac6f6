import type { Planted } from './planted.ts'

export const claimNotChecked: Planted = {
  name: 'claim-not-checked',
  what: 'A host promises room that it does not have.',
  file: 'actors/host/host.ts',
  find: 'if (lacking) return refuse',
  replace: 'if (lacking && lacking.length > 1e6) return refuse',
}
