/**
 * Which code was reached, by the engine's own block coverage: the profiler of `node:inspector`, in this process. A look costs a few
 * milliseconds, so it is taken once for many inputs, and only when it shows something new is it asked which of them it was.
 */
import { Session } from 'node:inspector'
import { pathToFileURL } from 'node:url'

export interface Coverage {
  /** The ways through functions that were taken since the last look; a way is which of a function's blocks were run. */
  take(): ReadonlySet<string>
  stop(): void
}

/** Watches the files under these folders of the repository. */
export function watchCoverage(root: string, folders: readonly string[]): Coverage {
  const base = pathToFileURL(`${root}/`).href
  const prefixes = folders.map(folder => `${base}${folder}/`)
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })

  return {
    take() {
      const ways = new Set<string>()
      // In the same process the answer is there when `post` returns.
      session.post('Profiler.takePreciseCoverage', (error, { result }) => {
        if (error) throw error
        for (const { url, functions } of result) {
          if (!prefixes.some(prefix => url.startsWith(prefix))) continue
          const file = url.slice(base.length)
          for (const { ranges } of functions) {
            const [whole] = ranges
            if (whole && whole.count > 0) ways.add(`${file} ${whole.startOffset} ${ranges.map(r => (r.count > 0 ? '+' : r.startOffset)).join('')}`)
          }
        }
      })
      return ways
    },
    stop() {
      session.post('Profiler.stopPreciseCoverage')
      session.disconnect()
    },
  }
}
