/** A new user's first hour, on real processes: `baton up`, an instance by the CLI and over HTTP, Ctrl-C, and the same again. */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ask, baton, FAKE_IMAGE, newFolder, SERVERS, startBaton, startCluster, type TestCluster, until, withCluster } from '../support/cluster.ts'
import { canRunProcesses } from '../support/driver-process-bench.ts'
import { active, create } from '../support/history.ts'
import { allRunning, isAlive, kill, type Running } from '../support/kill.ts'
import { skip } from '../support/skip.ts'

const test = suite('baton up')
const STARTED_MS = 60_000

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await newFolder()
  try {
    await body(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs the CLI; fails with its words when it does. */
async function says(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await baton(args)
  assert.is(code, 0, `baton ${args.join(' ')}: ${stderr}`)
  return stdout
}

const clusterFile = async (folder: string): Promise<{ endpoint: string; pid: number; conductors: string[] }> =>
  JSON.parse(await readFile(join(folder, 'cluster.json'), 'utf8'))

test('a fresh folder: an instance by the CLI and one over HTTP; after Ctrl-C and `up` again both are there', () =>
  inFolder(async folder => {
    await withCluster({ folder }, async cluster => {
      const made = await says(['instance', 'create', 'first', '--flavor', 'tiny', '--wait', '--data', folder])
      assert.match(made, /first .*ACTIVE/)
      const server = { name: 'second', flavorRef: 'tiny', imageRef: FAKE_IMAGE, networks: 'none' }
      const answer = await ask(`${cluster.endpoint}${SERVERS}`, 'POST', { server })
      assert.is(answer.status, 202)
      await active(cluster, answer.body.server.id)
      const nodes = await until(
        'every node says its version',
        10_000,
        async () => (await cluster.nodes()).every(n => n.node !== '') && cluster.nodes(),
      )
      assert.equal([...new Set(nodes.map(n => n.node.split('.')[0]))], ['v24'])
      assert.equal(nodes.map(n => n.role).toSorted(), [...Array(4).fill('compute'), ...Array(3).fill('conductor'), 'gateway'])

      const second = await baton(['up', '--data', folder, '--port', '0', '--driver', 'fake'])
      assert.is(second.code, 1)
      assert.match(second.stderr, new RegExp(`in use by process ${cluster.up.pid}`))
      assert.not.match(second.stderr, /\n\s+at /)
    })
    assert.equal(ofFolder(folder), [], 'Ctrl-C leaves no process')
    await withCluster({ folder }, async () => {
      const list: { name: string; status: string }[] = JSON.parse(await says(['instance', 'list', '--json', '--data', folder]))
      assert.equal(list.map(i => `${i.name} ${i.status}`).toSorted(), ['first ACTIVE', 'second ACTIVE'])
    })
  }))

test('--detach returns when the cluster is ready, and `down` ends all of it', () =>
  inFolder(async folder => {
    try {
      const told = await says(['up', '--detach', '--data', folder, '--port', '0', '--driver', 'fake', '--conductors', '1', '--computes', '1'])
      assert.match(told, /ready at http:\/\/127\.0\.0\.1:\d+ after/)
      assert.match(await says(['status', '--data', folder]), /conductor-1/)
      assert.is(await says(['down', '--data', folder]), 'stopped\n')
      assert.equal(ofFolder(folder), [])
      const again = await baton(['down', '--data', folder])
      assert.match(again.stderr, /no cluster runs/)
      assert.is(again.code, 5)
    } finally {
      for (const { pid } of ofFolder(folder)) kill(pid)
    }
  }))

test('nodes started by hand join; SIGTERM hands over what they had and no request fails; a drained host gets no new instance', () =>
  withCluster({ args: ['--conductors', '2', '--computes', '1'] }, async cluster => {
    const { conductors } = await clusterFile(cluster.folder)
    const joins = ['--join', conductors.join(',')]
    const conductor = startBaton(['conductor', '--id', 'by-hand-conductor'], { env: { BATON_DATABASE_URL: cluster.databaseUrl() } })
    const compute = startBaton(['compute', '--id', 'by-hand-compute', '--driver', 'fake', '--data', cluster.folder, ...joins])
    const gateway = startBaton(['gateway', '--id', 'by-hand-gateway', '--port', '0', ...joins])
    const byHand = [gateway, compute, conductor]
    let goesOn = true
    try {
      await Promise.all(byHand.map(node => node.said('"msg":"ready"', STARTED_MS)))
      const endpoint = /"endpoint":"(http:[^"]+)"/.exec(gateway.output())?.[1] ?? ''
      await until('the new conductor owns shards', STARTED_MS, () => shardsOf(cluster, 'by-hand-conductor').then(n => n > 0))

      let asked = 0
      const failures: string[] = []
      const client = async (at: string) => {
        while (goesOn) {
          const server = { name: `drained-${asked}`, flavorRef: 'tiny', imageRef: FAKE_IMAGE, networks: 'none' }
          const answer = await ask(`${at}${SERVERS}`, 'POST', { server }).catch(error => ({ status: 0, text: String(error) }))
          if (answer.status !== 202) failures.push(`${answer.status} ${answer.text}`)
          asked++
        }
      }
      const clients = Promise.all([endpoint, cluster.endpoint].flatMap(at => Array.from({ length: 5 }, () => client(at))))
      await until('requests under way', 10_000, () => asked > 50)
      await conductor.stop('SIGTERM')
      assert.equal(await conductor.exited(), { code: 0, signal: null })
      const before = asked
      await until(
        'its shards at the others',
        20_000,
        async () => (await shardsOf(cluster, 'conductor-1')) + (await shardsOf(cluster, 'conductor-2')) === 256,
      )
      await until('more requests', 10_000, () => asked > before + 50)
      goesOn = false
      await clients
      assert.equal(failures, [])
      console.log(`SIGTERM of a conductor: ${asked} creates before, meanwhile and after, none failed`)

      await says(['node', 'drain', 'compute-1', '--endpoint', cluster.endpoint])
      const ids = await Promise.all(Array.from({ length: 8 }, (_, i) => create(cluster, `after-${i}`)))
      for (const id of ids) await active(cluster, id)
      const hosts = await Promise.all(ids.map(async id => (await cluster.request('GET', `${SERVERS}/${id}`)).body.server['OS-EXT-SRV-ATTR:host']))
      assert.equal([...new Set(hosts)], ['by-hand-compute'])

      for (const node of [gateway, compute]) {
        await node.stop('SIGTERM')
        assert.equal(await node.exited(), { code: 0, signal: null })
      }
    } catch (error) {
      for (const node of byHand) console.log(node.output())
      throw error
    } finally {
      goesOn = false
      for (const node of byHand) await node.stop()
    }
  }))

