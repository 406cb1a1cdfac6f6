/** Between Glance's names of fields and ours, both ways. */
import type { ImageAbout } from '../../../actors/api.ts'
import { WRITABLE } from './schemas.ts'

export type Writable = keyof typeof WRITABLE

/** The part of an image that each field is; `name` stands beside it. */
const PARTS: Readonly<Record<Exclude<Writable, 'name'>, keyof ImageAbout>> = {
  visibility: 'visibility',
  protected: 'protected',
  os_hidden: 'hidden',
  container_format: 'containerFormat',
  disk_format: 'diskFormat',
  min_disk: 'minDiskGb',
  min_ram: 'minRamMb',
  tags: 'tags',
}

export const isWritable = (name: string): name is Writable => Object.hasOwn(WRITABLE, name)

/** What a checked body says, in our words. The name null is an empty one. */
export function partsOf(fields: Readonly<Record<string, unknown>>): Partial<ImageAbout> & { name?: string } {
  const found: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (!isWritable(name)) continue
    if (name === 'name') found.name = value ?? ''
    else found[PARTS[name]] = value
  }
  return found
}
