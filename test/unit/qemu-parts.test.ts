/** The pure parts of the driver of QEMU: the look at an image, the command line, the config drive, what states mean. */
import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { guestMemoryOf } from '../../actors/hypervisor/drivers/qemu/balloon.ts'
import { assignSlots, commandLine, FILES, type Machine, nodeOf } from '../../actors/hypervisor/drivers/qemu/command-line.ts'
import { isoOf, SECTOR } from '../../actors/hypervisor/drivers/qemu/iso.ts'
import { inspectImage } from '../../actors/hypervisor/drivers/qemu/qcow2.ts'
import { checkSocketPaths } from '../../actors/hypervisor/drivers/qemu/runs.ts'
import { lineOfEvent, powerOf } from '../../actors/hypervisor/drivers/qemu/status.ts'
import { diskBytes } from '../../actors/hypervisor/drivers/qemu/storage.ts'
import { isNewEnough, parseVersion } from '../../actors/hypervisor/drivers/qemu/tools.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { cpioOf } from '../../bin/images/cpio.ts'

const GB = 1024 ** 3
const A = 'aaaaaaaa-0000-4000-8000-000000000001'

/** The header of a qcow2 image of 1 GB, and what is changed in it. */
function header(change: (view: DataView) => void = () => {}): Uint8Array {
  const bytes = new Uint8Array(1024)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, 0x514649fb)
  view.setUint32(4, 3)
  view.setUint32(20, 16)
  view.setBigUint64(24, BigInt(GB))
  view.setUint32(36, 2)
  view.setBigUint64(40, 512n)
  view.setUint32(100, 104)
  change(view)
  return bytes
}

function refused(act: () => unknown, why: RegExp): void {
  assert.throws(act, (error: unknown) => error instanceof BatonError && why.test(error.message), String(why))
}

test('an image is what it was said to be, and no larger than it says', () => {
  assert.equal(inspectImage('i', 'qcow2', header(), 1024), { format: 'qcow2', virtualBytes: GB })
  assert.equal(
    inspectImage(
      'i',
      'qcow2',
      header(v => v.setUint32(4, 2)),
      1024,
    ).virtualBytes,
    GB,
  )
  assert.equal(inspectImage('i', 'raw', header(), 1000), { format: 'raw', virtualBytes: 1024 })
  // A raw disk may begin as a guest likes: nobody looks.
  assert.is(
    inspectImage(
      'i',
      'raw',
      header(v => v.setBigUint64(8, 600n)),
      1024,
    ).format,
    'raw',
  )
})

test('an image that names another file, or cannot be, is refused with the reason', () => {
  const cases: readonly [(view: DataView) => void, RegExp][] = [
    [v => v.setBigUint64(8, 600n), /backing file/],
    [v => v.setUint32(16, 11), /backing file/],
    [v => v.setBigUint64(72, 4n), /data file/],
    [v => v.setBigUint64(72, 2n), /corrupt/],
    [v => v.setBigUint64(72, 1n << 40n), /not known: 0x10000000000/],
    [v => v.setUint32(32, 1), /encrypted/],
    [v => v.setUint32(60, 1), /snapshots/],
    [v => v.setBigUint64(24, 0n), /0 bytes/],
    [v => v.setBigUint64(24, 2n ** 63n), /9223372036854775808 bytes/],
    [v => v.setUint32(20, 3), /2\^3/],
    [v => v.setUint32(20, 60), /2\^60/],
    [v => v.setUint32(36, 2 ** 31), /table of clusters would have/],
    [v => v.setBigUint64(40, 1020n), /cut off/],
    [v => v.setUint32(4, 9), /version 9/],
    [v => v.setUint32(0, 0), /does not begin as one/],
  ]
  for (const [change, why] of cases) refused(() => inspectImage('i', 'qcow2', header(change), 1024), why)
  refused(() => inspectImage('i', 'qcow2', header().subarray(0, 60), 60), /does not begin/)
  refused(() => inspectImage('i', 'qcow2', header().subarray(0, 80), 80), /cut off/)
  refused(() => inspectImage('i', 'raw', new Uint8Array(), 0), /empty/)
  for (const format of ['vmdk', 'unknown', '', 'RAW']) refused(() => inspectImage('i', format, header(), 1024), /takes raw and qcow2/)
})

test('a disk has what its flavor says, and never less than its image', () => {
  assert.is(diskBytes({ diskGb: 2, image: 'i' }, GB), 2 * GB)
  assert.is(diskBytes({ diskGb: 1, image: 'i' }, GB), GB)
  assert.is(diskBytes({ diskGb: 0, image: 'i' }, 5 * GB), 5 * GB)
  refused(() => diskBytes({ diskGb: 1, image: 'i' }, GB + 1), /needs a disk of 2 GB and the flavor has 1 GB/)
})

