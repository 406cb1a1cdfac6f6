/** Agents at a gateway's door: who is let in, that nobody speaks for another, and that a hostile one harms only itself. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createAgent } from '../../actors/guest/agent/agent.ts'
import { MAX_LINE_BYTES } from '../../actors/guest/contract.ts'
import { createGuests } from '../../actors/guest/guests.ts'
import type { AgentReport } from '../../actors/guest/report.ts'
import { silentLogger } from '../../actors/kernel/env.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { createDialler, type DiallerState } from '../../transport/agents/dialler.ts'
import { createAgentDoor, DOOR_LIMITS } from '../../transport/agents/door.ts'
import { createKeyPair, type KeyPair, proofOf, z85 } from '../../transport/agents/keys.ts'
import type { Link, Peer } from '../../transport/link.ts'
import { createMemoryNetwork } from '../../transport/memory-link.ts'
import { manualEnv } from '../fuzz/env.ts'

const ONE = '11111111-1111-4111-8111-111111111111'
const TWO = '22222222-2222-4222-8222-222222222222'
const SETTINGS = { heartbeatMs: 1000, silentMs: 5000 }

function world() {
  const clock = manualEnv()
  const env = { ...clock, random: () => 0.5, log: silentLogger, uuid: () => 'u', wallMs: () => 0 }
  const network = createMemoryNetwork({ schedule: (delayMs, fn) => void clock.setTimer(delayMs, fn) })
  const doorKeys = createKeyPair()
  const enrolled = new Map<string, string>()
  let session = 0

  /** What a gateway is to agents, with the conductors' part played by `enrolled`. */
  function gateway(name: string) {
    const link = network.link(name)
    const sessions = new Map<string, number>()
    const reports: { agent: string; report: AgentReport }[] = []
    const tend = (): void => guests.tend([...sessions].map(([instance, order]) => ({ instance, power: 'running', order, agent: true })))
    const door = createAgentDoor({
      ...{ env, link, keys: doorKeys, aliveMs: 1000 },
      async admit(agent, key) {
        if (enrolled.get(agent) !== key) throw new BatonError('Forbidden', 'this is not its key')
        sessions.set(agent, ++session)
      },
      onCame: tend,
    })
    const guests = createGuests({
      ...{ env, channels: door.channels, life: 1, settings: SETTINGS },
      report: async (agent, report) => void reports.push({ agent, report }),
    })
    void link.listen(`mem://${name}`)
    const newest = (agent: string): AgentReport | undefined => reports.filter(each => each.agent === agent).at(-1)?.report
    return { door, guests, link, newest, tend, endpoint: `mem://${name}` }
  }

  function agent(name: string, id: string, keys: KeyPair, endpoints: readonly string[]) {
    const states: DiallerState[] = []
    const link = network.link(name)
    const done: string[] = []
    const service = { name: 's', methods: { perform: { about: '', run: async (args: object) => done.push(JSON.stringify(args)) } } }
    const inner = createAgent({ instance: id, boot: name, program: 'a/1', service, send: line => dialler.send(line), setTimer: clock.setTimer })
    const dialler = createDialler({
      ...{ env, link, endpoints, agent: id, keys, serverKey: doorKeys.publicKey },
      onLine: line => inner.take(Buffer.from(`${line}\n`)),
      onState: state => states.push(state),
    })
    inner.status('ACTIVE')
    return { states, dialler, done, at: () => states.at(-1)?.at }
  }

  /** Somebody who says whatever he likes, with a link of his own. */
  function stranger(name: string, to: string) {
    const link: Link = network.link(name)
    const heard: { type: string; nonce?: string; code?: string }[] = []
    link.onMessage((_, message) => void heard.push(JSON.parse(Buffer.from(message).toString())))
    const peer: Peer = link.dial(to)
    return {
      heard,
      raw: (text: string) => link.send(peer, Buffer.from(text)),
      say: (message: object) => link.send(peer, Buffer.from(JSON.stringify(message))),
    }
  }

  async function run(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 50) {
      clock.elapse(50)
      for (let i = 0; i < 8; i++) await Promise.resolve()
    }
  }

  return { network, enrolled, gateway, agent, stranger, run, doorKeys }
}

const knock = (agent: string, { publicKey }: KeyPair): object => ({ type: 'knock', version: 1, agent, key: publicKey })

