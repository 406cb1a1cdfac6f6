import type { Planted } from './planted.ts'

export const timerLost: Planted = {
  name: 'timer-lost',
  what: 'Whoever takes an actor over starts its calls, and forgets its timers until something else happens to it.',
  file: 'supervisors/hosting/cell.ts',
  find: 'work.reconcile(definition.work(state, address.id))\n    announce',
  replace: "work.reconcile(definition.work(state, address.id).filter(item => item.type !== 'timer'))\n    announce",
}
