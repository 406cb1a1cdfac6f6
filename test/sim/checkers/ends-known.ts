/** Who sees the end of an operation finds what came of it: its instance does not wait for it any more. */
import type { InstanceBody, OperationBody } from '../../../actors/api.ts'
import { bodies, type Checker } from './checker.ts'

export const endsKnown: Checker = {
  name: 'no operation is seen ended before its instance knows',
  often: true,
  always(world) {
    return bodies<InstanceBody>(world, 'instance').flatMap(({ id, operation }) => {
      const row = operation === null ? undefined : world.database.tables.views.operation.get(operation)
      const body: OperationBody | null = row ? JSON.parse(row.body) : null
      return body !== null && body.endedAt !== null ? [`operation ${body.id} is ${body.status}, and instance ${id} waits for it`] : []
    })
  },
}
