/**
 * What nobody of ours would send to a conductor's ZeroMQ port: bytes that are no ZeroMQ, frames that hold no messages, messages that
 * are no envelopes, calls that make no sense or come twice. Each is counted or answered, and none ends a process.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Envelope } from '../../transport/protocol.ts'
import { ask, nodesAndPids, STACK, startCluster, type TestCluster, telling, until } from '../support/cluster.ts'
import { active, create } from '../support/history.ts'
import { shown } from '../support/hooks.ts'
import { dialAsStranger, frame, type Stranger, shout, ZMTP_HANDSHAKE } from '../support/stranger.ts'

const test = suite('bad frames')

let cluster: TestCluster
let pids: string[] = []
/** Endpoint and metrics port of the conductor; there is one, so that nobody can stand in for it. */
let conductor = ''
let metricsPort = 0
/** All that strangers were told. */
const told: string[] = []

test.before(
  shown(async () => {
    cluster = await startCluster({ args: ['--conductors', '1', '--computes', '1'] })
    pids = nodesAndPids(cluster)
    await cluster.whole()
    // A node tells its port with its first renewal, not when it joins.
    const node = await until('the port of its metrics', 20_000, async () =>
      (await cluster.nodes()).find(n => n.role === 'conductor' && (n.load.metricsPort ?? 0) > 0),
    )
    conductor = node.endpoint ?? ''
    metricsPort = node.load.metricsPort ?? 0
  }),
)
test.after(shown(() => cluster?.stop()))

/** A test with a stranger in it. */
function check(name: string, body: (stranger: Stranger) => Promise<void>): void {
  const withStranger = async () => {
    const stranger = dialAsStranger(conductor)
    try {
      await body(stranger)
    } finally {
      told.push(JSON.stringify(stranger.heard))
      stranger.close()
    }
  }
  test(name, () => telling(cluster, withStranger))
}

