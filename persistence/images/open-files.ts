/**
 * Files that are read or written piece by piece stay open between two pieces, a few seconds at most: to open and close one for every piece
 * took longer than the piece.
 */
import { type FileHandle, open } from 'node:fs/promises'

export interface OpenFiles {
  /** Does `task` with the file, opened with these flags unless it is open. Rejects like `open`. */
  use<T>(path: string, flags: 'r' | 'r+', task: (handle: FileHandle) => Promise<T>): Promise<T>
  /** Nobody begins with this one any more; it is closed as soon as nobody uses it. */
  release(path: string): void
}

interface OpenFile {
  readonly handle: Promise<FileHandle>
  users: number
  released: boolean
  idle: NodeJS.Timeout | null
}

/** An unused file stays open so long, ms. */
const IDLE_MS = 2000
/** Files that stay open unused. */
const FILES_MAX = 64

export function createOpenFiles(): OpenFiles {
  const files = new Map<string, OpenFile>()

  function release(path: string): void {
    const file = files.get(path)
    if (!file) return
    files.delete(path)
    file.released = true
    closeUnused(file)
  }

  function closeUnused(file: OpenFile): void {
    if (!file.released || file.users > 0) return
    if (file.idle) clearTimeout(file.idle)
    // What could not be opened need not be closed.
    file.handle.then(handle => handle.close()).catch(() => {})
  }

  function rest(path: string, file: OpenFile): void {
    file.idle = setTimeout(release, IDLE_MS, path).unref()
    const [first] = files.keys()
    if (files.size > FILES_MAX && first !== undefined) release(first)
  }

  return {
    async use(path, flags, task) {
      const file = files.get(path) ?? { handle: open(path, flags), users: 0, released: false, idle: null }
      files.set(path, file)
      file.users++
      if (file.idle) clearTimeout(file.idle)
      try {
        return await task(await file.handle)
      } catch (error) {
        // Whatever is the matter with it, the next one opens it anew.
        if (files.get(path) === file) release(path)
        throw error
      } finally {
        file.users--
        if (file.released) closeUnused(file)
        else if (file.users === 0) rest(path, file)
      }
    },
    release,
  }
}
