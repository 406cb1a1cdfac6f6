/**
 * What `up` and the nodes do when they cannot or can no longer go on: a start that must be refused ends at once, says why, and
 * touches nothing; a conductor drains when asked to; nodes whose `up` was killed end by themselves, and the next one finds it all.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { MIGRATION_TABLE } from '../../persistence/orm.ts'
import { ask, baton, newFolder, nodesAndPids, SERVERS, STACK, startCluster, type TestCluster, telling, until } from '../support/cluster.ts'
import { runSql, urlOf } from '../support/database.ts'
import { active, create } from '../support/history.ts'
import { shown } from '../support/hooks.ts'
import { allRunning, isAlive, kill } from '../support/kill.ts'

const test = suite('up, refused and killed')
const PASSWORD = 'not-the-password'
/** A refusal comes at once; it is not the end of a wait for nodes. */
const REFUSED_MS = 20_000

let folder = ''
let cluster: TestCluster
let pids: string[] = []
/** What `$name` in a command line stands for. */
let words: Readonly<Record<string, string>> = {}

test.before(
  shown(async () => {
    folder = await newFolder()
    cluster = await startCluster({ folder: join(folder, 'data'), args: ['--conductors', '2', '--computes', '1'] })
    pids = nodesAndPids(cluster)
    const [conductor] = (await cluster.whole()).filter(n => n.role === 'conductor')
    const right = cluster.databaseUrl()
    const newer = urlOf(right, 'newer')
    await runSql(urlOf(right, 'postgres'), 'create database newer')
    await runSql(newer, `create table ${MIGRATION_TABLE} (id serial primary key, name text, executed_at timestamptz default now())`)
    await runSql(newer, `insert into ${MIGRATION_TABLE} (name) values ('9999-from-the-future')`)
    await mkdir(join(folder, 'old', 'postgres', 'cluster'), { recursive: true })
    await writeFile(join(folder, 'old', 'postgres', 'cluster', 'PG_VERSION'), '12\n')
    await writeFile(join(folder, 'open.yaml'), 'http:\n  host: 0.0.0.0\n')
    words = {
      right,
      newer,
      wrong: right.replace(/:[^:@/]+@/, `:${PASSWORD}@`),
      fresh: join(folder, 'fresh'),
      old: join(folder, 'old'),
      data: cluster.folder,
      open: join(folder, 'open.yaml'),
      port: new URL(cluster.endpoint).port,
      conductor: conductor?.endpoint ?? '',
    }
  }),
)

test.after(
  shown(async () => {
    await cluster?.stop()
    await rm(folder, { recursive: true, force: true })
  }),
)

const REFUSED: readonly { readonly what: string; readonly args: string; readonly code: number; readonly says: RegExp }[] = [
  { what: 'a data folder in use', args: 'up --data $data --port 0', code: 1, says: /in use by process \d+.*\[DataFolder\]/ },
  { what: 'a data folder of another version', args: 'up --data $old --port 0', code: 1, says: /made by PostgreSQL 12.*\[DataFolder\]/ },
  { what: 'a data folder that cannot be', args: 'up --data /proc/baton --port 0', code: 1, says: /\[DataFolder\]/ },
  { what: 'the same in the background', args: 'up --detach --data /proc/baton --port 0', code: 1, says: /\[DataFolder\]/ },
  {
    what: 'a wrong password',
    args: 'up --data $fresh --port 0 --conductors 1 --computes 0 --database $wrong',
    code: 5,
    says: /password authentication failed.*\[Database\]/,
  },
  {
    what: 'the same in the background',
    args: 'up --detach --data $fresh --port 0 --conductors 1 --computes 0 --database $wrong',
    code: 5,
    says: /authentication failed.*\[Database\]/,
  },
  { what: 'a wrong password, one node', args: 'conductor --id x --database $wrong', code: 5, says: /password authentication failed.*\[Database\]/ },
  {
    what: 'no database',
    args: 'up --data $fresh --port 0 --conductors 1 --computes 0 --database postgres://x:x@127.0.0.1:1/x',
    code: 5,
    says: /127\.0\.0\.1.*\[Database\]/,
  },
  {
    what: 'a database URL that is none',
    args: 'up --data $fresh --port 0 --conductors 1 --computes 0 --database nonsense://',
    code: 2,
    says: /\[ConfigInvalid\]/,
  },
  {
    what: 'a newer database',
    args: 'up --data $fresh --port 0 --conductors 1 --computes 0 --database $newer',
    code: 1,
    says: /newer Baton.*9999-from-the-future.*\[DataFolder\]/,
  },
  { what: 'a port in use', args: 'up --data $fresh --port $port', code: 1, says: /port \d+ is in use.*\[PortInUse\]/ },
  { what: 'a port in use, one gateway', args: 'gateway --id x --join $conductor --port $port', code: 1, says: /port \d+.*in use.*\[PortInUse\]/ },
  { what: 'a port in use, one conductor', args: 'conductor --id x --database $right --listen $conductor', code: 1, says: /in use.*\[PortInUse\]/ },
  {
    what: 'an endpoint that cannot be',
    args: 'compute --id x --driver fake --join tcp://127.0.0.1:99999',
    code: 2,
    says: /99999.*\[ConfigInvalid\]/,
  },
  { what: 'a gateway for all the world', args: 'gateway --id x --join $conductor --config $open', code: 2, says: /not a loopback address/ },
]