test('the process driver: a real guest outlives its agent, stops, starts, and leaves nothing when deleted', async () => {
  if (!(await canRunProcesses())) return skip('the process driver cannot run here')
  const cluster = await startCluster({ args: ['--driver', 'process', '--conductors', '1', '--computes', '1'] })
  const cli = (...args: string[]) => says([...args, '--endpoint', cluster.endpoint])
  let id = ''
  try {
    await cli('instance', 'create', 'real', '--flavor', 'tiny', '--wait')
    const list: { id: string; status: string }[] = JSON.parse(await cli('instance', 'list', '--json'))
    id = list[0]?.id ?? ''
    assert.is(list[0]?.status, 'ACTIVE')
    assert.match(await until('a word on the console', 10_000, () => cli('instance', 'log', 'real')), /\S/)

    const before = initOf(id)
    assert.ok(before > 0, 'the guest runs')
    const [agent] = cluster.processes('compute')
    kill(agent?.pid ?? 0)
    await until('another agent', STARTED_MS, async () => {
      const [host] = (await cluster.nodes()).filter(n => n.role === 'compute')
      return host?.state === 'up' && host.pid !== agent?.pid
    })
    assert.is(initOf(id), before, 'the same process goes on')

    await cli('instance', 'stop', 'real', '--wait')
    await until('no process of the guest', 5000, () => guestsOf(id).length === 0)
    await cli('instance', 'start', 'real', '--wait')
    await until('another process of the guest', 5000, () => initOf(id) > 0 && initOf(id) !== before)
    await cli('instance', 'delete', 'real', '--wait')
    await until('nothing left', 5000, () => guestsOf(id).length === 0)
  } finally {
    await cluster.stop()
    for (const { pid } of id === '' ? [] : guestsOf(id)) kill(pid)
  }
})

const shardsOf = async (cluster: TestCluster, node: string): Promise<number> => (await cluster.nodes()).find(n => n.id === node)?.shards ?? 0

/** Processes of an instance: its id stands in the command line of its supervisor and its init. */
const guestsOf = (id: string): Running[] => allRunning().filter(p => p.command.some(part => part.includes(id)))

/** The guest's first process: the last of the chain that has the id as an argument of its own. */
const initOf = (id: string): number =>
  guestsOf(id)
    .filter(p => p.command[1]?.endsWith('init.sh'))
    .map(p => p.pid)
    .find(isAlive) ?? 0

/** Processes that were started on this data folder. */
const ofFolder = (folder: string): Running[] => allRunning().filter(p => p.command.includes(folder))

test.run()
