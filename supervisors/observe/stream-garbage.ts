/**
 * Garbage of streams. To V8 a buffer is a few words of its heap, whatever it holds; so when bytes only pass through a process, a hundred
 * megabytes of buffers that nobody needs any more gather before V8 looks for them. Whoever passes bytes on says so here, and after every few
 * megabytes the young generation is collected: 1 to 2 ms each, and the process stays as small as what is under way.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Hears of bytes that were passed on. */
export type PassedOn = (bytes: number) => void

const YOUNG_EVERY_BYTES = 4 * 1024 ** 2
/**
 * By how much the old generation may grow before all of it is marked, %. Left to itself V8 allows the heap of a quiet node a few megabytes, and
 * buffers count: it then marked everything once for each 9 MB of an image, and that was two thirds of what a gateway did.
 */
const GROWING_PERCENT = 100

export function collectAfterStreams(): PassedOn {
  let collect: NodeJS.GCFunction | null = null
  let young = 0

  /** With the first stream: whoever passes nothing on is left as it is. */
  function begin(): NodeJS.GCFunction {
    setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`)
    // The only way to V8's collector without a flag of the command line.
    setFlagsFromString('--expose-gc')
    const gc: NodeJS.GCFunction = runInNewContext('gc')
    // What starting the process has left is more than a stream ever is, and would be counted as what the heap needs.
    gc({ type: 'major' })
    return gc
  }

  return bytes => {
    young += bytes
    if (young < YOUNG_EVERY_BYTES) return
    young = 0
    collect ??= begin()
    collect({ type: 'minor' })
  }
}
