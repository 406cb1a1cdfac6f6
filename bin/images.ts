/**
 * `npm run images [FOLDER]`: builds the guest image that comes with Baton from packages of Debian: a kernel, and busybox with a few modules as its
 * first file system. The same packages give the same bytes; packages are downloaded once.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { QEMU_IMAGE } from '../actors/hypervisor/drivers/images.ts'
import { BUILT_IMAGES, type Manifest, sha256Of } from '../actors/hypervisor/drivers/qemu/built.ts'
import { cpioOf, type Entry } from './images/cpio.ts'

const run = promisify(execFile)
const KERNEL = 'linux-image-cloud-amd64'
const BUSYBOX = 'busybox-static'
const AGENT = resolve(import.meta.dirname, '../actors/guest/agent/baton-agent.sh')
const GUEST = resolve(import.meta.dirname, '../actors/hypervisor/drivers/qemu/guest')
/** In the order in which they need each other; what is not there as a module is part of the kernel. */
const MODULES = [
  ...['virtio_ring', 'virtio', 'virtio_pci_modern_dev', 'virtio_pci_legacy_dev', 'virtio_pci', 'virtio_blk', 'virtio_console'],
  ...['failover', 'net_failover', 'virtio_net', 'virtio-rng', 'virtio_balloon', 'button', 'evdev', 'pvpanic', 'pvpanic-pci'],
  ...['scsi_common', 'scsi_mod', 'libata', 'ata_piix', 'cdrom', 'sr_mod', 'isofs'],
]

async function output(file: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(file, args, { maxBuffer: 16 * 1024 * 1024 }).catch((error: Error & { code?: string }) => {
    throw new Error(error.code === 'ENOENT' ? `${file} is not here: images are built on Debian or a system made of it` : error.message)
  })
  return stdout
}

/** The package with the newest kernel: the one of the plain name only points to it. */
async function kernelPackage(): Promise<string> {
  const found = /Depends: (linux-image-\S+)/.exec(await output('apt-cache', 'depends', KERNEL))?.[1]
  if (found === undefined) throw new Error(`apt knows no ${KERNEL}; run apt-get update`)
  return found
}

/** The file of a package, downloaded unless it is here. */
async function fetchPackage(name: string, folder: string): Promise<{ file: string; version: string }> {
  const version = /Candidate: (\S+)/.exec(await output('apt-cache', 'policy', name))?.[1]
  if (version === undefined || version === '(none)') throw new Error(`apt knows no ${name}; run apt-get update`)
  const here = async (): Promise<string | undefined> => (await readdir(folder)).find(f => f.startsWith(`${name}_${version.replaceAll(':', '%3a')}_`))
  if ((await here()) === undefined) await run('apt-get', ['download', '-q', `${name}=${version}`], { cwd: folder })
  const file = await here()
  if (file === undefined) throw new Error(`apt-get did not download ${name} ${version}`)
  return { file: join(folder, file), version }
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
  const script = async (file: string, path: string): Promise<Entry> => ({
    ...{ path, type: 'file', executable: true },
    bytes: await readFile(file),
  })
  const folders = [
    'bin',
    'sbin',
    'mod',
    'etc',
    'etc/acpi',
    'etc/acpi/PWRF',
    'var',
    'var/log',
    'var/run',
    'dev',
    'proc',
    'sys',
    'tmp',
    'disk',
    'config',
  ]
  return cpioOf([
    ...folders.map((path): Entry => ({ path, type: 'folder' })),
    { path: 'bin/busybox', type: 'file', bytes: await readFile(busybox), executable: true },
    ...applets.map((name): Entry => ({ path: `bin/${name}`, type: 'link', to: 'busybox' })),
    ...(await Promise.all(
      modules.map(
        async ({ name, path }): Promise<Entry> => ({ path: `mod/${name}.ko`, type: 'file', bytes: await readFile(path), executable: false }),
      ),
    )),
    { path: 'mod/order', type: 'file', bytes: Buffer.from(modules.map(({ name }) => `${name}\n`).join('')), executable: false },
    await script(join(GUEST, 'init.sh'), 'init'),
    await script(join(GUEST, 'poweroff.sh'), 'etc/acpi/PWRF/00000080'),
    await script(AGENT, 'sbin/baton-agent'),
  ])
}

async function build(folder: string): Promise<Manifest> {
  const packages = join(folder, 'packages')
  await mkdir(packages, { recursive: true })
  const names = [BUSYBOX, await kernelPackage()]
  const fetched = await Promise.all(names.map(name => fetchPackage(name, packages)))
  const root = await mkdtemp(join(tmpdir(), 'baton-image-'))
  try {
    for (const { file } of fetched) await run('dpkg-deb', ['-x', file, root])
    const files = await filesIn(root)
    const kernel = files.find(file => /\/boot\/vmlinuz-/.test(file))
    if (kernel === undefined) throw new Error(`there is no kernel in ${names[1]}`)
    const put = async (file: string, bytes: Uint8Array): Promise<Manifest['images'][number]['kernel']> => {
      await writeFile(join(folder, `${file}.new`), bytes)
      await rename(join(folder, `${file}.new`), join(folder, file))
      return { file, sha256: await sha256Of(join(folder, file)), sizeBytes: bytes.length }
    }
    const image = {
      ...{ id: QEMU_IMAGE.id, name: QEMU_IMAGE.name, append: 'console=ttyS0 quiet panic=-1' },
      kernel: await put('vmlinuz', await readFile(kernel)),
      initrd: await put('initrd.gz', gzipSync(await initrd(root, files), { level: 9 })),
    }
    const agent = await sha256Of(AGENT)
    const manifest: Manifest = { images: [image], agent, packages: Object.fromEntries(names.map((name, i) => [name, fetched[i]?.version ?? ''])) }
    await put('manifest.json', Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`))
    return manifest
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

const folder = resolve(process.argv[2] ?? BUILT_IMAGES)
try {
  const { images } = await build(folder)
  for (const { name, kernel, initrd } of images) {
    for (const { file, sizeBytes, sha256 } of [kernel, initrd]) console.log(`${name}  ${file}  ${sizeBytes} bytes  ${sha256}`)
  }
  console.log(`built in ${folder}`)
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
