/** What this machine has to give to guests. */
import { statfs } from 'node:fs/promises'
import { availableParallelism, totalmem, uptime } from 'node:os'
import { BatonError } from '../../kernel/errors.ts'
import type { GuestSpec, Inventory } from '../driver.ts'

const GB = 1024 ** 3

/** `folder`: where the disks of guests would be. */
export async function machineInventory(folder: string): Promise<Inventory> {
  const disk = await statfs(folder)
  return { vcpus: availableParallelism(), ramMb: Math.floor(totalmem() / 1024 ** 2), diskGb: Math.floor((disk.bavail * disk.bsize) / GB) }
}

/** For how long this machine has been running. */
export const machineUptimeS = (): number => Math.floor(uptime())

/** Throws `DriverFault` for a size that is none. */
export function checkSize({ vcpus, ramMb, diskGb }: GuestSpec): void {
  for (const [name, value] of Object.entries({ vcpus, ramMb, diskGb })) {
    if (!Number.isFinite(value) || value < 0) throw new BatonError('DriverFault', `${name} of a guest is a number from 0, not ${value}`)
  }
}
