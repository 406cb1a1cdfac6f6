/** No project has more than its quota, by what is really there; and at rest what is entered for it is what its instances need. */
import type { InstanceBody } from '../../../actors/api.ts'
import { BUILTIN_FLAVORS } from '../../../actors/flavor/flavor.ts'
import { entries } from '../../../actors/kernel/bucket-map.ts'
import { type Amounts, amountsOf, largest, NO_LIMITS, plus, RESOURCES, sameAmounts } from '../../../actors/kernel/quota.ts'
import { type ProjectState, projectActor } from '../../../actors/project/project.ts'
import { SIM_SETTINGS, type World } from '../world.ts'
import { bodies, type Checker } from './checker.ts'

const actor = projectActor(SIM_SETTINGS.quotas)

/** While a resize waits, of each the larger amount. */
function needOf({ flavor, origin }: InstanceBody): Amounts {
  const before = BUILTIN_FLAVORS.find(f => f.id === origin?.flavor)
  return largest(amountsOf(flavor), before ? amountsOf(before) : {})
}

const living = (world: World): InstanceBody[] => bodies<InstanceBody>(world, 'instance').filter(i => i.vmState !== 'deleted')

function* projectsOf(world: World): Generator<[id: string, state: ProjectState]> {
  for (const [key, { events }] of world.database.tables.actors) {
    if (!key.startsWith('project/')) continue
    const id = key.slice('project/'.length)
    // Its events are all there: nothing is trimmed in a simulated hour.
    yield [id, events.reduce((state, e) => actor.evolve(state, JSON.parse(e.data), e.at), actor.initial(id))]
  }
}

export const quotas: Checker = {
  name: 'quotas hold',
  always(world) {
    const { limits } = world.settings.quotas ?? { limits: NO_LIMITS }
    const used = new Map<string, Amounts>()
    for (const instance of living(world)) used.set(instance.project, plus(used.get(instance.project) ?? {}, needOf(instance)))
    return [...used].flatMap(([project, amounts]) =>
      RESOURCES.flatMap(resource => {
        const amount = amounts[resource] ?? 0
        return limits[resource] >= 0 && amount > limits[resource] ? [`project ${project} has ${amount} ${resource} of ${limits[resource]}`] : []
      }),
    )
  },
  atRest(world) {
    const violations: string[] = []
    const instances = new Map(living(world).map(i => [`instance/${i.id}`, i]))
    for (const [id, state] of projectsOf(world)) {
      const entered = new Map(entries(state.entries))
      for (const [holder, { amounts }] of entered) {
        const instance = instances.get(holder)
        if (!instance) violations.push(`${holder} is entered in project ${id} and is not there`)
        else if (!sameAmounts(amounts, needOf(instance)))
          violations.push(`${holder} is entered in project ${id} with ${JSON.stringify(amounts)}, and needs ${JSON.stringify(needOf(instance))}`)
      }
      for (const [holder, { project }] of instances) if (project === id && !entered.has(holder)) violations.push(`${holder} is not entered in ${id}`)
      const sum = [...entered.values()].reduce((total, { amounts }) => plus(total, amounts), {})
      if (!sameAmounts(sum, state.used)) violations.push(`the sum of project ${id} is not the sum of its entries`)
      if (Object.keys(state.pending).length > 0) violations.push(`project ${id} has reservations that nobody confirmed`)
    }
    return violations
  },
}
