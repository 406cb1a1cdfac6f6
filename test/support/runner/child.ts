/**
 * Loaded into every test process before its file. It tells the runner what the process has cost when it ends, and, when the runner asks
 * (SIGUSR2), what keeps it alive. The process group of a test that failed half-way is ended by the runner, not here.
 */
import { readFileSync, writeSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

/** File descriptor on which reports go to the runner, a JSON object on each line, apart from the output of the tests. */
const REPORT_FD = 3
/** The unit of times in /proc, everywhere where Node runs. */
const TICK_MS = 10

/** `open`: what keeps it alive. `cpuMs`: time on a processor, that of children who have ended included. */
export type Report = { readonly open: readonly string[] } | { readonly cpuMs: number }

const tell = (report: Report): void => void writeSync(REPORT_FD, `${JSON.stringify(report)}\n`)

const openThings = (): string[] => [...new Set(process.getActiveResourcesInfo().filter(name => !/^(TTY|Pipe)Wrap$/.test(name)))]

/** Of this process, and of those descendants for whose end somebody waited. */
function tellCost(): void {
  let stat: string
  try {
    stat = readFileSync('/proc/self/stat', 'utf8')
  } catch {
    return // no /proc on this system: nobody says it of children
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  tell({ cpuMs: ticks * TICK_MS })
}

// Threads and forked processes inherit the options of Node, and so come here too. Their third descriptor is not the runner's.
if (process.env.BATON_TEST_RUN !== undefined && isMainThread && process.channel === undefined) {
  process.on('SIGUSR2', () => tell({ open: openThings() }))
  process.on('exit', tellCost)
}
