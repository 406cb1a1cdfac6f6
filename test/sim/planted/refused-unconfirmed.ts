import type { Planted } from './planted.ts'

export const refusedUnconfirmed: Planted = {
  name: 'refused-unconfirmed',
  what: 'What commits nothing is answered without asking the database whether the actor still lives here.',
  file: 'supervisors/hosting/cell.ts',
  find: 'else if (batch.tells) await journal.confirm()',
  replace: 'else if (batch.tells) await Promise.resolve()',
}
