/** Under an HA policy a guest that should run does run in the end, whatever became of it and of its host. */
import type { InstanceBody } from '../../../actors/api.ts'
import { bodies, type Checker } from './checker.ts'

export const available: Checker = {
  name: 'what is highly available runs',
  atRest(world) {
    return bodies<InstanceBody>(world, 'instance').flatMap(({ id, ha = 'none', vmState, operation, host }) => {
      if (ha === 'none' || vmState !== 'active' || operation !== null || host === null) return []
      const guest = world.stores
        .get(host)
        ?.guests()
        .find(({ spec }) => spec.instance === id)
      return guest?.power === 'running' ? [] : [`${id} (${ha}) is active, but on ${host} it is ${guest?.power ?? 'not there'}`]
    })
  },
}
