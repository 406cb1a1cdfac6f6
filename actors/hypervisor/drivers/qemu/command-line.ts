/**
 * The command line of a guest's QEMU, from plain data. All paths in it are relative to the guest's folder, in which it is started: so sockets
 * have short names, and a QEMU of another user needs no way through the folders above. Nothing that a user chose stands in it but sizes and
 * ids, which were checked: names, keys and user data go into the config drive. Pure.
 */

import { createHash } from 'node:crypto'
import { BatonError } from '../../../kernel/errors.ts'
import type { AttachedDisk, Devices } from '../../driver.ts'
import type { Limits } from '../cgroup.ts'
import type { DiskFormat } from './qcow2.ts'

export type Accelerator = 'kvm' | 'tcg'

/** Files in a guest's folder. */
export const FILES = {
  qmp: 'qmp',
  serial: 'serial',
  vnc: 'vnc',
  agent: 'agent',
  console: 'console',
  messages: 'qemu.log',
  disk: 'disk.qcow2',
  rescue: 'rescue.qcow2',
  configDrive: 'config.iso',
  memory: 'memory',
} as const

/** Name of the port in the guest by which its agent talks. */
const AGENT_PORT = 'org.baton.agent.0'
export const BALLOON = 'balloon'
/** How often a guest is asked how its memory is used. */
const BALLOON_POLL_S = 10
/** Less than this no system boots in; firmware and devices need some of it. */
const MIN_RAM_MB = 16
/** Cache of translated code, per guest; 32 MiB is enough for a small system, the default is a share of the host's memory. */
const TCG_CACHE_MB = 32
/**
 * What a QEMU may use beside the guest's own memory and processors, whatever a guest makes it do: 40 MiB and a few percent were seen with an
 * idle one; a mirror of a disk and a screen that is watched take more. Threads are those of processors, and up to 64 that wait for disks.
 */
const BESIDE = { ramMb: 256, vcpus: 0.5, threads: 128 } as const

/** The control group of a guest. */
export const limitsOf = ({ vcpus, ramMb }: { readonly vcpus: number; readonly ramMb: number }): Limits => ({
  vcpus: Math.max(1, vcpus) + BESIDE.vcpus,
  ramMb: Math.max(MIN_RAM_MB, Math.round(ramMb)) + TCG_CACHE_MB + BESIDE.ramMb,
  processes: Math.max(1, vcpus) + BESIDE.threads,
})

/** A file that a disk is read through to: the image it was made of. */
export interface Base {
  /** Relative to the driver's folder. */
  readonly file: string
  readonly format: DiskFormat
}

/** A system that is started without a boot loader. Files relative to the driver's folder. */
export interface Kernel {
  readonly kernel: string
  readonly initrd: string
  readonly append: string
}

/** What a guest boots from. */
export interface Root {
  readonly base: Base | null
  readonly kernel: Kernel | null
}

export interface Machine {
  readonly instance: string
  readonly vcpus: number
  readonly ramMb: number
  readonly accelerator: Accelerator
  readonly root: Root
  /** What the rescue system boots from; the guest's own disk is then the second. */
  readonly rescue: Root | null
  readonly configDrive: boolean
  readonly devices: Devices
  readonly slots: Slots
  /** Its own disk; relative to its folder, or in a folder that the hosts share. */
  readonly disk: string
  /** Waits for the memory of a suspended guest. */
  readonly incoming: boolean
}

/**
 * Places on the bus of what comes and goes, by id. A guest that was suspended must find each device where it was, in whatever order they
 * had been plugged in; so the places are kept.
 */
export type Slots = Readonly<Record<string, number>>

/** Places of what is always there; 0 and 1 are the chipset's. */
const FIXED = { screen: 2, ports: 3, rng: 4, balloon: 5, root: 6, rescue: 7 } as const
const FIRST_SLOT = 8
const LAST_SLOT = 31

/** Keeps the places of what stays, and gives free ones to what is new. Throws `DriverFault` when there are no more. */
export function assignSlots(before: Slots, devices: Devices): Slots {
  const ids = [...devices.disks, ...devices.interfaces].map(({ id }) => id)
  const kept = new Map(Object.entries(before).filter(([id]) => ids.includes(id)))
  for (const id of ids) {
    if (kept.has(id)) continue
    const taken = new Set(kept.values())
    let slot = FIRST_SLOT
    while (taken.has(slot)) slot++
    if (slot > LAST_SLOT) throw new BatonError('DriverFault', `a guest of QEMU takes ${LAST_SLOT - FIRST_SLOT + 1} devices, and not ${ids.length}`)
    kept.set(id, slot)
  }
  return Object.fromEntries(kept)
}

const at = (slot: number): { bus: string; addr: string } => ({ bus: 'pci.0', addr: `0x${slot.toString(16)}` })

/** From a guest's folder to the driver's. */
const UP = '../..'
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Names of nodes have at most 31 characters, ids of disks have more. */
export const nodeOf = (id: string): string => `n${createHash('sha256').update(id).digest('hex').slice(0, 20)}`

export const diskFile = (id: string): string => `disks/${id}.qcow2`

export const deviceOf = (id: string): string => `d${nodeOf(id)}`
export const netOf = (id: string): string => `i${nodeOf(id)}`

/** A file as a node of QEMU, with all that it is read through to named here, and nothing taken from what stands in it. */
export function blockNode(node: string, file: string, format: DiskFormat, base: Base | null): Record<string, unknown> {
  const through = base ? blockNode(`${node}b`, `${UP}/${base.file}`, base.format, null) : null
  return {
    driver: format,
    'node-name': node,
    ...(base ? {} : { 'read-only': false }),
    file: { driver: 'file', filename: file, locking: 'auto' },
    ...(format === 'qcow2' ? { backing: through && { ...through, 'read-only': true } } : {}),
    discard: 'unmap',
  }
}

