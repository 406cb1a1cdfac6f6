/** An acknowledged request is durable: every instance somebody was promised is there, and what was to be deleted is. */
import type { InstanceBody, OperationBody } from '../../../actors/api.ts'
import { bodies, type Checker } from './checker.ts'

export const durable: Checker = {
  name: 'acknowledged means durable',
  atRest(world, history) {
    const instances = new Map(bodies<InstanceBody>(world, 'instance').map(b => [b.id, b]))
    const operations = new Map(bodies<OperationBody>(world, 'operation').map(b => [b.id, b]))
    // A soft delete that was not done by a short deadline has ended, and said so.
    const expired = new Set(
      [...operations.values()].flatMap(o => (o.kind === 'soft-delete' && (o.status === 'undone' || o.status === 'failed') ? [o.subject] : [])),
    )
    const violations: string[] = []
    for (const id of history.created.keys()) if (!instances.has(id)) violations.push(`instance ${id} was acknowledged and is not there`)
    for (const [request, { operation }] of history.acted)
      if (!operations.has(operation)) violations.push(`operation ${operation} of ${request} was acknowledged and is not there`)
    for (const id of history.deleted.keys()) {
      const state = instances.get(id)?.vmState
      if (world.settings.deadlines && expired.has(id)) continue
      if (state !== 'deleted') violations.push(`the delete of ${id} was acknowledged, and it is ${state}`)
    }
    return violations
  },
}
