/**
 * Garbage of streams. To V8 a buffer is a few words of its heap, whatever it holds; so when bytes only pass through a process, a hundred
 * megabytes of buffers that nobody needs any more gather before V8 looks for them, and then it marks the whole heap for them, again and again.
 * Whoever passes bytes on says so here, and after every few megabytes the young generation is collected: 1 to 2 ms each.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Hears of bytes that were passed on. */
export type PassedOn = (bytes: number) => void

const YOUNG_EVERY_BYTES = 4 * 1024 ** 2

export function collectAfterStreams(): PassedOn {
  // The only way to V8's collector without a flag of the command line.
  setFlagsFromString('--expose-gc')
  const collect: NodeJS.GCFunction = runInNewContext('gc')
  let young = 0
  return bytes => {
    young += bytes
    if (young < YOUNG_EVERY_BYTES) return
    young = 0
    collect({ type: 'minor' })
  }
}
