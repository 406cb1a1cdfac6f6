/** Agents outside of guests as real processes: enrolled, heard, asked, backed up; and whatever dies, their commands go on. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AgentBody, AgentCommand, BackupBody } from '../../actors/api.ts'
import type { KeyFile } from '../../transport/agents/key-file.ts'
import { createKeyPair } from '../../transport/agents/keys.ts'
import { startCluster, type TestCluster, telling, until } from '../support/cluster.ts'
import { shown } from '../support/hooks.ts'
import { kill } from '../support/kill.ts'

const AGENTS = '/baton/v1/agents'
const WORKER = join(import.meta.dirname, '../../examples/fleet-worker/worker.ts')

const agents = suite('agents outside of guests')
const workers: ChildProcess[] = []
let cluster: TestCluster

agents.before(
  shown(async () => {
    const env = { BATON_AGENTS_HEARTBEAT_MS: '200', BATON_AGENTS_SILENT_MS: '1500' }
    cluster = await startCluster({ args: ['--conductors', '2', '--computes', '1'], env })
  }),
)
agents.after(
  shown(async () => {
    for (const { pid } of workers) kill(pid ?? 0)
    await cluster.stop()
  }),
)

interface Enrolled {
  readonly id: string
  readonly file: string
  readonly key: KeyFile
}

const fileOf = (name: string): string => join(cluster.folder, `${name}.key`)

async function enroll(name: string): Promise<Enrolled> {
  const { agent, keys, door } = (await cluster.request('POST', AGENTS, { agent: { name } })).body
  const key: KeyFile = { agent: agent.id, name, ...door, ...keys }
  await writeFile(fileOf(name), JSON.stringify(key), { mode: 0o600 })
  return { id: agent.id, file: fileOf(name), key }
}

function work(name: string, keyFile: string): { child: ChildProcess; said: () => string } {
  const child = spawn(process.execPath, [WORKER, keyFile, join(cluster.folder, name)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout?.on('data', data => {
    said += data
  })
  workers.push(child)
  return { child, said: () => said }
}

const look = async (id: string): Promise<AgentBody> => (await cluster.request('GET', `${AGENTS}/${id}`)).body.agent
const seen = (id: string, agent: AgentBody['agent']): Promise<AgentBody> =>
  until(`an agent that is ${agent}`, 15_000, async () => {
    const body = await look(id)
    return body.agent === agent && body
  })

async function exec(id: string, method: string, args: object = {}): Promise<AgentCommand['value']> {
  const asked = await cluster.request('POST', `${AGENTS}/${id}/exec`, { method, args })
  assert.is(asked.status, 202, asked.text)
  const path = `${AGENTS}/${id}/commands/${asked.body.command.id}`
  const ended = await until(`the end of ${method}`, 20_000, async () => {
    const { command } = (await cluster.request('GET', path)).body
    return command.state !== 'open' && (command as AgentCommand)
  })
  assert.is(ended.fault, null, ended.fault?.message)
  return ended.value
}

async function done(operation: string): Promise<void> {
  const ended = await until(`the end of ${operation}`, 20_000, async () => {
    const answer = await cluster.request('GET', `/baton/v1/operations/${operation}`)
    return answer.status === 200 && answer.body.operation.endedAt !== null && answer.body.operation
  })
  assert.is(ended.status, 'done', JSON.stringify(ended.fault))
}

const sumOf = async (id: string): Promise<unknown> => Reflect.get(Object(await exec(id, 'report')), 'sha512')

agents('enrolled, heard, asked; backed up, and restored into another: the same digest', () =>
  telling(cluster, async () => {
    const [one, two] = [await enroll('one'), await enroll('two')]
    work('one', one.file)
    work('two', two.file)
    assert.equal([(await seen(one.id, 'up')).status, (await seen(two.id, 'up')).gateway], ['ACTIVE', 'gateway-1'])
    assert.equal(await exec(one.id, 'perform', { job: 'a' }), { jobs: 1 })
    assert.equal(await exec(one.id, 'perform', { job: 'b' }), { jobs: 2 })
    const sum = await sumOf(one.id)
    const made = (await cluster.request('POST', `${AGENTS}/${one.id}/backups`, { backup: { name: 'monday' } })).body
    await done(made.operation.id)
    const { backups } = (await cluster.request('GET', `/baton/v1/backups?instance=${one.id}`)).body as { backups: BackupBody[] }
    assert.equal([backups.map(each => [each.name, each.state]), backups[0]?.checksum], [[['monday', 'COMPLETED']], sum])
    assert.is.not(await sumOf(two.id), sum)
    await done((await cluster.request('POST', `${AGENTS}/${two.id}/restore`, { backup: made.backup.id })).body.operation.id)
    assert.is(await sumOf(two.id), sum)
    assert.is((await look(one.id)).lastBackup?.id, made.backup.id)
  }),
)

agents('the conductor of its record dies, then its gateway: its commands go on, and each is done once', () =>
  telling(cluster, async () => {
    const { agents: all } = (await cluster.request('GET', AGENTS)).body as { agents: AgentBody[] }
    const { id } = all.find(({ name }) => name === 'one') ?? { id: '' }
    // One of the two has its record; first the one dies, and when it is back the other.
    for (const node of ['conductor-1', 'conductor-2']) {
      const asked = exec(id, 'perform', { job: node })
      kill(cluster.processes('conductor').find(each => each.id === node)?.pid ?? 0)
      await asked
      await cluster.whole()
    }
    assert.equal(await exec(id, 'perform', { job: 'c' }), { jobs: 5 })
    kill(cluster.processes('gateway')[0]?.pid ?? 0)
    await cluster.whole()
    assert.equal(await exec(id, 'perform', { job: 'd' }), { jobs: 6 })
    assert.is((await seen(id, 'up')).status, 'ACTIVE')
  }),
)

agents('another key ends the session at once, and the old one is let in no more; silence is seen; who was never enrolled stays outside', () =>
  telling(cluster, async () => {
    const one = await enroll('three')
    const old = work('three', one.file)
    await seen(one.id, 'up')
    const rotated = (await cluster.request('PUT', `${AGENTS}/${one.id}/key`, {})).body
    assert.equal([rotated.agent.agent, rotated.agent.gateway], ['unknown', null])
    await until('the old key is told so', 10_000, () => /refused .*its key was replaced/.test(old.said()))
    kill(old.child.pid ?? 0)
    const stranger = fileOf('stranger')
    await writeFile(stranger, JSON.stringify({ ...one.key, ...createKeyPair() }), { mode: 0o600 })
    const outside = work('stranger', stranger)
    await writeFile(fileOf('three-anew'), JSON.stringify({ ...one.key, ...rotated.keys }), { mode: 0o600 })
    const anew = work('three', fileOf('three-anew'))
    await seen(one.id, 'up')
    assert.not.match(outside.said(), /^in /m)
    kill(anew.child.pid ?? 0)
    await seen(one.id, 'unknown')
    await until('an alert', 20_000, async () => {
      const { firing } = (await cluster.request('GET', '/baton/v1/alerts')).body.alerts
      return firing.some((alert: { code: string; subject: string }) => alert.code === 'agent-silent' && alert.subject === `agent/${one.id}`)
    })
    assert.is((await cluster.request('DELETE', `${AGENTS}/${one.id}`)).status, 204)
    assert.is((await cluster.request('GET', `${AGENTS}/${one.id}`)).status, 404)
    const [first] = workers
    first?.kill('SIGTERM')
    if (first?.exitCode === null) await once(first, 'exit')
  }),
)

agents.run()