test('an agent proves its key, is heard, and does what it is asked', async () => {
  const { enrolled, gateway, agent, run } = world()
  const keys = createKeyPair()
  enrolled.set(ONE, keys.publicKey)
  const g = gateway('g1')
  const one = agent('a1', ONE, keys, [g.endpoint])
  await run(3000)
  assert.is(one.at(), 'in')
  assert.equal([g.newest(ONE)?.heard, g.newest(ONE)?.status, g.newest(ONE)?.about?.service], [true, 'ACTIVE', 's'])
  const asked = [1, 2].map(() => g.guests.session(ONE).command('perform', { job: 1 }, 5000, 'c1'))
  await run(500)
  assert.equal([await Promise.all(asked), one.done], [[1, 1], ['{"job":1}']], 'under one name it is done once, and answered each time')
})

test('another key, no key, and a proof that was heard before let nobody in', async () => {
  const { enrolled, gateway, agent, stranger, run, doorKeys } = world()
  const [keys, wrong] = [createKeyPair(), createKeyPair()]
  enrolled.set(ONE, keys.publicKey)
  const g = gateway('g1')
  const liar = agent('liar', ONE, wrong, [g.endpoint])
  await run(2000)
  assert.equal([liar.states.find(each => each.at === 'refused')?.at, g.door.counters().refused], ['refused', 1])
  const thief = stranger('thief', g.endpoint)
  thief.say(knock(ONE, keys))
  await run(500)
  const nonce = thief.heard.find(({ type }) => type === 'prove')?.nonce ?? ''
  thief.say({ type: 'proof', mac: proofOf(wrong, doorKeys.publicKey, { agent: ONE, nonce }) })
  await run(500)
  // Right for the number it was made for, and worth nothing for the next.
  const proof = { type: 'proof', mac: proofOf(keys, doorKeys.publicKey, { agent: ONE, nonce }) }
  thief.say(knock(ONE, keys))
  await run(500)
  thief.say(proof)
  await run(500)
  assert.equal([g.door.counters().unproved, g.door.isHere(ONE), g.door.counters().came], [2, false, 0])
})

test('an agent is heard under its own id, whatever it writes; a proof is of the id it names', async () => {
  const { enrolled, gateway, stranger, run, doorKeys } = world()
  const [keys, others] = [createKeyPair(), createKeyPair()]
  enrolled.set(ONE, keys.publicKey).set(TWO, others.publicKey)
  const g = gateway('g1')
  const one = stranger('one', g.endpoint)
  const prove = async (agent: string): Promise<void> => {
    one.say(knock(agent, keys))
    await run(200)
    const nonce = one.heard.filter(({ type }) => type === 'prove').at(-1)?.nonce ?? ''
    one.say({ type: 'proof', mac: proofOf(keys, doorKeys.publicKey, { agent, nonce }) })
    await run(200)
  }
  await prove(TWO)
  assert.equal([g.door.isHere(TWO), one.heard.at(-1)?.code], [false, 'Forbidden'])
  await prove(ONE)
  one.say({ type: 'hello', version: 1, agent: 'a', boot: 'b', instance: TWO, service: 's', methods: [] })
  one.say({ type: 'hello', version: 1, agent: 'a', boot: 'b', instance: ONE, service: 's', methods: [] })
  one.say({ type: 'heartbeat', seq: 1, status: 'ACTIVE' })
  await run(1000)
  assert.equal([g.guests.look(ONE).counters.foreign, g.newest(ONE)?.status, g.newest(TWO)], [1, 'ACTIVE', undefined])
})