async function counter(name: string): Promise<number> {
  const { text } = await ask(`http://127.0.0.1:${metricsPort}/metrics`)
  return Number(new RegExp(`^baton_${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1])
}

/** What `body` adds to a counter of the conductor. */
async function counted(name: string, body: () => Promise<void>): Promise<number> {
  const before = await counter(name)
  await body()
  return (await counter(name)) - before
}

const bytes = (...values: number[]): Buffer => Buffer.from(values)

const SHOUTED: readonly (readonly [what: string, said: Buffer])[] = [
  ['nothing', Buffer.alloc(0)],
  ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
  ['noise', Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7919) % 251))],
  ['half a greeting', ZMTP_HANDSHAKE.subarray(0, 20)],
  ['half a READY', ZMTP_HANDSHAKE.subarray(0, 70)],
  ['a frame cut short', Buffer.concat([ZMTP_HANDSHAKE, bytes(2, 0, 0, 0, 0, 0, 0, 4, 0), frame(bytes(1, 2, 3))])],
  ['a frame of exabytes', Buffer.concat([ZMTP_HANDSHAKE, bytes(2, 0x0f, 255, 255, 255, 255, 255, 255, 255), Buffer.alloc(1000)])],
]

for (const [what, said] of SHOUTED) {
  check(`TCP: ${what}`, async stranger => {
    await shout(conductor, said)
    await stranger.handled()
  })
}

const FRAMES: readonly (readonly [what: string, parts: readonly Buffer[]])[] = [
  ['empty', [Buffer.alloc(0)]],
  ['a length of zero', [bytes(0, 0, 0, 0)]],
  ['a length over its end', [bytes(0, 0, 1, 0, 1, 2)]],
  ['a length over the limit', [bytes(255, 255, 255, 255, 1, 2)]],
  ['half a length', [bytes(0, 0)]],
  ['more than one part', [frame(bytes(0xc0)), frame(bytes(0xc0))]],
]

for (const [what, parts] of FRAMES) {
  check(`frame: ${what}`, async stranger => {
    await stranger.enter('client')
    const count = await counted('link_malformed_total', async () => {
      await stranger.send(...parts)
      await stranger.handled()
    })
    assert.is(count, 1)
  })
}

check('frame: one over the limit costs the connection, and the next one is served', async stranger => {
  const greedy = dialAsStranger(conductor)
  try {
    await greedy.enter('client')
    await greedy.send(Buffer.alloc(6 * 1024 * 1024, 1))
    await greedy.disconnected()
  } finally {
    greedy.close()
  }
  await stranger.enter('client')
})

const NO_ENVELOPE: readonly (readonly [what: string, message: Buffer])[] = [
  ['noise', bytes(0xc1, 1, 2, 3)],
  ['nil', bytes(0xc0)],
  ['an array said to have 4 billion items', bytes(0xdd, 255, 255, 255, 255)],
  ['a map said to have 4 billion keys', bytes(0xdf, 255, 255, 255, 255)],
  ['a text said to have 4 GB', bytes(0xdb, 255, 255, 255, 255, 65)],
  ['arrays 100,000 deep', Buffer.alloc(100_000, 0x91)],
  ['an extension', bytes(0xd4, 0x72, 0x40, 0x91, 0xa1, 65)],
  ['no type', Buffer.from('\x81\xa1x\x01', 'latin1')],
  ['an unknown type', Buffer.from('\x81\xa1t\xa7explode', 'latin1')],
  ['a call without its fields', Buffer.from('\x81\xa1t\xa4call', 'latin1')],
  ['a hello without its fields', Buffer.from('\x81\xa1t\xa5hello', 'latin1')],
]

for (const [what, message] of NO_ENVELOPE) {
  check(`message: ${what}`, async stranger => {
    await stranger.enter('client')
    const count = await counted('messages_malformed_total', async () => {
      await stranger.send(frame(message))
      await stranger.handled()
    })
    assert.is(count, 1)
  })
}

const call = (id: string, to: string, m: string, a: unknown, ttl = 10_000): Envelope => ({
  t: 'call',
  id,
  to,
  m,
  a,
  ttl,
  at: performance.now(),
  n: 1,
})
const answers = (id: string) => (e: Envelope) => (e.t === 'ok' || e.t === 'no') && e.id === id
const codeOf = (e: Envelope): string => (e.t === 'no' ? e.f.code : e.t)

check('a protocol version that nobody speaks is refused, and a call without a hello is asked who it is', async stranger => {
  const id = { node: 'stranger', inc: 1, role: 'client', pid: 1, ver: 'x', eng: 'x' } as const
  await stranger.say({ t: 'hello', vs: [90, 99], id, at: 0 })
  assert.is(codeOf(await stranger.hears('a refusal', e => e.t === 'no')), 'VersionMismatch')
  await stranger.say(call('1', 'api/', 'status', {}))
  await stranger.hears('who', e => e.t === 'who')
  assert.not.ok(stranger.heard.some(e => e.t === 'ok' || e.t === 'welcome'))
})

const CALLS: readonly (readonly [what: string, to: string, method: string, args: unknown, code: string])[] = [
  ['no address', 'nowhere', 'status', {}, 'BadRequest'],
  ['an unknown kind', 'explode/1', 'status', {}, 'UnknownMethod'],
  ['an unknown method', 'api/', 'explode', {}, 'UnknownMethod'],
  ['a method of every object', 'api/', 'constructor', {}, 'UnknownMethod'],
  ['no arguments', 'api/', 'status', null, 'BadRequest'],
  ['what only conductors may', 'scheduler/', 'pick', {}, 'UnknownMethod'],
  ['a heartbeat of one who is no host', 'monitor/x', 'beat', { seq: 'x' }, 'UnknownMethod'],
  ['an actor with what it cannot read', 'instance/x', 'create', { deep: [[[]]] }, 'UnknownMethod'],
]

for (const [what, to, method, args, code] of CALLS) {
  check(`call: ${what}`, async stranger => {
    await stranger.enter('client')
    await stranger.say(call(what, to, method, args))
    const answer = await stranger.hears('an answer', answers(what))
    assert.is(codeOf(answer), code, JSON.stringify(answer))
  })
}

check('a call past its deadline is dropped; one that is sent again is done once, and answered the same', async stranger => {
  await stranger.enter('gateway')
  const dropped = await counted('messages_expired_total', async () => {
    await stranger.say(call('late', 'api/', 'status', {}, 0))
    await stranger.handled()
  })
  assert.is(dropped, 1)
  const once = call('once', 'api/', 'createFlavor', { id: 'once', name: 'once', vcpus: 1, ramMb: 64, diskGb: 1 })
  const duplicates = await counted('calls_duplicate_total', async () => {
    await stranger.say(once)
    assert.is(codeOf(await stranger.hears('its answer', answers('once'))), 'ok')
    await stranger.say(once, once, once)
    await stranger.handled()
  })
  assert.is(duplicates, 3)
  const given = stranger.heard.filter(answers('once')).map(e => (e.t === 'ok' ? e.r : e))
  assert.is(given.length, 4)
  for (const answer of given) assert.equal(answer, given[0])
  assert.not.ok(stranger.heard.some(answers('late')))
})

test('afterwards every node is the process it was, the cluster builds, and neither answers nor logs have a stack trace', () =>
  telling(cluster, async () => {
    await active(cluster, await create(cluster, 'afterwards'))
    assert.equal(nodesAndPids(cluster), pids)
    assert.ok(told.some(text => text.includes('VersionMismatch')))
    const logs = await Promise.all(cluster.processes().map(({ id }) => cluster.log(id)))
    for (const text of [...told, cluster.up.output(), ...logs.flat().map(line => JSON.stringify(line))]) assert.not.match(text, STACK)
  }))

test.run()
