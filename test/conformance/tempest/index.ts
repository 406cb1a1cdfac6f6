/**
 * Tempest from Debian, its own tests unmodified, by its own runner. What passes, is skipped or fails is written down in
 * `tempest/*.txt`, the latter two with their reasons; the run fails where that is not true any more.
 */
import { execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ask } from '../../support/cluster.ts'
import type { Subject } from '../cluster.ts'
import { type Asked, NOTHING, type Part, type Tally } from '../part.ts'
import { compare, type Expected, parseExpected, tally, writeExpected } from './expected.ts'
import { type Outcome, outcomesOf, type Told } from './outcomes.ts'
import { asFile, settingsOf } from './settings.ts'

const RESULTS = fileURLToPath(new URL('results.py', import.meta.url))
/** Most of the time tests wait for each other's polling, so more run at once than there are CPUs. */
const AT_ONCE = 4

interface Suite {
  readonly name: string
  /** Of ids of tests. */
  readonly pattern: string
  /** What of it is run in the selection. */
  readonly selection: string
}

const SUITES: readonly Suite[] = [
  {
    name: 'compute',
    pattern: '^tempest\\.api\\.compute\\.',
    selection: '^tempest\\.api\\.compute\\.(flavors|keypairs|limits|servers\\.test_create_server)',
  },
  {
    name: 'identity',
    pattern: '^tempest\\.api\\.identity\\..*v3\\.',
    selection: '^tempest\\.api\\.identity\\.v3\\.test_(tokens|catalog|projects|application_credentials)',
  },
  { name: 'image', pattern: '^tempest\\.api\\.image\\.v2\\.', selection: '^tempest\\.api\\.image\\.v2\\.test_images_(tags|member)' },
]

const listFile = (name: string): string => fileURLToPath(new URL(`${name}.txt`, import.meta.url))

async function idsOf({ cluster, token }: Subject, path: string, many: string): Promise<{ id: string; name: string; visibility?: string }[]> {
  const answer = await ask(`${cluster.endpoint}${path}`, 'GET', undefined, { 'x-auth-token': token })
  return answer.body[many]
}

/** Two images that everybody may use; the second is uploaded when the cluster has only one. */
async function twoImages(subject: Subject): Promise<[string, string]> {
  const [first, second] = await idsOf(subject, '/image/v2/images?visibility=public', 'images')
  return [first?.id ?? '', second?.id ?? (await uploaded(subject))]
}

async function uploaded({ cluster, token }: Subject): Promise<string> {
  const as = { 'x-auth-token': token }
  const images = `${cluster.endpoint}/image/v2/images`
  const image = { name: 'tempest-second', visibility: 'public', container_format: 'bare', disk_format: 'raw' }
  const made = await ask(images, 'POST', image, as)
  const filled = await ask(`${images}/${made.body?.id}/file`, 'PUT', '#!/bin/sh\n', { ...as, 'content-type': 'application/octet-stream' })
  if (filled.status !== 204) throw new Error(`no second image: ${made.text} ${filled.text}`)
  return made.body.id
}

/** A workspace of Tempest in a folder of its own. */
async function prepare(subject: Subject, folder: string): Promise<void> {
  const images = await twoImages(subject)
  const flavors = await idsOf(subject, '/compute/v2.1/flavors', 'flavors')
  const hosts = await idsOf(subject, '/compute/v2.1/os-hypervisors', 'hypervisors')
  const version = await ask(`${subject.cluster.endpoint}/compute/v2.1`)
  const settings = settingsOf({
    login: subject.login,
    images,
    flavors: [flavors.find(f => f.name === 'tiny')?.id ?? '', flavors.find(f => f.name === 'small')?.id ?? ''],
    hosts: hosts.length,
    maxMicroversion: version.body.version.version,
    folder,
  })
  await mkdir(join(folder, 'etc'), { recursive: true })
  await writeFile(join(folder, 'etc', 'tempest.conf'), asFile(settings), { mode: 0o600 })
  const packages = '/usr/lib/python3/dist-packages/tempest'
  // A class is one piece of work: its tests share what it made.
  await writeFile(join(folder, '.stestr.conf'), `[DEFAULT]\ntest_path=${packages}/test_discover\ntop_dir=${packages}\ngroup_regex=([^\\.]*\\.)*\n`)
  await promisify(execFile)('/usr/bin/stestr', ['init'], { cwd: folder, env: environment(folder) })
}

