/**
 * Garbage of streams. To V8 a buffer is a few words of its heap, whatever it holds; so when bytes only pass through a process, a hundred
 * megabytes of buffers that nobody needs any more gather before V8 looks for them. Whoever passes bytes on says so here, and after every
 * few megabytes the young generation is collected: 1 to 2 ms each, and the process stays as small as what is under way.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Hears of bytes that were passed on. */
export type PassedOn = (bytes: number) => void

const YOUNG_EVERY_BYTES = 4 * 1024 ** 2
/** What was under way during two collections has become old, and only a whole one finds it: some 10 ms. */
const ALL_EVERY_BYTES = 256 * 1024 ** 2

export function collectAfterStreams(): PassedOn {
  // The only way to V8's collector without a flag of the command line.
  setFlagsFromString('--expose-gc')
  const collect: NodeJS.GCFunction = runInNewContext('gc')
  let young = 0
  // The first time everything: what starting the process has left is more than a stream ever is.
  let all = ALL_EVERY_BYTES
  return bytes => {
    young += bytes
    all += bytes
    if (young < YOUNG_EVERY_BYTES) return
    young = 0
    if (all < ALL_EVERY_BYTES) return collect({ type: 'minor' })
    all = 0
    collect()
  }
}
