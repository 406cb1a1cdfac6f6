/** Loaded with `--import` into a run that is to have a bug: the module is changed on its way from the disk into the process. `PLANTED` names it. */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { PLANTED_BUGS } from './index.ts'
import { plantInto } from './plant.ts'
import { placesOf } from './planted.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const bug = PLANTED_BUGS.find(({ name }) => name === process.env.PLANTED)
if (!bug) throw new Error(`no planted bug is called ${process.env.PLANTED}`)
const files = new Map(placesOf(bug).map(({ file }) => [pathToFileURL(resolve(ROOT, file)).href, file]))

registerHooks({
  load(url, context, next) {
    const file = files.get(url)
    if (file === undefined) return next(url, context)
    return { format: 'module-typescript', source: plantInto(bug, file, readFileSync(fileURLToPath(url), 'utf8')), shortCircuit: true }
  },
})
