/** Members of a server group are together or apart at every moment, and a group knows its members. */
import type { GroupBody, InstanceBody, OperationBody } from '../../../actors/api.ts'
import type { World } from '../world.ts'
import { bodies, type Checker } from './checker.ts'

const living = (world: World): InstanceBody[] => bodies<InstanceBody>(world, 'instance').filter(i => i.vmState !== 'deleted')
const members = (instances: readonly InstanceBody[], { id }: GroupBody): InstanceBody[] => instances.filter(i => i.placement?.group === id)

/** Both hosts count while a resize waits: the room of both is held. */
const hostsOf = ({ host, origin }: InstanceBody): string[] => [host, origin?.host].filter(h => typeof h === 'string')

function crowded(group: GroupBody, instances: readonly InstanceBody[]): string[] {
  const max = group.maxServerPerHost
  if (max === null) return []
  const count = new Map<string, number>()
  for (const instance of members(instances, group)) for (const host of hostsOf(instance)) count.set(host, (count.get(host) ?? 0) + 1)
  return [...count].filter(([, n]) => n > max).map(([host, n]) => `${n} members of ${group.id} are on ${host}, at most ${max} may be`)
}

/** When a host has died, its members are made anew beside those that left before, and what is left behind may stay. */
function scattered(group: GroupBody, instances: readonly InstanceBody[], evacuated: boolean): string[] {
  if (group.policy !== 'affinity' || evacuated) return []
  const hosts = new Set(members(instances, group).flatMap(hostsOf))
  const moves = members(instances, group).some(i => i.origin !== null)
  return hosts.size > (moves ? 2 : 1) ? [`members of ${group.id} are on ${[...hosts].join(' and ')}`] : []
}

export const groups: Checker = {
  name: 'server groups are kept',
  always(world) {
    const instances = living(world)
    const evacuated = bodies<OperationBody>(world, 'operation').some(o => o.kind === 'evacuate')
    return bodies<GroupBody>(world, 'server_group').flatMap(g => [...crowded(g, instances), ...scattered(g, instances, evacuated)])
  },
  atRest(world) {
    const instances = living(world)
    return bodies<GroupBody>(world, 'server_group').flatMap(group => {
      const real = members(instances, group)
        .map(i => i.id)
        .sort()
      return real.join() === group.members.join() ? [] : [`${group.id} believes to have ${group.members.length} members, there are ${real.length}`]
    })
  },
}