for (const { what, args, code, says } of REFUSED) {
  test(`refused: ${what} (${args.split(' ', 1)})`, () =>
    telling(cluster, async () => {
      const line = args.split(' ').map(word => (word.startsWith('$') ? (words[word.slice(1)] ?? word) : word))
      const ended = await baton(line, { cwd: folder, boundMs: REFUSED_MS })
      const said = ended.stdout + ended.stderr
      assert.is(ended.signal, null, `it must end by itself:\n${said}`)
      assert.is(ended.code, code, said)
      assert.match(said, says)
      assert.not.match(said, STACK)
      assert.not.match(said, PASSWORD)
    }))
}

test('what was refused has touched nothing and left no process', async () => {
  assert.equal(nodesAndPids(cluster), pids)
  const file: { endpoint: string } = JSON.parse(await readFile(join(cluster.folder, 'cluster.json'), 'utf8'))
  assert.is(file.endpoint, cluster.endpoint)
  assert.equal(await readdir(join(folder, 'old')), ['postgres'])
  assert.equal(
    allRunning().filter(p => p.command.includes(words.fresh ?? '')),
    [],
  )
})

test('`node drain` of a conductor: its shards go over, no request fails, and `up` gives it a new life', () =>
  telling(cluster, async () => {
    const before = cluster.processes('conductor').find(p => p.id === 'conductor-2')?.pid ?? 0
    let goesOn = true
    const failures: string[] = []
    const asking = (async () => {
      let asked = 0
      for (; goesOn; asked++) {
        const { status, text } = await ask(`${cluster.endpoint}${SERVERS}?limit=1`)
        if (status !== 200) failures.push(`${status} ${text}`)
      }
      return asked
    })()
    const drained = await cluster.baton(['node', 'drain', 'conductor-2'])
    assert.is(drained.code, 0, drained.stderr)
    assert.match(drained.stdout, /conductor-2: draining/)
    await until('the end of the drained process', 20_000, () => !isAlive(before))
    const nodes = await cluster.whole()
    goesOn = false
    assert.ok((await asking) > 0)
    assert.equal(failures, [])
    assert.not.equal(nodes.find(n => n.id === 'conductor-2' && n.state === 'up')?.pid, before)
    assert.ok(cluster.up.output().includes('conductor-2   ended (code 0)'), 'it was no crash')
  }))

test('kill -9 of `up`: its nodes end by themselves, and `up` again finds every instance', async () => {
  const id = await create(cluster, 'survivor')
  await active(cluster, id)
  const orphans = [...cluster.processes().map(p => p.pid), cluster.postmaster()]
  assert.ok(kill(cluster.up.pid))
  await cluster.up.exited()
  await until('the end of every node', 25_000, () => orphans.slice(0, -1).every(pid => !isAlive(pid)))

  const again = await startCluster({ folder: cluster.folder, args: ['--conductors', '2', '--computes', '1'] })
  cluster = again
  await telling(again, async () => {
    await active(again, id)
    await active(again, await create(again, 'another'))
  })
  assert.equal(orphans.filter(isAlive), [], 'the server of the killed cluster was ended too')
})

test.run()
