/** Devices of an instance: what an attach or detach makes of those it has. Pure. */
import type { Accepted, DiskRequest, InstanceAction, InterfaceRequest } from '../api.ts'
import { MAX_DISK_GB } from '../disk/disk.ts'
import type { Devices } from '../hypervisor/driver.ts'
import { hash32 } from '../kernel/address.ts'
import { checkObject, flag, integer, optional, text } from '../kernel/check.ts'
import { refuse } from '../kernel/define.ts'
import type { Fault } from '../kernel/errors.ts'
import type { Change } from './model.ts'

/** Names of disks in the guest; `/dev/vda` is the one it boots from. */
const DEVICE_NAMES = [...'bcdefghijklmnopq'].map(letter => `/dev/vd${letter}`)
const MAX_INTERFACES = 8
/** Until there is a network service every host has this one, connected to nothing outside it. */
const LOCAL_NETWORK = 'local'

export const checkDisk = checkObject({
  id: text(64),
  sizeGb: optional(integer(1, MAX_DISK_GB)),
  device: optional(text(32)),
  tag: optional(text(60)),
  deleteOnTermination: optional(flag),
})
export const checkInterface = checkObject({ id: text(64), network: optional(text(64)), tag: optional(text(60)) })

interface Asked {
  readonly disk?: DiskRequest
  readonly interface?: InterfaceRequest
}

/** The change an action makes of the devices, null when it is about something else; or why it cannot be. `id` is the instance's. */
export function deviceChange(action: InstanceAction, now: Devices, asked: Asked, id: string): { readonly change: Change | null } | Fault {
  const { disk, interface: port } = asked
  switch (action) {
    case 'attach-disk':
      return disk ? attachDisk(now, disk, id) : badRequest('it does not say which disk')
    case 'detach-disk':
      return disk ? detachDisk(now, disk, id) : badRequest('it does not say which disk')
    case 'attach-interface':
      return port ? attachInterface(now, port, id) : badRequest('it does not say which interface')
    case 'detach-interface':
      return port ? detachInterface(now, port, id) : badRequest('it does not say which interface')
    default:
      return { change: null }
  }
}

function attachDisk(now: Devices, { id, sizeGb = 1, device, tag, deleteOnTermination }: DiskRequest, instance: string) {
  if (now.disks.some(d => d.id === id)) return conflict(`disk ${id} is attached to instance ${instance} already`)
  const free = DEVICE_NAMES.filter(name => !now.disks.some(d => d.device === name))
  const name = device ?? free[0]
  if (name === undefined) return forbidden(`instance ${instance} has ${now.disks.length} disks already, which is the most it can have`)
  if (!DEVICE_NAMES.includes(name)) return badRequest(`${name} is no name of a disk; it must be ${DEVICE_NAMES[0]} to ${DEVICE_NAMES.at(-1)}`)
  if (!free.includes(name)) return conflict(`${name} of instance ${instance} is another disk; leave the device out to get the first that is free`)
  const more = { ...(tag === undefined ? {} : { tag }), ...(deleteOnTermination ? { deleteOnTermination } : {}) }
  return { change: { disk: { id, sizeGb }, devices: { ...now, disks: [...now.disks, { id, sizeGb, device: name, ...more }] } } }
}

function detachDisk(now: Devices, { id }: DiskRequest, instance: string) {
  const disk = now.disks.find(d => d.id === id)
  if (!disk) return notFound(`disk ${id} is not attached to instance ${instance}`)
  return { change: { disk: { id, sizeGb: disk.sizeGb }, devices: { ...now, disks: now.disks.filter(d => d !== disk) } } }
}

function attachInterface(now: Devices, { id, network = LOCAL_NETWORK, tag }: InterfaceRequest, instance: string) {
  if (network !== LOCAL_NETWORK) return badRequest(`there is no network ${network}; the only one is '${LOCAL_NETWORK}'`)
  if (now.interfaces.some(i => i.id === id)) return conflict(`interface ${id} is attached to instance ${instance} already`)
  if (now.interfaces.length >= MAX_INTERFACES)
    return forbidden(`instance ${instance} has ${now.interfaces.length} interfaces already, which is the most it can have`)
  return {
    change: {
      interface: id,
      devices: { ...now, interfaces: [...now.interfaces, { id, network, mac: macOf(id), ...(tag === undefined ? {} : { tag }) }] },
    },
  }
}

function detachInterface(now: Devices, { id }: InterfaceRequest, instance: string) {
  if (!now.interfaces.some(i => i.id === id)) return notFound(`interface ${id} is not attached to instance ${instance}`)
  return { change: { interface: id, devices: { ...now, interfaces: now.interfaces.filter(i => i.id !== id) } } }
}

/** The devices when it is changed whether a disk goes with the instance; null when it has no such disk. */
export function kept(now: Devices, { id, deleteOnTermination }: { readonly id: string; readonly deleteOnTermination: boolean }): Devices | null {
  if (!now.disks.some(disk => disk.id === id)) return null
  return { ...now, disks: now.disks.map(disk => (disk.id === id ? { ...disk, deleteOnTermination } : disk)) }
}

/** The device that an attach brings, as it will be. */
export function attachedBy(change: Change | undefined): Pick<Accepted, 'disk' | 'interface'> {
  const disk = change?.devices?.disks.find(d => d.id === change.disk?.id)
  const port = change?.devices?.interfaces.find(i => i.id === change.interface)
  return { ...(disk ? { disk } : {}), ...(port ? { interface: port } : {}) }
}

/** A locally administered address (its first byte is 02), the same for the same interface: 40 bits of its id's hash. */
function macOf(id: string): string {
  const hex = hash32(id).toString(16).padStart(8, '0') + (hash32(`${id}/`) & 0xff).toString(16).padStart(2, '0')
  return ['02', ...(hex.match(/../g) ?? [])].join(':')
}

const conflict = (message: string): Fault => refuse('Conflict', message).fault
const forbidden = (message: string): Fault => refuse('Forbidden', message).fault
const badRequest = (message: string): Fault => refuse('BadRequest', message).fault
const notFound = (message: string): Fault => refuse('NotFound', message).fault