const machine = (more: Partial<Machine> = {}): Machine => ({
  ...{ instance: A, vcpus: 2, ramMb: 512, accelerator: 'tcg', rescue: null, configDrive: true, incoming: false, slots: {}, disk: FILES.disk },
  root: { base: { file: 'bases/i.raw', format: 'raw' }, kernel: null },
  devices: { disks: [], interfaces: [] },
  ...more,
})

test('the command line confines, names every file of a disk, and knows nothing but ids and sizes', () => {
  const args = commandLine(machine())
  const after = (flag: string): string => args[args.indexOf(flag) + 1] ?? ''
  for (const flag of ['-nodefaults', '-no-user-config', '-S']) assert.ok(args.includes(flag), flag)
  assert.is(after('-sandbox'), 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny')
  assert.is(after('-smp'), '2')
  assert.is(after('-m'), '512')
  assert.is(after('-uuid'), A)
  const root = JSON.parse(after('-blockdev'))
  assert.is(root.file.filename, FILES.disk)
  assert.equal([root.driver, root.backing.driver, root.backing.file.filename, root.backing['read-only']], ['qcow2', 'raw', '../../bases/i.raw', true])
  assert.is(JSON.parse(commandLine(machine({ root: { base: null, kernel: null } }))[args.indexOf('-blockdev') + 1] ?? '').backing, null)
  for (const arg of args) assert.ok(!arg.includes('tcp') && !arg.includes('exec:') && !arg.startsWith('/'), arg)
  assert.not.ok(commandLine(machine({ instance: 'a1' })).includes('-uuid'))
  assert.ok(
    commandLine(machine({ incoming: true }))
      .join(' ')
      .includes('-incoming defer'),
  )
})

test('in rescue the other system boots, and the own disk is the second', () => {
  const kernel = { kernel: 'bases/k', initrd: 'bases/i', append: 'console=ttyS0' }
  const args = commandLine(machine({ rescue: { base: null, kernel } }))
  const nodes = args.flatMap((arg, i) => (args[i - 1] === '-blockdev' ? [JSON.parse(arg)['node-name']] : []))
  assert.equal(nodes, ['rescue', 'root', 'config'])
  assert.is(args[args.indexOf('-kernel') + 1], '../../bases/k')
})

test('a device keeps its place as long as it is there, and there is room for so many', () => {
  const disk = (id: string) => ({ id, sizeGb: 1, device: '/dev/vdb' })
  const devices = (...ids: string[]) => ({ disks: ids.map(disk), interfaces: [] })
  const one = assignSlots({}, devices('a', 'b'))
  assert.equal(one, { a: 8, b: 9 })
  assert.equal(assignSlots(one, devices('b', 'c')), { b: 9, c: 8 })
  assert.equal(assignSlots({}, { disks: [disk('a')], interfaces: [{ id: 'p', network: 'n', mac: 'm' }] }), { a: 8, p: 9 })
  const many = Array.from({ length: 25 }, (_, i) => `d${i}`)
  assert.is(Object.keys(assignSlots({}, devices(...many.slice(1)))).length, 24)
  refused(() => assignSlots({}, devices(...many)), /takes 24 devices, and not 25/)
  assert.ok(nodeOf('x'.repeat(64)).length <= 31, 'the limit of a node name, with room for one letter')
})

test('states of a machine are powers of a guest; events are lines for people', () => {
  assert.equal(['running', 'paused', 'io-error', 'shutdown', 'guest-panicked', 'prelaunch', 'postmigrate', 'constructor', null].map(powerOf), [
    ...['running', 'paused', 'paused', 'shutdown', 'crashed', 'shutdown', 'suspended', 'running', 'running'],
  ])
  assert.match(lineOfEvent('BLOCK_IO_ERROR', { nospace: true }) ?? '', /full/)
  assert.match(lineOfEvent('BLOCK_IO_ERROR', { operation: 'read' }) ?? '', /could not be read/)
  assert.match(lineOfEvent('SHUTDOWN', { guest: true, reason: 'guest-shutdown' }) ?? '', /by the guest itself/)
  assert.match(lineOfEvent('SHUTDOWN', { guest: false, reason: 'host-signal' }) ?? '', /off/)
  assert.is(lineOfEvent('SHUTDOWN', { guest: false, reason: 'host-qmp-quit' }), null, 'whoever said so tells why')
  assert.is(lineOfEvent('RTC_CHANGE', {}), null)
})

test('a folder in which sockets could have no names is refused at the start', () => {
  checkSocketPaths('/var/lib/baton/hosts/compute-1/qemu')
  assert.throws(() => checkSocketPaths(`/${'x'.repeat(80)}`), /Linux takes 107; choose a data folder with a shorter path/)
})

test('knows which QEMU is new enough', () => {
  assert.equal(parseVersion('QEMU emulator version 7.2.22 (Debian 1:7.2)'), [7, 2])
  assert.is(parseVersion('bash: not found'), null)
  assert.equal(
    [
      [6, 2],
      [7, 1],
      [7, 2],
      [10, 0],
    ].map(([a = 0, b = 0]) => isNewEnough([a, b])),
    [false, false, true, true],
  )
})

test('a config drive is an ISO image with long names, the same for the same files', () => {
  const big = Buffer.alloc(65_535, 7)
  const files = new Map([
    ['openstack/latest/meta_data.json', Buffer.from('{"name":"a \\"b\\"\\n"}')],
    ['openstack/latest/user_data', big],
    ['ec2/latest/meta-data.json', Buffer.from('{}')],
  ])
  const iso = isoOf('config-2', files)
  assert.equal(isoOf('config-2', files), iso)
  const at = (sector: number) => iso.subarray(sector * SECTOR, (sector + 1) * SECTOR)
  assert.is(at(16).toString('latin1', 1, 6), 'CD001')
  assert.is(at(16).toString('latin1', 40, 48), 'config-2')
  assert.equal([at(16)[0], at(17)[0], at(18)[0]], [1, 2, 255])
  assert.is(at(16).readUInt32LE(80) * SECTOR, iso.length)
  assert.equal(readIso(iso, 16).toSorted(), ['EC2/LATEST/META-DATA.JSON;1', 'OPENSTACK/LATEST/META_DATA.JSON;1', 'OPENSTACK/LATEST/USER_DATA;1'])
  assert.equal(readIso(iso, 17).toSorted(), [...files.keys()].toSorted())
  assert.ok(iso.includes(big))
})

/** Paths of all files, read as a system would: from the root in a descriptor on. */
function readIso(iso: Buffer, descriptor: number): string[] {
  const name = (bytes: Buffer): string => (descriptor === 17 ? Buffer.from(bytes).swap16().toString('utf16le') : bytes.toString('latin1'))
  const walk = (sector: number, bytes: number, prefix: string): string[] => {
    const found: string[] = []
    for (let at = sector * SECTOR; at < sector * SECTOR + bytes; ) {
      const length = iso[at] ?? 0
      if (length === 0) {
        at = (Math.floor(at / SECTOR) + 1) * SECTOR
        continue
      }
      const [where, size, isFolder] = [iso.readUInt32LE(at + 2), iso.readUInt32LE(at + 10), ((iso[at + 25] ?? 0) & 2) !== 0]
      const raw = iso.subarray(at + 33, at + 33 + (iso[at + 32] ?? 0))
      const isDot = raw.length === 1 && (raw[0] ?? 2) < 2
      if (!isDot) found.push(...(isFolder ? walk(where, size, `${prefix}${name(raw)}/`) : [`${prefix}${name(raw)}`]))
      at += length
    }
    return found
  }
  const root = descriptor * SECTOR + 156
  return walk(iso.readUInt32LE(root + 2), iso.readUInt32LE(root + 10), '')
}

test('the archive of a first file system has every entry, padded to four', () => {
  const archive = cpioOf([
    { path: 'bin', type: 'folder' },
    { path: 'bin/sh', type: 'link', to: 'busybox' },
    { path: 'init', type: 'file', bytes: Buffer.from('#!'), executable: true },
  ])
  assert.is(archive.length % 4, 0)
  assert.equal(archive.toString('latin1').match(/070701/g)?.length, 4)
  assert.match(archive.toString('latin1'), /000081ed.*init\0/s)
})

test('no shell script of the guest image has a mistake of form', () => {
  for (const folder of ['actors/hypervisor/drivers/qemu/guest', 'actors/guest/agent'])
    for (const name of readdirSync(folder).filter(each => each.endsWith('.sh'))) execFileSync('/bin/sh', ['-n', `${folder}/${name}`])
})

test('what a guest says of its memory is taken where it says something that can be', () => {
  const MB = 1024 ** 2
  const stats = { 'stat-total-memory': 100 * MB, 'stat-free-memory': 20 * MB, 'stat-available-memory': 60 * MB, 'stat-swap-in': -1 }
  const heard = { 'last-update': 1_800_000_000, stats }
  assert.equal(guestMemoryOf(heard, { actual: 128 * MB }), { actualMb: 128, totalMb: 100, freeMb: 20, availableMb: 60 })
  // Before the first answer, and of a system that knows no more, each is 2^64 - 1.
  assert.is(guestMemoryOf({ stats: { ...stats, 'stat-available-memory': 2 ** 64 - 1 } }, { actual: 128 * MB }), null)
  assert.is(guestMemoryOf({ stats: { ...stats, 'stat-free-memory': -1 } }, { actual: 128 * MB }), null)
  assert.is(guestMemoryOf(null, null), null)
})

test.run()
