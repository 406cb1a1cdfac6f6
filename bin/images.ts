/**
 * `npm run images [FOLDER]`: builds the guest image that comes with Baton from packages of Debian: a kernel, and busybox with a few modules as its
 * first file system. The same packages give the same bytes; packages are downloaded once.
 *
 * `npm run images -- --debian [FOLDER]`: also a disk with a small Debian and PostgreSQL, which that kernel starts; unless it was built of the
 * same already.
 */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { QEMU_IMAGE } from '../actors/hypervisor/drivers/images.ts'
import { BUILT_IMAGES, type Manifest, readManifest, sha256Of } from '../actors/hypervisor/drivers/qemu/built.ts'
import { cpioOf, type Entry } from './images/cpio.ts'
import { buildDebian, debianSources } from './images/debian.ts'
import { fetchPackage, output, pointedTo } from './images/packages.ts'

const KERNEL = 'linux-image-cloud-amd64'
const BUSYBOX = 'busybox-static'
const AGENT = resolve(import.meta.dirname, '../actors/guest/agent')
const GUEST = resolve(import.meta.dirname, '../actors/hypervisor/drivers/qemu/guest')
/** In the order in which they need each other; what is not there as a module is part of the kernel. */
const MODULES = [
  ...['virtio_ring', 'virtio', 'virtio_pci_modern_dev', 'virtio_pci_legacy_dev', 'virtio_pci', 'virtio_blk', 'virtio_console'],
  ...['failover', 'net_failover', 'virtio_net', 'virtio-rng', 'virtio_balloon', 'button', 'evdev', 'pvpanic', 'pvpanic-pci'],
  ...['scsi_common', 'scsi_mod', 'libata', 'ata_piix', 'cdrom', 'sr_mod', 'isofs'],
]
const FOLDERS = [
  ...['bin', 'sbin', 'mod', 'etc', 'etc/acpi', 'etc/acpi/PWRF', 'etc/baton', 'var', 'var/log', 'var/run', 'run', 'dev', 'proc', 'sys', 'tmp'],
  ...['root', 'disk', 'config'],
]
const SCRIPTS: Readonly<Record<string, string>> = {
  init: join(GUEST, 'init.sh'),
  'etc/acpi/PWRF/00000080': join(GUEST, 'poweroff.sh'),
  'etc/baton/identity.sh': join(GUEST, 'identity.sh'),
  'etc/baton/user-data.sh': join(GUEST, 'user-data.sh'),
  'etc/baton/service.sh': join(AGENT, 'service-files.sh'),
  'sbin/baton-agent': join(AGENT, 'baton-agent.sh'),
}

async function filesIn(root: string): Promise<string[]> {
  return (await readdir(root, { recursive: true, withFileTypes: true })).filter(e => e.isFile()).map(e => join(e.parentPath, e.name))
}

async function initrd(root: string, files: readonly string[]): Promise<Buffer> {
  const busybox = join(root, 'bin/busybox')
  const applets = (await output(busybox, '--list')).split('\n').filter(name => name !== '' && name !== 'busybox')
  const modules = MODULES.flatMap(name => {
    const path = files.find(file => file.endsWith(`/${name}.ko`))
    return path ? [{ name, path }] : []
  })
  const file = async (path: string, from: string, executable: boolean): Promise<Entry> => {
    return { path, type: 'file', bytes: await readFile(from), executable }
  }
  return cpioOf([
    ...FOLDERS.map((path): Entry => ({ path, type: 'folder' })),
    await file('bin/busybox', busybox, true),
    ...applets.map((name): Entry => ({ path: `bin/${name}`, type: 'link', to: 'busybox' })),
    ...(await Promise.all(modules.map(({ name, path }) => file(`mod/${name}.ko`, path, false)))),
    { path: 'mod/order', type: 'file', bytes: Buffer.from(modules.map(({ name }) => `${name}\n`).join('')), executable: false },
    ...(await Promise.all(Object.entries(SCRIPTS).map(([path, from]) => file(path, from, true)))),
  ])
}

