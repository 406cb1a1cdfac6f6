/**
 * Loaded into every test process before its file. When the runner asks (SIGUSR2), it says what keeps the process alive. The
 * process group of a test that failed half-way is ended by the runner, not here.
 */
import { writeSync } from 'node:fs'

/** File descriptor on which the answer goes to the runner, apart from the output of the tests. */
export const REPORT_FD = 3

if (process.env.BATON_TEST_RUN !== undefined) {
  process.on('SIGUSR2', () => {
    const open = process.getActiveResourcesInfo().filter(name => !/^(TTY|Pipe)Wrap$/.test(name))
    writeSync(REPORT_FD, `${JSON.stringify(open)}\n`)
  })
}
