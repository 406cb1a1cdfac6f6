/** Agents in real guests: the database example as its page tells it, an agent that falls silent and comes back, and what is refused. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { GuestBody } from '../../actors/api.ts'
import { demo } from '../../examples/database-service/demo.ts'
import { SERVERS, startCluster, type TestCluster, telling, until } from '../support/cluster.ts'
import { shown } from '../support/hooks.ts'
import { allRunning, environmentOf, kill, signal } from '../support/kill.ts'

const GUESTS = '/baton/v1/guests'

const guests = suite('agents in guests')
let cluster: TestCluster

guests.before(
  shown(async () => {
    const env = { BATON_DRIVER_PROCESS_UPLOADED: 'yes', BATON_AGENTS_HEARTBEAT_MS: '200', BATON_AGENTS_SILENT_MS: '1500' }
    cluster = await startCluster({ args: ['--driver', 'process', '--conductors', '2', '--computes', '1'], env })
  }),
)
guests.after(
  shown(async () => {
    // Guests outlive their cluster.
    for (const { id } of (await cluster.request('GET', SERVERS)).body.servers) await cluster.request('DELETE', `${SERVERS}/${id}`)
    await until('no guest', 30_000, async () => (await cluster.request('GET', SERVERS)).body.servers.length === 0)
    await cluster.stop()
  }),
)

const theGuest = async (): Promise<GuestBody> => (await cluster.request('GET', GUESTS)).body.guests[0]
const seen = (agent: string): Promise<GuestBody> =>
  until(`an agent that is ${agent}`, 20_000, async () => {
    const guest = await theGuest()
    return guest.agent === agent && guest
  })

/** The process of a guest that holds its agent. */
const agentProcess = (): number =>
  allRunning().find(({ pid, command }) => /node$/.test(command[0] ?? '') && environmentOf(pid, 'BATON_AGENT_SOCKET')?.startsWith(cluster.folder))
    ?.pid ?? 0

guests('the database is backed up, its instance destroyed, and restored into another: the same rows', () =>
  telling(cluster, async () => {
    const { rows, sha256 } = await demo(console.log, { BATON_ENDPOINT: cluster.endpoint })
    assert.equal([rows, sha256.length], [4, 64])
    const { backups } = (await cluster.request('GET', '/baton/v1/backups')).body
    assert.equal(
      backups.map((b: { name: string; kind: string; state: string; checksum: string }) => [b.name, b.kind, b.state, b.checksum.length]),
      [
        ['tuesday', 'incremental', 'COMPLETED', 128],
        ['monday', 'full', 'COMPLETED', 128],
      ],
    )
  }),
)

guests('silenced it is unknown, and an alert; heard again it is up; its host and its conductors may die meanwhile', () =>
  telling(cluster, async () => {
    const pid = agentProcess()
    assert.ok(pid > 0, 'the process of the agent was found')
    signal(pid, 'SIGSTOP')
    const { id, status } = await seen('unknown')
    assert.is(status, 'ACTIVE', 'its last word')
    await until('an alert', 20_000, async () => {
      const { firing } = (await cluster.request('GET', '/baton/v1/alerts')).body.alerts
      return firing.some((alert: { code: string; subject: string }) => alert.code === 'agent-silent' && alert.subject === `instance/${id}`)
    })
    signal(pid, 'SIGCONT')
    await seen('up')
    for (const role of ['compute', 'conductor'] as const) kill(cluster.processes(role)[0]?.pid ?? 0)
    await cluster.whole()
    await until('a word of the guest after both died', 20_000, async () => {
      const exec = await cluster.request('POST', `${GUESTS}/${id}/exec`, { method: 'digest' })
      return exec.status === 200 && exec.body.value.rows === 4
    })
  }),
)

guests('what makes no sense is refused, and says what would', () =>
  telling(cluster, async () => {
    const { id } = await theGuest()
    const backups = (await cluster.request('GET', '/baton/v1/backups')).body.backups as { id: string; name: string }[]
    const [tuesday, monday] = backups
    const refusals: [string, string, object | undefined, number, RegExp][] = [
      ['POST', `${GUESTS}/${id}/exec`, { method: 'rm' }, 400, /has no method rm; it has query, execute, digest/],
      ['POST', `${GUESTS}/${id}/exec`, { method: 'backup.read' }, 400, /method/],
      ['POST', `${GUESTS}/${id}/exec`, { method: 'query', args: { sql: 'select nonsense' } }, 409, /could not query: no such column/],
      ['POST', `${GUESTS}/${id}/backups`, { backup: { kind: 'weekly' } }, 400, /kind/],
      ['POST', `${GUESTS}/${id}/backups`, { backup: { kind: 'incremental', parent: tuesday?.id } }, 400, /is of instance/],
      ['POST', `${GUESTS}/${id}/restore`, { backup: 'none' }, 404, /no backup none/],
      ['DELETE', `/baton/v1/backups/${monday?.id}`, undefined, 409, /would be worth nothing without it/],
      ['GET', `${GUESTS}/00000000-0000-4000-8000-000000000000`, undefined, 404, /no instance/i],
    ]
    for (const [method, path, body, status, message] of refusals) {
      const answer = await cluster.request(method, path, body)
      assert.equal([method, path, answer.status], [method, path, status], answer.text)
      assert.match(answer.text, message)
    }
    const build = { name: 'x', imageRef: monday?.id, flavorRef: 'database', networks: 'none' }
    assert.match((await cluster.request('POST', '/compute/v2.1/servers', { server: build })).text, /backup of a guest|flavor/i)
  }),
)

guests.run()
