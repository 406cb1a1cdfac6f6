/**
 * Digests of partial blobs, computed beside the conductor in a thread that is started by the first of them. What the thread knows dies with
 * it; whoever asks then has the file read from its beginning.
 */
import { Worker } from 'node:worker_threads'
import type { Digests } from '../../actors/kernel/image-store.ts'
import type { FromDigest, ToDigest } from './digest-thread.ts'

export interface Digester {
  /** The file has at least so many bytes that stay as they are. */
  follow(blob: string, file: string, upToBytes: number): void
  /**
   * The digests of its first `sizeBytes` bytes once they are there, or, after `waitMs`, of how many there are some by then. Rejects when the file
   * cannot be read, or has more than those.
   */
  digests(blob: string, file: string, sizeBytes: number, waitMs: number): Promise<Digests>
  forget(blob: string): void
}

interface Followed {
  readonly id: number
  newest: Digests
  fault: Error | null
  readonly waiting: Set<() => void>
}

/** Blobs that are followed at once; of more, the first is forgotten, and read again when it is finished. */
const FOLLOWED_MAX = 256
const NOTHING: Digests = { sizeBytes: 0, checksum: '', hash: '' }

export function createDigester(): Digester {
  const followed = new Map<string, Followed>()
  const byId = new Map<number, Followed>()
  let ids = 0
  let thread: Worker | null = null

  function heard(word: FromDigest): void {
    const known = byId.get(word.id)
    if (!known) return
    if ('fault' in word) known.fault = new Error(`the bytes of an upload could not be digested: ${word.fault}`)
    else known.newest = word
    for (const wake of known.waiting) wake()
  }

  function ended(why: string): void {
    thread = null
    for (const id of byId.keys()) heard({ id, fault: why })
    followed.clear()
    byId.clear()
  }

  function tell(told: ToDigest): void {
    thread ??= begun()
    thread.postMessage(told)
  }

  function begun(): Worker {
    const worker = new Worker(new URL('./digest-thread.ts', import.meta.url))
    worker.on('message', heard)
    worker.on('error', error => worker === thread && ended(error.message))
    worker.on('exit', () => worker === thread && ended('its thread has ended'))
    // Last, since to listen keeps the process.
    worker.unref()
    return worker
  }

  function forget(blob: string): void {
    const known = followed.get(blob)
    if (!known) return
    followed.delete(blob)
    byId.delete(known.id)
    tell({ id: known.id, file: null })
  }

  function follow(blob: string, file: string, upToBytes: number): Followed {
    const known = followed.get(blob) ?? { id: ++ids, newest: NOTHING, fault: null, waiting: new Set() }
    followed.set(blob, known)
    byId.set(known.id, known)
    const [first] = followed.keys()
    if (followed.size > FOLLOWED_MAX && first !== undefined) forget(first)
    tell({ id: known.id, file, upToBytes })
    return known
  }

  return {
    follow: (blob, file, upToBytes) => void follow(blob, file, upToBytes),
    async digests(blob, file, sizeBytes, waitMs) {
      const known = follow(blob, file, sizeBytes)
      const isThere = (): boolean => known.fault !== null || known.newest.sizeBytes >= sizeBytes
      if (!isThere()) {
        await new Promise<void>(resolve => {
          const done = (): void => {
            clearTimeout(late)
            known.waiting.delete(look)
            resolve()
          }
          const look = (): void => {
            if (isThere()) done()
          }
          const late = setTimeout(done, waitMs)
          known.waiting.add(look)
        })
      }
      if (known.fault === null && known.newest.sizeBytes <= sizeBytes) return known.newest
      forget(blob)
      throw known.fault ?? new Error(`upload ${blob} has more than ${sizeBytes} bytes`)
    },
    forget,
  }
}
