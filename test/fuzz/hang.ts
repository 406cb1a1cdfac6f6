/**
 * Who watches code that never returns? A thread of its own, which is told the number and the text of each input before it runs. When the
 * number stands still for too long, it prints the input and ends the process: nothing else can.
 */
import { writeSync } from 'node:fs'
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { INPUT_LIMIT_MS } from './target.ts'

const TEXT_BYTES = 256 * 1024
const HUNG_MS = INPUT_LIMIT_MS * 3

interface Shared {
  /** Number of the input, and the length of its text. */
  readonly counters: Int32Array
  readonly text: Uint8Array
}

export function watchHangs(): { begin(input: string): void; stop(): void } {
  const shared: Shared = { counters: new Int32Array(new SharedArrayBuffer(8)), text: new Uint8Array(new SharedArrayBuffer(TEXT_BYTES)) }
  const worker = new Worker(import.meta.filename, { workerData: shared })
  worker.unref()
  const encoder = new TextEncoder()
  return {
    begin(input) {
      shared.counters[1] = encoder.encodeInto(input, shared.text).written
      Atomics.add(shared.counters, 0, 1)
    },
    stop: () => void worker.terminate(),
  }
}

const isShared = (data: unknown): data is Shared => typeof data === 'object' && data !== null && 'counters' in data && 'text' in data

if (!isMainThread && isShared(workerData)) {
  const { counters, text } = workerData
  let last = -1
  setInterval(() => {
    const now = Atomics.load(counters, 0)
    if (now !== last || now === 0) {
      last = now
      return
    }
    writeSync(1, `hangs for more than ${HUNG_MS / 1000} s: ${Buffer.from(text.slice(0, counters[1])).toString()}\n`)
    process.kill(process.pid, 'SIGKILL')
  }, HUNG_MS)
}
