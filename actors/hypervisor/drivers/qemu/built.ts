/**
 * The images that `npm run images` has built: a folder with a manifest, which says of each image which files it has and their hashes.
 *
 *     <folder>/manifest.json  <folder>/<file> …
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { type Static, Type } from 'typebox'
import { BatonError } from '../../../kernel/errors.ts'
import { parseWith } from '../records.ts'

/** Where `npm run images` puts them, if it is not told otherwise. */
export const BUILT_IMAGES = fileURLToPath(new URL('../../../../.cache/images', import.meta.url))

const FILE = { file: Type.String(), sha256: Type.String(), sizeBytes: Type.Number() }
const FileSchema = Type.Object(FILE)

export const ManifestSchema = Type.Object({
  images: Type.Array(
    Type.Object({
      id: Type.String(),
      name: Type.String(),
      kernel: FileSchema,
      initrd: FileSchema,
      /** Arguments of the kernel. */
      append: Type.String(),
    }),
  ),
  /** Disks to be uploaded, which the first image starts; absent from what was built before there were any. */
  disks: Type.Optional(
    // `sources`: SHA-256 of what it was made of.
    Type.Array(Type.Object({ name: Type.String(), format: Type.String(), sources: Type.String(), ...FILE })),
  ),
  /** SHA-256 of the agent in it; absent from what was built before there was one. */
  agent: Type.Optional(Type.String()),
  /** What it was made of, by package. */
  packages: Type.Record(Type.String(), Type.String()),
})
export type Manifest = Static<typeof ManifestSchema>
export type BuiltImage = Manifest['images'][number]

const parse = parseWith(ManifestSchema)

/** What was built here; null when nothing was. Rejects `DriverFault` when the manifest is none. */
export async function readManifest(folder: string): Promise<Manifest | null> {
  const file = join(folder, 'manifest.json')
  const text = await readFile(file, 'utf8').catch(() => null)
  if (text === null) return null
  const manifest = parse(parseJson(text))
  if (!manifest) throw new BatonError('DriverFault', `${file} is not what \`npm run images\` writes; run it again`)
  return manifest
}

/** The image as it was built here; null when it was not. Rejects `DriverFault` when the manifest is none. */
export async function builtImage(folder: string, id: string): Promise<BuiltImage | null> {
  const manifest = await readManifest(folder)
  if (!manifest) return null
  // Instances of it are active when their agent says so; without one they never would be.
  if (manifest.agent === undefined)
    throw new BatonError('DriverFault', `${join(folder, 'manifest.json')} has no agent yet; run \`npm run images\` again`)
  return manifest.images.find(image => image.id === id) ?? null
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

/** The path of a file of an image, which is what it was when it was built. Rejects `DriverFault` otherwise. */
export async function verified(folder: string, { file, sha256 }: BuiltImage['kernel']): Promise<string> {
  const path = join(folder, basename(file))
  const found = await sha256Of(path).catch(() => null)
  if (found === sha256) return path
  throw new BatonError('DriverFault', `${path} ${found === null ? 'is gone' : 'is not what was built'}; run \`npm run images\` again`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
