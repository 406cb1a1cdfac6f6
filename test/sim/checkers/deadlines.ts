/** Nothing is begun after its deadline: no agent does what an operation wanted when that operation had to be over. */

import type { OperationBody } from '../../../actors/api.ts'
import { commandOrder } from '../../../actors/instance/instance.ts'
import { SIM_EPOCH_MS } from '../process.ts'
import { bodies, type Checker } from './checker.ts'

/** Distance between the ranks of two operations. */
const OPERATION = commandOrder(1, 0)
/** Cluster time is carried on by clocks that drift, and put right where it is off by more than two seconds. Ms. */
const CLOCKS_MS = 3000
/** A command that lay before a frozen agent shows four fifths of its age (`transport/age.ts`), and agents sleep for 16 s at most. Ms. */
const UNSEEN_MS = 16_000 / 5
const SLACK_MS = CLOCKS_MS + UNSEEN_MS

export const deadlines: Checker = {
  name: 'nothing is begun after its deadline',
  atTheEnd(world, { obeyed }) {
    const deadlineOf = new Map(bodies<OperationBody>(world, 'operation').map(o => [o.id, o.deadlineAt]))
    return obeyed.flatMap(({ host, method, instance, order, atMs }) => {
      const deadlineAt = deadlineOf.get(`${instance}.${Math.floor(order / OPERATION)}`)
      // The owner's own word has no deadline.
      if (deadlineAt === undefined || order % OPERATION === 0) return []
      const lateMs = SIM_EPOCH_MS + atMs - deadlineAt
      return lateMs > SLACK_MS ? [`${host} began to ${method} ${instance} ${Math.round(lateMs)} ms too late`] : []
    })
  },
}
