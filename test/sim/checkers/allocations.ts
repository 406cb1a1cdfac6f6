/** What hosts have promised equals what instances hold, never exceeds what there is, and guests are where they belong. */
import type { HostBody, InstanceBody } from '../../../actors/api.ts'
import { BUILTIN_FLAVORS } from '../../../actors/flavor/flavor.ts'
import { SIM_SETTINGS } from '../settings.ts'
import type { World } from '../world.ts'
import { bodies, type Checker, unsettled } from './checker.ts'

export const allocations: Checker = {
  name: 'allocations equal instances and fit their hosts',
  always(world) {
    const { ratios } = SIM_SETTINGS
    return bodies<HostBody>(world, 'host')
      .flatMap(h =>
        h.vcpusUsed > h.vcpus * ratios.vcpu || h.ramMbUsed > h.ramMb * ratios.ram || h.diskGbUsed > h.diskGb * ratios.disk
          ? [`${h.id} has promised ${h.vcpusUsed} vcpus, ${h.ramMbUsed} MB, ${h.diskGbUsed} GB`]
          : [],
      )
      .concat(missingOrigins(world))
  },
  atRest(world) {
    const violations: string[] = []
    const instances = bodies<InstanceBody>(world, 'instance')
    const unclear = unsettled(world)
    for (const host of bodies<HostBody>(world, 'host')) {
      // Two claims for one instance, while a resize waits to be confirmed.
      const here = instances.flatMap(i => {
        if (i.vmState === 'deleted') return []
        const flavor = i.host === host.id ? i.flavor.id : i.origin?.host === host.id ? i.origin.flavor : null
        return flavor === null ? [] : [{ ramMb: BUILTIN_FLAVORS.find(f => f.id === flavor)?.ramMb ?? 0, sure: !unclear.has(i.id) }]
      })
      const sure = roomOf(here.filter(one => one.sure))
      const most = roomOf(here)
      if (!isBetween(host.claims, sure.claims, most.claims) || !isBetween(host.ramMbUsed, sure.ramMb, most.ramMb))
        violations.push(`${host.id} holds ${host.claims} claims of ${host.ramMbUsed} MB for ${most.claims} instances of ${most.ramMb} MB`)
    }
    for (const [host, store] of world.stores) {
      const wanted = new Set(instances.filter(i => (i.host === host || i.origin?.host === host) && i.vmState !== 'deleted').map(i => i.id))
      for (const guest of store.instances()) if (!wanted.has(guest)) violations.push(`a guest of ${guest} is left on ${host}`)
      const there = new Set(store.instances())
      for (const i of instances) {
        if (i.host === host && i.vmState !== 'deleted' && i.vmState !== 'error' && !there.has(i.id))
          violations.push(`${i.id} is ${i.vmState}, but has no guest on ${host}`)
      }
    }
    return violations
  },
}

const roomOf = (held: readonly { readonly ramMb: number }[]) => ({ claims: held.length, ramMb: held.reduce((sum, { ramMb }) => sum + ramMb, 0) })

const isBetween = (value: number, least: number, most: number): boolean => value >= least && value <= most

/** While a resize waits, the source keeps the guest that a revert would start. */
function missingOrigins(world: World): string[] {
  return bodies<InstanceBody>(world, 'instance').flatMap(({ id, vmState, operation, origin }) => {
    const kept = vmState !== 'resized' || operation !== null || !origin || world.stores.get(origin.host)?.instances().includes(id)
    return kept ? [] : [`${id} waits for a confirm or a revert, but has no guest on ${origin?.host} any more`]
  })
}
