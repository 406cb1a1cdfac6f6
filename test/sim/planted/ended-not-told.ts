import type { Planted } from './planted.ts'

export const endedNotTold: Planted = {
  name: 'ended-not-told',
  what: 'Whoever takes over an operation that has ended does not report it again.',
  file: 'supervisors/hosting/cell.ts',
  find: 'work.reconcile(definition.work(state, address.id))\n    announce',
  replace: "work.reconcile(definition.work(state, address.id).filter(item => !item.key.startsWith('report:')))\n    announce",
}