export const diskNode = (disk: AttachedDisk): Record<string, unknown> => blockNode(nodeOf(disk.id), `${UP}/${diskFile(disk.id)}`, 'qcow2', null)

const blockDevice = (id: string, node: string, serial: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  driver: 'virtio-blk-pci',
  id,
  drive: node,
  // What the guest can know it by; 20 bytes are all there are.
  serial: serial.slice(0, 20),
  // A full disk of the host stops the guest, which can then go on.
  werror: 'stop',
  rerror: 'stop',
  ...more,
})

export const diskDevice = ({ id }: AttachedDisk, slots: Slots): Record<string, unknown> =>
  blockDevice(deviceOf(id), nodeOf(id), id, at(slots[id] ?? LAST_SLOT))

/** A network of its own, which ends at this guest: it has its card and its address, and reaches nobody. */
export const nicBackend = (id: string): Record<string, unknown> => ({ type: 'user', id: netOf(id), restrict: true })
export const nicDevice = ({ id, mac }: { readonly id: string; readonly mac: string }, slots: Slots): Record<string, unknown> => ({
  driver: 'virtio-net-pci',
  id: deviceOf(id),
  netdev: netOf(id),
  mac,
  // It boots from no network.
  romfile: '',
  ...at(slots[id] ?? LAST_SLOT),
})

type Plugged = readonly [node: Record<string, unknown>, device: Record<string, unknown>]

/** Disks in the order in which the guest sees them. */
function disksOf({ instance, root, rescue, devices, slots, disk: own }: Machine): Plugged[] {
  const first = (slot: number): Record<string, unknown> => ({ bootindex: 1, ...at(slot) })
  const rescueDisk = (from: Root): Plugged => [
    blockNode('rescue', FILES.rescue, 'qcow2', from.base),
    blockDevice('vd-rescue', 'rescue', 'rescue', first(FIXED.root)),
  ]
  const itself = blockDevice('vd-root', 'root', instance, rescue ? at(FIXED.rescue) : first(FIXED.root))
  return [
    ...(rescue ? [rescueDisk(rescue)] : []),
    [blockNode('root', own, 'qcow2', root.base), itself],
    ...devices.disks.map((disk): Plugged => [diskNode(disk), diskDevice(disk, slots)]),
  ]
}

export function commandLine(machine: Machine): string[] {
  const { instance, vcpus, ramMb, accelerator, root, rescue, configDrive, devices, slots, incoming } = machine
  const booted = rescue ?? root
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none'],
    ...['-name', `guest=${instance}`, ...(UUID.test(instance) ? ['-uuid', instance] : [])],
    // A machine of one kind on every host, however new its QEMU is: memory that comes from elsewhere fits only where it is alike.
    ...['-machine', 'pc-i440fx-7.2,usb=off', '-accel', accelerator === 'tcg' ? `tcg,tb-size=${TCG_CACHE_MB}` : 'kvm'],
    ...['-cpu', accelerator === 'tcg' ? 'max' : 'host', '-smp', `${Math.max(1, vcpus)}`, '-m', `${Math.max(MIN_RAM_MB, Math.round(ramMb))}`],
    // It waits until it has been written down; and stays, to be asked, when the guest has gone.
    ...['-S', '-action', 'shutdown=pause,panic=pause'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...socket(FILES.qmp, ''),
    ...['-mon', `chardev=${FILES.qmp},mode=control`],
    ...socket(FILES.serial, `,logfile=${FILES.console},logappend=on`),
    ...['-device', json({ driver: 'isa-serial', chardev: FILES.serial })],
    ...socket(FILES.agent, ''),
    ...['-device', json({ driver: 'virtio-serial-pci', id: 'ports', ...at(FIXED.ports) })],
    ...['-device', json({ driver: 'virtserialport', id: 'agport', chardev: FILES.agent, name: AGENT_PORT })],
    ...['-device', json({ driver: 'VGA', id: 'screen', ...at(FIXED.screen) }), '-vnc', `unix:${FILES.vnc}`],
    ...['-object', json({ 'qom-type': 'rng-random', id: 'rng', filename: '/dev/urandom' })],
    ...['-device', json({ driver: 'virtio-rng-pci', rng: 'rng', ...at(FIXED.rng) })],
    ...['-device', json({ driver: 'virtio-balloon-pci', id: BALLOON, 'guest-stats-polling-interval': BALLOON_POLL_S, ...at(FIXED.balloon) })],
    ...['-device', json({ driver: 'pvpanic' })],
    ...disksOf(machine).flatMap(([node, device]) => ['-blockdev', json(node), '-device', json(device)]),
    ...(configDrive ? drive() : []),
    ...devices.interfaces.flatMap(nic => ['-netdev', json(nicBackend(nic.id)), '-device', json(nicDevice(nic, slots))]),
    ...(booted.kernel ? kernel(booted.kernel) : []),
    ...(incoming ? ['-incoming', 'defer'] : []),
  ]
}

const json = (value: object): string => JSON.stringify(value)

const socket = (name: string, more: string): string[] => ['-chardev', `socket,id=${name},path=${name},server=on,wait=off${more}`]

/** A CD, so that the names of disks are left to the disks. */
function drive(): string[] {
  const node = { driver: 'raw', 'node-name': 'config', 'read-only': true, file: { driver: 'file', filename: FILES.configDrive } }
  return ['-blockdev', json(node), '-device', json({ driver: 'ide-cd', id: 'cd-config', drive: 'config', serial: 'config-2' })]
}

const kernel = ({ kernel: file, initrd, append }: Kernel): string[] => ['-kernel', `${UP}/${file}`, '-initrd', `${UP}/${initrd}`, '-append', append]
