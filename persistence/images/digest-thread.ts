/**
 * The thread that computes digests: it reads behind the writers, out of the file, as far as it was told that there is something. An image
 * takes longer to digest than to move, and a conductor that did it itself would answer nobody meanwhile.
 */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import type { Digests } from '../../actors/kernel/image-store.ts'

/** What the thread is told: a file has at least so many bytes that stay, or nobody wants its digests any more. No `id` is ever used again. */
export type ToDigest = { readonly id: number; readonly file: string; readonly upToBytes: number } | { readonly id: number; readonly file: null }

/** What it says: the digests of the first `sizeBytes` bytes, or why there are none. */
export type FromDigest = ({ readonly id: number } & Digests) | { readonly id: number; readonly fault: string }

interface Reading {
  readonly md5: Hash
  readonly sha512: Hash
  readonly file: number
  sizeBytes: number
  upToBytes: number
}

/** Read in one go, bytes. */
const CHUNK_BYTES = 1024 ** 2
/** Digested of one blob before another gets its turn and the count is told, bytes. */
const TURN_BYTES = 16 * CHUNK_BYTES

const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
const readings = new Map<number, Reading>()
let isDue = false

/** True when it has come as far as it was told to. */
function readOn(reading: Reading): boolean {
  const until = Math.min(reading.upToBytes, reading.sizeBytes + TURN_BYTES)
  while (reading.sizeBytes < until) {
    const length = readSync(reading.file, chunk, 0, Math.min(CHUNK_BYTES, until - reading.sizeBytes), reading.sizeBytes)
    if (length === 0) throw new Error(`the file ends after ${reading.sizeBytes} bytes instead of ${reading.upToBytes}`)
    const bytes = chunk.subarray(0, length)
    reading.md5.update(bytes)
    reading.sha512.update(bytes)
    reading.sizeBytes += length
  }
  return reading.sizeBytes >= reading.upToBytes
}

const say = (word: FromDigest): void => parentPort?.postMessage(word)

function forget(id: number): void {
  const reading = readings.get(id)
  if (reading) closeSync(reading.file)
  readings.delete(id)
}

function turn(): void {
  isDue = false
  for (const [id, reading] of readings) {
    if (reading.sizeBytes >= reading.upToBytes) continue
    try {
      if (!readOn(reading)) later()
      say({ id, sizeBytes: reading.sizeBytes, checksum: reading.md5.copy().digest('hex'), hash: reading.sha512.copy().digest('hex') })
    } catch (error) {
      forget(id)
      say({ id, fault: error instanceof Error ? error.message : String(error) })
    }
  }
}

function later(): void {
  if (isDue) return
  isDue = true
  setImmediate(turn)
}

parentPort?.on('message', (told: ToDigest) => {
  const { id } = told
  if (told.file === null) {
    forget(id)
    return
  }
  try {
    const reading = readings.get(id) ?? {
      ...{ md5: createHash('md5'), sha512: createHash('sha512'), file: openSync(told.file, 'r') },
      ...{ sizeBytes: 0, upToBytes: 0 },
    }
    reading.upToBytes = Math.max(reading.upToBytes, told.upToBytes)
    readings.set(id, reading)
    later()
  } catch (error) {
    say({ id, fault: error instanceof Error ? error.message : String(error) })
  }
})