async function build(folder: string, withDebian: boolean): Promise<Manifest> {
  const packages = join(folder, 'packages')
  await mkdir(packages, { recursive: true })
  const names = [BUSYBOX, await pointedTo(KERNEL, /Depends: (linux-image-\S+)/)]
  const fetched = await Promise.all(names.map(name => fetchPackage(name, packages)))
  const root = await mkdtemp(join(tmpdir(), 'baton-image-'))
  try {
    for (const { file } of fetched) await output('dpkg-deb', '-x', file, root)
    const files = await filesIn(root)
    const kernel = files.find(file => /\/boot\/vmlinuz-/.test(file))
    if (kernel === undefined) throw new Error(`there is no kernel in ${names[1]}`)
    const put = async (file: string, bytes: Uint8Array): Promise<Manifest['images'][number]['kernel']> => {
      await writeFile(join(folder, `${file}.new`), bytes)
      await rename(join(folder, `${file}.new`), join(folder, file))
      return about(folder, file)
    }
    const image = {
      ...{ id: QEMU_IMAGE.id, name: QEMU_IMAGE.name, append: 'console=ttyS0 quiet panic=-1' },
      kernel: await put('vmlinuz', await readFile(kernel)),
      initrd: await put('initrd.gz', gzipSync(await initrd(root, files), { level: 9 })),
    }
    const versions = Object.fromEntries(names.map((name, i) => [name, fetched[i]?.version ?? '']))
    const agent = await sha256Of(SCRIPTS['sbin/baton-agent'] ?? '')
    const disks = await debian(folder, withDebian)
    const manifest: Manifest = { images: [image], disks, agent, packages: versions }
    await put('manifest.json', Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`))
    return manifest
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

/** The disk that is there, unless it is to be built and what it is made of has changed. */
async function debian(folder: string, wanted: boolean): Promise<NonNullable<Manifest['disks']>> {
  const known = (await readManifest(folder).catch(() => null))?.disks ?? []
  const isThere = known.length > 0 && (await Promise.all(known.map(disk => isAsBuilt(folder, disk)))).every(Boolean)
  const sources = createHash('sha256')
    .update(await debianSources())
    .digest('hex')
  if (!wanted || (isThere && known[0]?.sources === sources)) return isThere ? known : []
  const file = await buildDebian(folder, console.log)
  return [{ name: 'debian', format: 'qcow2', sources, ...(await about(folder, file)) }]
}

const about = async (folder: string, file: string): Promise<Manifest['images'][number]['kernel']> => {
  return { file, sha256: await sha256Of(join(folder, file)), sizeBytes: (await stat(join(folder, file))).size }
}
const isAsBuilt = (folder: string, { file, sha256 }: { readonly file: string; readonly sha256: string }): Promise<boolean> =>
  sha256Of(join(folder, file)).then(
    found => found === sha256,
    () => false,
  )

try {
  const { values, positionals } = parseArgs({ options: { debian: { type: 'boolean', default: false } }, allowPositionals: true })
  const folder = resolve(positionals[0] ?? BUILT_IMAGES)
  const { images, disks = [] } = await build(folder, values.debian)
  const line = (name: string, { file, sizeBytes, sha256 }: { readonly file: string; readonly sizeBytes: number; readonly sha256: string }): void =>
    console.log(`${name}  ${file}  ${sizeBytes} bytes  ${sha256}`)
  for (const { name, kernel, initrd } of images) for (const file of [kernel, initrd]) line(name, file)
  for (const disk of disks) line(disk.name, disk)
  console.log(`built in ${folder}`)
  for (const { name, format, file } of disks) {
    const properties = `--property kernel_id=${QEMU_IMAGE.id},baton_agent=required`
    console.log(`to use it: baton image create --name ${name} --file ${join(folder, file)} --disk-format ${format} ${properties}`)
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
