import type { Planted } from './planted.ts'

export const snapshotMissesEvents: Planted = {
  name: 'snapshot-misses-events',
  what: 'A snapshot is of the state before the events it is written with.',
  file: 'supervisors/hosting/cell.ts',
  find: '...(due ? { snapshot: next as Json } : {}),',
  replace: '...(due ? { snapshot: state as Json } : {}),',
}
