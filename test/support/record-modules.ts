/**
 * Preloaded into a process (`--import`), it writes down every module that the process loads, as it loads it: one URL per line,
 * in a file named by the pid, in the folder that `RECORD_VARIABLE` names. ES modules and CommonJS alike.
 */
import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'

export const RECORD_VARIABLE = 'BATON_TEST_MODULES'

const folder = process.env[RECORD_VARIABLE]
if (folder !== undefined) {
  const file = join(folder, String(process.pid))
  registerHooks({
    load(url, context, next) {
      appendFileSync(file, `${url}\n`)
      return next(url, context)
    },
  })
}
