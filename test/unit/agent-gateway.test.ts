/** Around a gateway's door for agents: whose key the handshake lets in, what is under way by name, gateways that have gone, and the link itself. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { doorKey } from '../../actors/agent/agent.ts'
import { DOORS } from '../../actors/agent/door-keys.ts'
import { shardOf } from '../../actors/kernel/address.ts'
import type { Json } from '../../actors/kernel/define.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Views } from '../../actors/kernel/ports.ts'
import { createAdmissions } from '../../supervisors/agents/admissions.ts'
import { createAgentKeys } from '../../supervisors/agents/door-keys.ts'
import { createDoorWatch } from '../../supervisors/agents/door-watch.ts'
import { createRuns } from '../../supervisors/agents/runs.ts'
import { createAgeMeter } from '../../transport/age.ts'
import { createKeyPair } from '../../transport/agents/keys.ts'
import type { Link } from '../../transport/link.ts'
import type { Session } from '../../transport/sessions.ts'
import { createZeromqLink } from '../../transport/zeromq-link.ts'
import { manualEnv } from '../fuzz/env.ts'
import { rejectsWith } from './persistence-fixtures.ts'

test('a key is asked about once in a while, and nobody knows better while no conductor answers', async () => {
  const env = manualEnv()
  const asked: string[] = []
  let away = false
  const { admits, counters } = createAdmissions(env, async key => {
    asked.push(key)
    if (away) throw new BatonError('Unavailable', 'no conductor')
    return key === 'good'
  })
  assert.equal([await admits('good', ''), await admits('good', ''), await admits('bad', ''), await admits('bad', '')], ['yes', 'yes', 'no', 'no'])
  assert.equal([asked, counters().refused], [['good', 'bad'], 2])
  env.elapse(2000)
  await admits('bad', '')
  assert.is(asked.length, 3, 'a key that was enrolled meanwhile does not wait for long')
  away = true
  env.elapse(20_000)
  assert.is(await admits('good', ''), 'later')
})

test('what is under way is waited for by name; what has failed may be asked again', async () => {
  const env = manualEnv()
  const runs = createRuns(env)
  let begun = 0
  const { promise, resolve } = Promise.withResolvers<Json>()
  const act = (): Promise<Json> => {
    begun++
    return promise
  }
  const first = runs('a', 1000, act)
  env.elapse(1000)
  assert.equal(await first, { done: false })
  const second = runs('a', 1000, act)
  resolve({ jobs: 1 })
  assert.equal([await second, begun], [{ done: true, value: { jobs: 1 } }, 1])
  await rejectsWith(
    'GuestFailed',
    runs('b', 1000, () => Promise.reject(new BatonError('GuestFailed', 'no'))),
  )
  assert.equal(await runs('b', 1000, async () => 2), { done: true, value: 2 })
  assert.is(env.waiting(), 0)
})

test('agents of a gateway that has gone are told so once they have had time to come to another', async () => {
  const env = manualEnv()
  const told: [string, unknown][] = []
  let open = [{ node: 'g1', life: 1 }]
  let mine = true
  const sessions = (): readonly Session[] =>
    open.map(({ node, life }) => ({
      ...{ peer: node, version: 1, dialled: false, lastHeardMs: 0, rttMs: 0, age: createAgeMeter() },
      identity: { node, inc: life, role: 'gateway', pid: 1, ver: '', eng: '' },
    }))
  const views: Pick<Views, 'list' | 'countBy'> = {
    countBy: async () =>
      new Map([
        ['', 4],
        [doorKey({ node: 'g1', life: 1 }), 1],
        [doorKey({ node: 'g#2', life: 7 }), 1],
      ]),
    list: async (_, { where }) => [{ table: 'agent', id: String(where?.door), columns: {}, body: {} }],
  }
  const watch = createDoorWatch({
    ...{ env, views, sessions, silentMs: 5000 },
    owns: shard => mine && shard === shardOf(DOORS),
    call: async (_, id, method, args) => void told.push([`${id} ${method}`, args]),
  })
  await watch.look()
  env.elapse(4000)
  await watch.look()
  assert.equal(told, [], 'there is time')
  env.elapse(2000)
  mine = false
  await watch.look()
  assert.equal(told, [], 'another conductor looks')
  mine = true
  await watch.look()
  env.elapse(6000)
  await watch.look()
  // It looks by itself, too.
  assert.equal([...new Set(told.map(each => JSON.stringify(each)))], [JSON.stringify(['g#2#7 doorLost', { node: 'g#2', life: 7 }])])
  const before = told.length
  open = [...open, { node: 'g#2', life: 8 }]
  await watch.look()
  assert.is(told.length, before + 1, 'a new life of it has none of the sessions')
  watch.stop()
})

test('conductors say whose key is enrolled, and make the keys of the doors', async () => {
  const calls: string[] = []
  const keys = createAgentKeys({
    views: { list: async (_, { where }) => (where?.key === 'a'.repeat(64) ? [{ table: 'agent', id: 'x', columns: {}, body: {} }] : []) },
    call: async (kind, id, method) => void calls.push(`${kind}/${id} ${method}`),
  })
  assert.equal(
    [await keys('admits', { key: 'a'.repeat(64) }), await keys('admits', { key: 'b'.repeat(64) })],
    [{ admitted: true }, { admitted: false }],
  )
  await keys('door', {})
  assert.equal(calls, ['door-keys/cluster ensure'])
  await rejectsWith('BadRequest', keys('admits', { key: 1 }))
  await rejectsWith('UnknownMethod', keys('secret', {}))
})

/** Resolves with the first message, or null when none comes while the other does. */
const firstOf = (link: Link): Promise<string> => new Promise(resolve => link.onMessage((_, message) => resolve(Buffer.from(message).toString())))

test('over ZeroMQ an enrolled key gets through, another ends in the handshake, and so does who takes another for the door', async () => {
  const [door, good, bad] = [createKeyPair(), createKeyPair(), createKeyPair()]
  const asked: string[] = []
  const listener = createZeromqLink({
    identity: 'door',
    maxFrameBytes: 1024,
    listens: {
      keys: door,
      async admits(key) {
        asked.push(key)
        return key === good.publicKey ? 'yes' : 'no'
      },
    },
  })
  const dialler = (keys: typeof good, serverKey: string): Link => createZeromqLink({ identity: 'agent', dials: { keys, serverKey } })
  const [honest, stranger, misled] = [dialler(good, door.publicKey), dialler(bad, door.publicKey), dialler(good, bad.publicKey)]
  try {
    const endpoint = await listener.listen('tcp://127.0.0.1:*')
    const heard: string[] = []
    const arrived = new Promise<void>(resolve =>
      listener.onMessage((peer, message) => {
        heard.push(Buffer.from(message).toString())
        listener.send(peer, Buffer.from('answer'))
        resolve()
      }),
    )
    for (const [link, word] of [
      [stranger, 'stranger'],
      [misled, 'misled'],
    ] as const)
      link.send(link.dial(endpoint), Buffer.from(word))
    const answered = firstOf(honest)
    honest.send(honest.dial(endpoint), Buffer.from('honest'))
    await arrived
    assert.is(await answered, 'answer')
    while (!asked.includes(bad.publicKey)) await new Promise(resolve => setImmediate(resolve))
    assert.equal(heard, ['honest'])
  } finally {
    for (const link of [honest, stranger, misled, listener]) await link.close()
  }
})

test.run()
