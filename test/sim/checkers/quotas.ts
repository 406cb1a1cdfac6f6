/** No project has more than its quota, by what is really there; and at rest what is entered for it is what its instances, groups and images need. */
import type { ImageBody, InstanceBody } from '../../../actors/api.ts'
import { BUILTIN_FLAVORS } from '../../../actors/flavor/flavor.ts'
import { amountsOf as imageAmounts } from '../../../actors/image/model.ts'
import { entries } from '../../../actors/kernel/bucket-map.ts'
import { type Amounts, amountsOf, largest, NO_LIMITS, plus, RESOURCES, sameAmounts } from '../../../actors/kernel/quota.ts'
import { GROUP_SHARE } from '../../../actors/placement/group.ts'
import { type ProjectState, projectActor } from '../../../actors/project/project.ts'
import { SIM_SETTINGS } from '../settings.ts'
import type { World } from '../world.ts'
import { bodies, type Checker } from './checker.ts'

const actor = projectActor(SIM_SETTINGS.quotas)

/** While a resize waits, of each the larger amount. */
function needOf({ flavor, origin }: InstanceBody): Amounts {
  const before = BUILTIN_FLAVORS.find(f => f.id === origin?.flavor)
  return largest(amountsOf(flavor), before ? amountsOf(before) : {})
}

const living = (world: World): InstanceBody[] => bodies<InstanceBody>(world, 'instance').filter(i => i.vmState !== 'deleted')

interface Holder {
  readonly project: string
  readonly needs: Amounts
  /** It need not be entered yet: an image that is made of an instance counts from the first byte in the image store. */
  readonly early?: boolean
}

/** Whatever there is of which a project may have only so many, by its address. */
function holdersOf(world: World): ReadonlyMap<string, Holder> {
  const instances = living(world).map((i): [string, Holder] => [`instance/${i.id}`, { project: i.project, needs: needOf(i) }])
  const groups = [...world.database.tables.views.server_group.values()]
    .filter(row => row.columns.deleted === false)
    .map((row): [string, Holder] => [`group/${row.id}`, { project: String(row.columns.project), needs: GROUP_SHARE }])
  const images = bodies<ImageBody>(world, 'image').flatMap(({ id, project, status, bytes, instance }): [string, Holder][] => {
    if (project === null || status === 'deleted') return []
    return [[`image/${id}`, { project, needs: imageAmounts(bytes?.sizeBytes ?? 0), early: instance !== null && !bytes }]]
  })
  return new Map([...instances, ...groups, ...images])
}

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
    const holders = holdersOf(world)
    for (const [id, state] of projectsOf(world)) {
      const entered = new Map(entries(state.entries))
      for (const [holder, { amounts }] of entered) {
        const there = holders.get(holder)
        if (!there) violations.push(`${holder} is entered in project ${id} and is not there`)
        else if (!sameAmounts(amounts, there.needs))
          violations.push(`${holder} is entered in project ${id} with ${JSON.stringify(amounts)}, and needs ${JSON.stringify(there.needs)}`)
      }
      for (const [holder, { project, early }] of holders)
        if (project === id && !entered.has(holder) && !early) violations.push(`${holder} is not entered in ${id}`)
      const sum = [...entered.values()].reduce((total, { amounts }) => plus(total, amounts), {})
      if (!sameAmounts(sum, state.used)) violations.push(`the sum of project ${id} is not the sum of its entries`)
      if (Object.keys(state.pending).length > 0) violations.push(`project ${id} has reservations that nobody confirmed`)
    }
    return violations
  },
}
