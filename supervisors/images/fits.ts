/** What an image says that it needs, against what a flavor gives: Nova's rules. A flavor of 0 GB promises nothing about the disk. */
import type { ImageBody } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'

/** Throws `BadRequest` when the flavor is too small. */
export function checkFits(
  { id, minDiskGb = 0, minRamMb = 0 }: Pick<ImageBody, 'id' | 'minDiskGb' | 'minRamMb'>,
  flavor: { readonly name: string; readonly ramMb: number; readonly diskGb: number },
): void {
  if (flavor.ramMb < minRamMb)
    throw new BatonError(
      'BadRequest',
      `flavor ${flavor.name} has ${flavor.ramMb} MB of memory, and image ${id} needs ${minRamMb}; choose a larger flavor`,
    )
  if (flavor.diskGb > 0 && flavor.diskGb < minDiskGb)
    throw new BatonError(
      'BadRequest',
      `flavor ${flavor.name} has a disk of ${flavor.diskGb} GB, and image ${id} needs ${minDiskGb}; choose a larger flavor`,
    )
}
