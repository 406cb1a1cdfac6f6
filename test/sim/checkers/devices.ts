/** A disk is plugged into one guest at most; instances, guests and disks agree about who has what. */
import { isDeepStrictEqual } from 'node:util'
import type { DiskBody, InstanceBody } from '../../../actors/api.ts'
import { NO_DEVICES } from '../../../actors/hypervisor/driver.ts'
import { bodies, type Checker, whoFailed } from './checker.ts'

const PLUGGED: ReadonlySet<string> = new Set(['attach-disk', 'detach-disk', 'attach-interface', 'detach-interface'])

export const devices: Checker = {
  name: 'devices are where they are said to be',
  always(world) {
    const violations: string[] = []
    for (const [host, store] of world.stores) {
      const holders = new Map<string, string>()
      for (const { spec } of store.guests()) {
        for (const { id } of spec.devices?.disks ?? []) {
          const other = holders.get(id)
          if (other) violations.push(`disk ${id} is plugged into ${other} and ${spec.instance} on ${host}`)
          holders.set(id, spec.instance)
        }
      }
    }
    return violations
  },
  atRest(world) {
    const violations: string[] = []
    const instances = bodies<InstanceBody>(world, 'instance').filter(i => i.vmState !== 'deleted')
    const unclear = whoFailed(world, PLUGGED)
    for (const { id, host, vmState, devices: wanted } of instances) {
      const guest =
        host === null
          ? undefined
          : world.stores
              .get(host)
              ?.guests()
              .find(g => g.spec.instance === id)
      // What became of a guest in error nobody knows for certain; and what was in error can be deleted softly, and restored.
      if (!guest || vmState === 'error' || unclear.has(id)) continue
      const has = guest.spec.devices ?? NO_DEVICES
      if (!isDeepStrictEqual(has, wanted)) violations.push(`${id} has ${JSON.stringify(wanted)}, its guest on ${host} ${JSON.stringify(has)}`)
    }
    const disks = bodies<DiskBody>(world, 'disk')
    for (const { id, instance, status, host } of disks) {
      const owners = instances.filter(i => i.devices.disks.some(d => d.id === id)).map(i => i.id)
      const said = instance === null ? [] : [instance]
      if (!isDeepStrictEqual(owners, said)) violations.push(`disk ${id} (${status}) says ${said}, but ${owners} have it`)
      if (status === 'attached' && !world.blobs.get(host)?.ids('disks').includes(id)) violations.push(`disk ${id} has no bytes on ${host}`)
    }
    for (const [host, blobs] of world.blobs) {
      const wanted = new Set(disks.filter(d => d.status !== 'deleted' && d.host === host).map(d => d.id))
      for (const id of blobs.ids('disks')) if (!wanted.has(id)) violations.push(`disk ${id} is left on ${host}`)
    }
    return violations
  },
}