const environment = (folder: string) => ({ ...process.env, HOME: folder, PATH: `/usr/bin:${process.env.PATH}`, OS_CLIENT_CONFIG_FILE: '' })

/** Ids of all tests whose name matches, as Tempest lists them. */
async function listed(folder: string, pattern: RegExp): Promise<string[]> {
  const lister = spawn('/usr/bin/stestr', ['list'], { cwd: folder, env: environment(folder), stdio: ['ignore', 'pipe', 'ignore'] })
  const ids: string[] = []
  for await (const line of createInterface({ input: lister.stdout })) if (pattern.test(line)) ids.push(line.replace(/\[.*$/, ''))
  return ids.sort()
}

/** Failures are said as they come: a whole run takes many minutes. */
async function runTempest(folder: string, pattern: RegExp, atOnce: number, say: (line: string) => void): Promise<Told[]> {
  const args = ['run', '--config-file', 'etc/tempest.conf', '--regex', pattern.source, '--concurrency', String(atOnce), '--subunit']
  const run = spawn('/usr/bin/tempest', args, { cwd: folder, env: environment(folder), stdio: ['ignore', 'pipe', 'ignore'] })
  const reader = spawn('/usr/bin/python3', [RESULTS], { stdio: [run.stdout, 'pipe', 'inherit'] })
  const told: Told[] = []
  for await (const line of createInterface({ input: reader.stdout })) {
    const one: Told = JSON.parse(line)
    told.push(one)
    if (one.status === 'fail') say(`FAIL ${one.id.replace(/\[.*$/, '')}\n       ${lastLines(one.reason)}`)
  }
  return told
}

const takesImages = async ({ cluster, token }: Subject): Promise<boolean> =>
  (await ask(`${cluster.endpoint}/image/v2/schemas/image`, 'GET', undefined, { 'x-auth-token': token })).status < 400

async function runSuite(suite: Suite, subject: Subject, asked: Asked, say: (line: string) => void): Promise<Tally> {
  // An image service that takes no images is not what the suite is about.
  if (suite.name === 'image' && !(await takesImages(subject))) {
    say('skipped: this image service takes no uploads')
    return { ...NOTHING, skipped: 1 }
  }
  const folder = await mkdtemp(join(tmpdir(), 'baton-tempest-'))
  try {
    await prepare(subject, folder)
    const pattern = asked.only ?? new RegExp(asked.selection ? suite.selection : suite.pattern)
    const own = new RegExp(suite.pattern)
    const ids = (await listed(folder, pattern)).filter(id => own.test(id))
    if (ids.length === 0) return NOTHING
    const told = await runTempest(
      folder,
      asked.only ? new RegExp(`(?=${suite.pattern}).*(?:${asked.only.source})`) : pattern,
      asked.concurrency ?? AT_ONCE,
      say,
    )
    return await judge(suite, outcomesOf(ids, told), say)
  } finally {
    if (process.env.BATON_KEEP === undefined) await rm(folder, { recursive: true, force: true })
    else say(`kept ${folder}`)
  }
}

/** With BATON_GOLDEN=write what came out becomes what is expected, and reasons that were given stay. */
async function judge({ name }: Suite, outcomes: readonly Outcome[], say: (line: string) => void): Promise<Tally> {
  const expected: Expected = parseExpected(await readFile(listFile(name), 'utf8').catch(() => ''))
  if (process.env.BATON_GOLDEN === 'write') await writeFile(listFile(name), writeExpected(expected, outcomes))
  const count = (status: Outcome['status']): number => outcomes.filter(outcome => outcome.status === status).length
  say(`Tempest says: ${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`)
  const surprises = compare(expected, outcomes)
  for (const surprise of surprises) say(`not as written down: ${surprise}`)
  const asExpected = tally(expected, outcomes)
  return { ...asExpected, failed: surprises.length }
}

const lastLines = (text: string): string => text.trimEnd().split('\n').slice(-3).join('\n       ').slice(-600)

export const TEMPEST_PARTS: readonly Part[] = SUITES.map(suite => ({
  name: `tempest/${suite.name}`,
  needs: { program: 'tempest', package: 'tempest' },
  run: (subject, asked, say) => runSuite(suite, subject, asked, say),
}))
