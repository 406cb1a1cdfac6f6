/**
 * `npm run conformance`: OpenStack's own clients and tests, unmodified, against a cluster of real processes made for the run.
 *
 *     npm run conformance                          all of it
 *     npm run conformance -- --selection           what CI runs: without what takes long
 *     npm run conformance -- --kill                a conductor gets kill -9 every 5 s meanwhile
 *     npm run conformance -- --part tempest/compute --only 'keypairs' --concurrency 2
 *
 * There is no client in JavaScript among them: pkgcloud, openstack-wrapper and openstack-client, looked at in npm, rest on `request` or
 * `request-promise`, which have been deprecated since 2020.
 *
 * The last line is `N passed, N failed, N skipped, N not there`. What is not there fails as it is written down that it does, with its reason
 * (`tempest/*.txt`); everything else that fails, and what passes though it should not, is a failure, and then the exit code is 1.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readFlags } from '../support/flags.ts'
import { type Subject, startSubject } from './cluster.ts'
import { startKilling } from './killing.ts'
import { openstackClient } from './openstack/index.ts'
import { type Asked, inWords, NOTHING, type Part, type Tally, total } from './part.ts'
import { openstackSdk } from './sdk/index.ts'
import { TEMPEST_PARTS } from './tempest/index.ts'

const PARTS: readonly Part[] = [openstackClient, openstackSdk, ...TEMPEST_PARTS]

const isInstalled = (program: string): boolean => existsSync(join('/usr/bin', program))

async function runPart(part: Part, subject: Subject, asked: Asked): Promise<Tally> {
  const begun = performance.now()
  const say = (line: string) => console.log(`  ${line}`)
  console.log(`${part.name}`)
  const tally = await part.run(subject, asked, say).catch((error: unknown): Tally => {
    say(`FAIL it broke off: ${error instanceof Error ? error.message : error}`)
    return { ...NOTHING, failed: 1 }
  })
  console.log(`${tally.failed > 0 ? 'FAIL' : 'ok  '} ${part.name}  ${inWords(tally)}  (${((performance.now() - begun) / 1000).toFixed(0)} s)`)
  return tally
}

/** What cannot run here counts as skipped, except in CI, which installs it. */
function left({ name, needs }: Part): Tally {
  const inCi = process.env.BATON_CI === '1'
  console.log(`${inCi ? 'FAIL' : 'skip'} ${name}  ${needs.program} is not installed: apt-get install ${needs.package}`)
  return inCi ? { ...NOTHING, failed: 1 } : { ...NOTHING, skipped: 1 }
}

async function runAll(parts: readonly Part[], asked: Asked): Promise<Tally> {
  const tallies = parts.filter(part => !isInstalled(part.needs.program)).map(left)
  const able = parts.filter(part => isInstalled(part.needs.program))
  if (able.length === 0) return total(tallies)
  const subject = await startSubject()
  const killing = asked.kill ? startKilling(subject.cluster) : null
  try {
    for (const part of able) tallies.push(await runPart(part, subject, asked))
  } finally {
    killing?.stop()
    if (killing) console.log(`a conductor was killed ${killing.victims.length} times`)
    await subject.cluster.stop()
  }
  return total(tallies)
}

const { values } = readFlags(import.meta.filename, {
  options: {
    selection: { type: 'boolean' },
    kill: { type: 'boolean' },
    part: { type: 'string' },
    only: { type: 'string' },
    concurrency: { type: 'string' },
  },
})
const asked: Asked = {
  selection: values.selection === true,
  kill: values.kill === true,
  only: values.only === undefined ? null : new RegExp(values.only),
  concurrency: values.concurrency === undefined ? null : Number(values.concurrency),
}
const chosen = PARTS.filter(part => values.part === undefined || part.name.startsWith(values.part))
const tally = await runAll(chosen, asked)
console.log(inWords(tally))
process.exitCode = tally.failed > 0 || chosen.length === 0 ? 1 : 0
