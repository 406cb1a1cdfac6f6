/**
 * `npm run scenarios -- [NAME…] [--log] [--trace] [--seed TEXT] [--update]`: plays scenarios, and says of each in a line what it is and whether
 * it went as expected.
 */

import { readFlags } from '../support/flags.ts'
import { judgeScenario, scenarioNames } from './folder.ts'

const flag = { type: 'boolean', default: false } as const
const { values, positionals } = readFlags(import.meta.filename, {
  allowPositionals: true,
  options: { update: flag, trace: flag, log: flag, seed: { type: 'string', default: '' } },
})

const all = scenarioNames()
const unknown = positionals.filter(name => !all.includes(name))
if (unknown.length > 0) {
  console.error(`no scenario ${unknown.join(', ')}; there are: ${all.join(' ')}`)
  process.exit(2)
}

let failed = 0
let simulatedMs = 0
const begunMs = performance.now()
const chosen = positionals.length > 0 ? positionals : all
for (const name of chosen) {
  const trace = values.trace ? { trace: (line: string) => console.log(line) } : {}
  const verdict = await judgeScenario(name, { update: values.update, seed: values.seed, ...trace })
  simulatedMs += verdict.simulatedMs
  const good = verdict.problems.length === 0
  if (!good) failed++
  console.log(`${good ? 'ok  ' : 'FAIL'} ${name.padEnd(34)} ${verdict.about}`)
  for (const problem of verdict.problems) console.log(`     ${problem}`)
  if (values.log) console.log(verdict.log)
}
const seconds = (performance.now() - begunMs) / 1000
console.log(`${chosen.length} scenarios: ${failed} failed; ${(simulatedMs / 1000).toFixed(0)} s simulated in ${seconds.toFixed(1)} s`)
process.exitCode = failed > 0 ? 1 : 0
