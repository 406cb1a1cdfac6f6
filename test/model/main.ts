/**
 * `npm run model` explores the protocols; `-- --small` within the bounds of `npm test`; `-- --planted` finds every planted bug, `-- --bug
 * NAME` one of them, with its shortest counterexample. Exit code 1 when the protocol is broken, an exploration did not end, or a planted bug
 * was not found.
 */

import { readFlags } from '../support/flags.ts'
import { FULL, PLANTED, type PlantedBug, SMALL } from './checks.ts'
import { type Exploration, timeline } from './explore.ts'

const { values } = readFlags(import.meta.filename, {
  options: { small: { type: 'boolean', default: false }, planted: { type: 'boolean', default: false }, bug: { type: 'string' } },
})

const counts = ({ states, transitions, depth, seconds }: Exploration): string =>
  `${states} states, ${transitions} transitions, depth ${depth}, ${seconds.toFixed(1)} s`

async function protocols(): Promise<boolean> {
  let errors = 0
  let states = 0
  let seconds = 0
  for (const { name, run } of values.small ? SMALL : FULL) {
    const result = await run()
    states += result.states
    seconds += result.seconds
    const verdict = result.violation ? 'VIOLATED' : result.exhaustive ? 'ok' : 'NOT EXHAUSTIVE'
    if (verdict !== 'ok') errors++
    console.log(`${verdict.padEnd(8)} ${name}: ${counts(result)}`)
    if (result.violation) console.log(timeline(result.violation))
  }
  console.log(`${states} states, ${seconds.toFixed(1)} s, ${errors} errors`)
  return errors === 0
}

async function bugs(chosen: readonly PlantedBug[]): Promise<boolean> {
  let missed = 0
  for (const { name, model, means, find } of chosen) {
    const result = await find()
    const { violation } = result
    if (!violation) missed++
    console.log(`${violation ? 'found ' : 'MISSED'}  ${model}: ${name} (${means}): ${violation?.steps.length ?? '-'} steps, ${counts(result)}`)
    if (violation && chosen.length === 1) console.log(timeline(violation))
  }
  console.log(`${chosen.length} planted bugs, ${missed} missed`)
  return missed === 0 && chosen.length > 0
}

const chosen = values.bug === undefined ? PLANTED : PLANTED.filter(bug => bug.name === values.bug)
if (chosen.length === 0) console.log(`no planted bug is called ${values.bug}; there are: ${PLANTED.map(bug => bug.name).join('; ')}`)
process.exitCode = (await (values.planted || values.bug !== undefined ? bugs(chosen) : protocols())) ? 0 : 1