test('garbage, greetings without end and a flood are counted, bounded, and felt by nobody else', async () => {
  const { enrolled, gateway, agent, stranger, run, doorKeys } = world()
  const [keys, bad] = [createKeyPair(), createKeyPair()]
  enrolled.set(ONE, keys.publicKey).set(TWO, bad.publicKey)
  const g = gateway('g1')
  agent('a1', ONE, keys, [g.endpoint])
  const enemy = stranger('enemy', g.endpoint)
  for (const text of ['', '{}', 'null', '[', '{"type":"proof","mac":"x"}', '{"type":"__proto__"}', 'x'.repeat(MAX_LINE_BYTES + 1)])
    enemy.raw(text || ' ')
  await run(500)
  assert.is(g.door.counters().malformed, 7)
  for (let i = 0; i < 20; i++) enemy.say({ ...knock(TWO, bad), key: 'f'.repeat(64) })
  enemy.say(knock(TWO, bad))
  await run(500)
  const nonce = enemy.heard.filter(({ type }) => type === 'prove').at(-1)?.nonce ?? ''
  enemy.say({ type: 'proof', mac: proofOf(bad, doorKeys.publicKey, { agent: TWO, nonce }) })
  await run(500)
  assert.is(g.door.isHere(TWO), true)
  for (let i = 0; i < 5000; i++) enemy.say({ type: 'heartbeat', seq: i, status: 'ACTIVE' })
  await run(5000)
  const { counters } = g.guests.look(TWO)
  assert.ok(counters.stale <= 200 && g.door.counters().flooded + counters.flooded > 4500, JSON.stringify([counters, g.door.counters()]))
  assert.equal([g.newest(ONE)?.heard, g.guests.look(ONE).counters.flooded], [true, 0])
})

test('who comes again and again is told to wait, by its key and not by the id it names', async () => {
  const { enrolled, gateway, stranger, run, doorKeys } = world()
  const keys = createKeyPair()
  enrolled.set(ONE, keys.publicKey)
  const g = gateway('g1')
  const one = stranger('one', g.endpoint)
  for (let i = 0; i < DOOR_LIMITS.sessions.burst + 3; i++) {
    one.say(knock(ONE, keys))
    await run(50)
    const nonce = one.heard.filter(({ type }) => type === 'prove').at(-1)?.nonce ?? ''
    one.say({ type: 'proof', mac: proofOf(keys, doorKeys.publicKey, { agent: ONE, nonce }) })
    await run(50)
  }
  assert.ok(g.door.counters().came <= DOOR_LIMITS.sessions.burst + 1)
  assert.ok(g.door.counters().hurried >= 2)
})

test('its gateway dies: it goes on to the next, and what was asked by name is not done twice', async () => {
  const { network, enrolled, gateway, agent, run } = world()
  const keys = createKeyPair()
  enrolled.set(ONE, keys.publicKey)
  const [g1, g2] = [gateway('g1'), gateway('g2')]
  const one = agent('a1', ONE, keys, [g1.endpoint, g2.endpoint])
  await run(2000)
  const first = g1.guests.session(ONE).command('perform', { job: 1 }, 5000, 'c1')
  await run(500)
  assert.is(await first, 1)
  network.crash('g1')
  await run(10_000)
  assert.equal([one.states.at(-1), g2.newest(ONE)?.heard], [{ at: 'in', endpoint: g2.endpoint }, true])
  const again = g2.guests.session(ONE).command('perform', { job: 1 }, 5000, 'c1')
  await run(500)
  assert.equal([await again, one.done.length], [1, 1])
})

test('a gateway that stands still is left, and a session that is ended is over at once', async () => {
  const { network, enrolled, gateway, agent, run } = world()
  const keys = createKeyPair()
  enrolled.set(ONE, keys.publicKey)
  const [g1, g2] = [gateway('g1'), gateway('g2')]
  const one = agent('a1', ONE, keys, [g1.endpoint, g2.endpoint])
  await run(2000)
  network.pause('g1')
  g1.door.stop()
  await run(10_000)
  assert.is(g2.door.isHere(ONE), true)
  enrolled.set(ONE, createKeyPair().publicKey)
  g2.door.end(ONE, 'its key was replaced', true)
  await run(100)
  assert.equal([g2.door.isHere(ONE), one.at()], [false, 'refused'])
  await run(20_000)
  assert.is(g2.door.isHere(ONE), false, 'the old key does not come in again')
})

test('keys are written as ZeroMQ wants them', () => {
  assert.is(z85('864fd26fb559f75b'), 'HelloWorld')
  const [a, b] = [createKeyPair(), createKeyPair()]
  const about = { agent: ONE, nonce: 'n' }
  assert.is(proofOf(a, b.publicKey, about), proofOf(b, a.publicKey, about))
  assert.is.not(proofOf(a, b.publicKey, about), proofOf(a, b.publicKey, { ...about, agent: TWO }))
})

test.run()
