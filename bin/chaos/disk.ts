/** A small disk of its own for a server, in memory, that can be full. */
import { execFile } from 'node:child_process'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const SIZE_MB = 1024
const BALLAST = 'ballast'
const CHUNK_BYTES = 4 * 1024 * 1024

export interface Disk {
  /** Leaves no byte free until `free`. */
  fill(): Promise<void>
  free(): Promise<void>
  unmount(): Promise<void>
}

/** Mounted at a folder that exists and is empty. Null where this machine does not let us. */
export async function mountDisk(folder: string): Promise<Disk | null> {
  if (process.getuid?.() !== 0) return null
  const options = `size=${SIZE_MB}m,mode=0711`
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', options, 'baton-chaos', folder]).then(
    () => true,
    () => false,
  )
  if (!mounted) return null
  const ballast = join(folder, BALLAST)
  return {
    async fill() {
      const file = await open(ballast, 'w', 0o600)
      try {
        // Ever smaller pieces: a page is the last.
        for (let bytes = CHUNK_BYTES; bytes >= 4096; bytes /= 2) {
          const chunk = Buffer.alloc(bytes)
          while (await fits(file.write(chunk), bytes));
        }
      } finally {
        await file.close()
      }
    },
    free: () => rm(ballast, { force: true }),
    // Lazily: a process that is still ending may hold a file.
    unmount: async () => void (await run('umount', ['--lazy', folder])),
  }
}

async function fits(writing: Promise<{ bytesWritten: number }>, bytes: number): Promise<boolean> {
  try {
    return (await writing).bytesWritten === bytes
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false
    throw error
  }
}
