/** Every accepted operation ends, by its deadline. */
import type { InstanceBody, OperationBody } from '../../../actors/api.ts'
import { bodies, type Checker } from './checker.ts'

/** The end is noticed by a timer and written by a commit; neither is instant. Ms. */
const SLACK_MS = 30_000

export const operationsEnd: Checker = {
  name: 'every accepted operation ends by its deadline',
  atRest(world) {
    const operations = bodies<OperationBody>(world, 'operation').flatMap(o => {
      if (o.status === 'running' || o.status === 'undoing')
        return [`operation ${o.id} (${o.kind}) is still ${o.status} at ${o.steps.at(-1)?.name}: ${o.steps.at(-1)?.fault?.message}`]
      return o.endedAt !== null && o.endedAt > o.deadlineAt + SLACK_MS
        ? [`operation ${o.id} ended ${o.endedAt - o.deadlineAt} ms after its deadline`]
        : []
    })
    const tasks = bodies<InstanceBody>(world, 'instance').flatMap(i =>
      i.operation ? [`instance ${i.id} still waits for operation ${i.operation}`] : [],
    )
    return [...operations, ...tasks]
  },
}
