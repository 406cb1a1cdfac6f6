/**
 * Disks in a folder that all hosts have at the same path (`driver.qemu.shared`), such as a mount of NFS: a guest whose disk is there moves
 * without it, and can be made anew elsewhere when its host has died. Each is whole, read through to no image: of an image that several hosts
 * read through to nobody would know when none needs it any more.
 *
 *     <shared>/<instance>.qcow2  <instance>.json (what starts it)
 *
 * That two QEMUs never write to one is up to the operations; QEMU's own locks are the second line. A host that lets go of a guest leaves the
 * disk unless it is told that the instance is no more.
 */
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { Type } from 'typebox'
import { BatonError } from '../../../kernel/errors.ts'
import { parseWith } from '../records.ts'
import type { Root } from './command-line.ts'
import { giveTo } from './guest-files.ts'
import { kernelImage } from './shape.ts'
import type { Img, User } from './tools.ts'

const parse = parseWith(Type.Object({ kernel: Type.Union([Type.String(), Type.Null()]) }))

export interface SharedDisks {
  pathOf(instance: string): string
  /** Makes it of an image, in place of any that was there. Image files are relative to `home`, the guest's folder. */
  make(instance: string, home: string, root: Root, bytes: number): Promise<void>
  /** Image whose kernel starts the guest (null: none); undefined: there is no such disk. */
  find(instance: string): Promise<{ readonly kernel: string | null } | undefined>
  remove(instance: string): Promise<void>
}

/** Rejects `DataFolder` when the folder is none that can be used. */
export async function openSharedDisks(folder: string, user: User | null, img: Img): Promise<SharedDisks> {
  if (!isAbsolute(folder)) throw new BatonError('DataFolder', `driver.qemu.shared is the same path on every host, so it begins with /: ${folder}`)
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: Error) => {
    throw new BatonError('DataFolder', `disks cannot be shared in ${folder}: ${cause.message}`, { cause })
  })
  giveTo(folder, user)
  const pathOf = (instance: string): string => join(folder, `${instance}.qcow2`)
  const aboutOf = (instance: string): string => join(folder, `${instance}.json`)

  return {
    pathOf,
    async make(instance, home, root, bytes) {
      const part = `${pathOf(instance)}.part`
      await rm(part, { force: true })
      if (root.base) {
        await img(home, 'convert', '-q', '-f', root.base.format, '-O', 'qcow2', `../../${root.base.file}`, part)
        await img(home, 'resize', '-q', '-f', 'qcow2', part, `${bytes}`)
      } else await img(home, 'create', '-q', '-f', 'qcow2', part, `${bytes}`)
      await writeFile(aboutOf(instance), JSON.stringify({ kernel: kernelImage(root) }), { mode: 0o600 })
      await rename(part, pathOf(instance))
    },
    async find(instance) {
      const isThere = await access(pathOf(instance)).then(
        () => true,
        () => false,
      )
      if (!isThere) return undefined
      const about = parse(JSON.parse(await readFile(aboutOf(instance), 'utf8').catch(() => 'null')))
      if (!about) throw new BatonError('DriverFault', `${aboutOf(instance)} is not what was written there`)
      return about
    },
    async remove(instance) {
      await rm(pathOf(instance), { force: true })
      await rm(aboutOf(instance), { force: true })
    },
  }
}
