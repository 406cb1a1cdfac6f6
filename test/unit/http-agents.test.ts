/** /baton/v1/agents, and the commands that ask for them. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readKeyFile } from '../../transport/agents/key-file.ts'
import { createKeyPair } from '../../transport/agents/keys.ts'
import { runHere } from '../support/command.ts'
import { fakeFleet } from '../support/fake-fleet.ts'
import { createFace, DOOR } from '../support/http.ts'
import { rejectsWith } from './persistence-fixtures.ts'

const AGENTS = '/baton/v1/agents'
const ABOUT = { agent: 'w/1', boot: 'b', service: 'w', methods: [{ name: 'perform', about: 'does a job' }], backups: ['full'] }
const HEARD = { order: { rank: 1, life: 1, number: 1 }, on: true, heard: true, status: 'ACTIVE', message: null, about: ABOUT, backup: null }

async function enrolled() {
  const face = createFace()
  const { body } = await face.ask('POST', AGENTS, { agent: { name: 'w1', silentMs: 2000 } })
  const { id, key } = body.agent
  const { tell } = face.fake.fleet
  const up = (): void => {
    tell(id, 'attach', { key, life: 1 })
    tell(id, 'report', HEARD)
  }
  return { ...face, id, body, up, tell, at: (path = ''): string => `${AGENTS}/${id}${path}` }
}

test('enrolled: an id, a pair that is shown once, and where the doors are', async () => {
  const { ask, body, at } = await enrolled()
  assert.equal([body.agent.name, body.agent.agent, body.agent.silentMs, body.door], ['w1', 'never', 2000, DOOR])
  assert.equal([body.keys.publicKey, /^[0-9a-f]{64}$/.test(body.keys.secretKey)], [body.agent.key, true])
  assert.not.match((await ask('GET', at())).text, body.keys.secretKey)
  const mine = createKeyPair()
  const told = (await ask('POST', AGENTS, { agent: { name: 'w2', publicKey: mine.publicKey } })).body
  assert.equal(told.keys, { publicKey: mine.publicKey })
  const taken = await ask('POST', AGENTS, { agent: { name: 'w3', publicKey: mine.publicKey } })
  assert.equal([taken.status, /another agent has this key/.test(taken.text)], [409, true])
  assert.is((await ask('GET', AGENTS)).body.agents.length, 2)
  assert.is((await ask('GET', `${AGENTS}?agent=up`)).body.agents.length, 0)
})

test('what makes no sense is refused, and says what would', async () => {
  const { ask, at } = await enrolled()
  for (const agent of [{}, { name: '' }, { name: 'x', publicKey: 'AB' }, { name: 'x', silentMs: 1 }, { name: 'x', more: 1 }]) {
    assert.is((await ask('POST', AGENTS, { agent })).status, 400, JSON.stringify(agent))
  }
  for (const body of [{}, { method: 'backup.read' }, { method: 'perform', args: [] }, { method: 'perform', timeoutMs: 0 }]) {
    assert.is((await ask('POST', at('/exec'), body)).status, 400, JSON.stringify(body))
  }
  const unheard = await ask('POST', at('/exec'), { method: 'perform' })
  assert.equal([unheard.status, /was not heard yet/.test(unheard.text)], [409, true])
  for (const id of ['nobody', '00000000-0000-4000-8000-000000000000']) assert.is((await ask('GET', `${AGENTS}/${id}`)).status, 404)
})

test('a gateway without a door enrolls nobody, and makes no record', async () => {
  const { ask } = createFace({}, { agentDoor: () => null })
  const refused = await ask('POST', AGENTS, { agent: { name: 'w1' } })
  assert.equal([refused.status, /agents\.listen/.test(refused.text)], [409, true])
  assert.is((await ask('GET', AGENTS)).body.agents.length, 0)
})

test('a command is written down, and looked at until it has ended', async () => {
  const { ask, at, up, tell, id } = await enrolled()
  up()
  const asked = await ask('POST', at('/exec'), { method: 'perform', args: { job: 'one' }, command: 'c1' })
  assert.equal([asked.status, asked.body.command.id, asked.body.command.state], [202, 'c1', 'open'])
  await ask('POST', at('/exec'), { method: 'perform', args: { job: 'one' }, command: 'c1' })
  assert.is((await ask('GET', at())).body.agent.openCommands, 1)
  tell(id, '@result', { key: 'command:c1:1', ok: true, value: { done: true, value: 7 } })
  assert.equal((await ask('GET', at('/commands/c1'))).body.command.value, 7)
  assert.is((await ask('GET', at('/commands/c2'))).status, 404)
  const refused = await ask('POST', at('/exec'), { method: 'rm' })
  assert.equal([refused.status, /it has perform/.test(refused.text)], [400, true])
})

test('another key, a schedule, and the end', async () => {
  const { ask, at, up, body } = await enrolled()
  up()
  const rotated = (await ask('PUT', at('/key'), {})).body
  assert.equal([rotated.agent.keys, rotated.agent.gateway, rotated.agent.key === body.agent.key], [2, null, false])
  assert.equal((await ask('PUT', at('/schedule'), { schedule: { everyMs: 60_000, keep: 2 } })).body.agent.schedule.keep, 2)
  assert.is((await ask('DELETE', at())).status, 204)
  assert.equal([(await ask('GET', at())).status, (await ask('DELETE', at())).status], [404, 404])
})

test('a project has so many and no more', async () => {
  const { api } = fakeFleet(() => 1, 1)
  const one = { id: '11111111-1111-4111-8111-111111111111', name: 'a', project: 'p', key: 'a'.repeat(64) }
  await api.createAgent(one)
  await api.createAgent(one)
  await rejectsWith('QuotaExceeded', api.createAgent({ ...one, id: '22222222-2222-4222-8222-222222222222', key: 'b'.repeat(64) }))
  await api.createAgent({ ...one, id: '33333333-3333-4333-8333-333333333333', project: 'q', key: 'c'.repeat(64) })
})

test('the commands: create writes a file that only its owner may read, exec waits for the end', async () => {
  const { app, up, tell, id } = await enrolled()
  const folder = await mkdtemp(join(tmpdir(), 'agents-'))
  const endpoint = await app.listen({ host: '127.0.0.1', port: 0 })
  const run = (args: string) => runHere(args, { BATON_ENDPOINT: endpoint })
  try {
    const out = join(folder, 'w2.key')
    assert.match((await run(`agent create w2 --out ${out} --silent-s 3`)).out, /w2 .* is enrolled\nkey file/)
    assert.is((await stat(out)).mode & 0o777, 0o600)
    const file = await readKeyFile(out)
    assert.equal([file.name, file.endpoints, file.serverKey], ['w2', DOOR.endpoints, DOOR.serverKey])
    assert.match((await run(`agent create w3 --out ${out}`)).err, /exists already/)
    assert.is((await readFile(out, 'utf8')).includes(file.secretKey), true)
    up()
    const begun = run(`agent exec w1 perform --args {"job":1}`)
    const command = await openCommand(tell, id)
    tell(id, '@result', { key: `command:${command}:1`, ok: true, value: { done: true, value: { jobs: 1 } } })
    assert.is((await begun).out, '{"jobs":1}\n')
    assert.match((await run(`agent list`)).out, /w1 +up +ACTIVE +w /)
    assert.match((await run(`agent show w1`)).out, /METHODS +perform/)
    assert.match((await run(`agent rotate-key w1`)).out, /shown this once[\s\S]*secretKey/)
    assert.match((await run(`agent delete w2`)).out, /is deleted/)
    assert.match((await run(`agent show w2`)).err, /no agent is called "w2"/)
  } finally {
    await app.close()
    await rm(folder, { recursive: true })
  }
})

/** The command that somebody has just asked for. */
async function openCommand(tell: (id: string, method: string, args: unknown) => unknown, id: string): Promise<string> {
  for (let looks = 0; looks < 1000; looks++) {
    const { commands } = tell(id, 'get', {}) as { commands: { id: string; state: string }[] }
    const open = commands.find(({ state }) => state === 'open')
    if (open) return open.id
    await new Promise(resolve => setImmediate(resolve))
  }
  throw new Error('nobody asked for a command')
}

test.run()
