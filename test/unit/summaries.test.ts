import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { shardOf } from '../../actors/kernel/address.ts'
import { createSummaries } from '../../supervisors/hosts/summaries.ts'
import { LINK_LIMITS } from '../../transport/link.ts'
import { encode } from '../../transport/protocol.ts'
import { DEFAULTS, host } from '../support/placement.ts'
import { simulated } from '../support/simulated.ts'

function record(env: Parameters<typeof createSummaries>[0]['env']) {
  const sent: { to: string; atMs: number; hosts: string[] }[] = []
  const learned: string[] = []
  const loads = new Map<string, unknown>()
  const startMs = env.monotonicMs()
  const summaries = createSummaries({
    env,
    loadOf: id => (id === 'a' ? { instances: 3 } : undefined),
    learn: h => learned.push(`${h.id}:${h.claims}`),
    others: () => ['conductor-2'],
    send: (to, hosts) => {
      sent.push({ to, atMs: env.monotonicMs() - startMs, hosts: hosts.map(h => `${h.id}:${h.claims}`) })
      for (const h of hosts) loads.set(h.id, h.load)
    },
  })
  return { summaries, sent, learned, loads }
}

test('changes are learned at once here, and sent together, the newest of each host', () =>
  simulated(async bench => {
    const { summaries, sent, learned } = record(bench.env)
    summaries.changed(host('a', { claims: 1 }))
    summaries.changed(host('b', { claims: 1 }))
    summaries.changed(host('a', { claims: 2 }))
    assert.equal(learned, ['a:1', 'b:1', 'a:2'])
    assert.equal(sent, [])
    await bench.run(1000)
    assert.is(sent.length, 1)
    assert.equal(sent[0]?.hosts.sort(), ['a:2', 'b:1'])
    assert.ok((sent[0]?.atMs ?? 0) <= 100)
  }))

test('of a host whose shard is served elsewhere from now on nothing more is said', () =>
  simulated(async bench => {
    const { summaries, sent } = record(bench.env)
    summaries.changed(host('a', { claims: 1 }))
    summaries.changed(host('b', { claims: 1 }))
    await bench.run(1000)
    summaries.release([shardOf('a')])
    await bench.run(15_000)
    assert.equal(
      sent.slice(1).map(s => s.hosts),
      [['b:1']],
      'the refresh',
    )
    summaries.stop()
  }))

test('a conductor that is met is told all there is, and nobody else is', () =>
  simulated(async bench => {
    const { summaries, sent } = record(bench.env)
    summaries.greet('conductor-3')
    assert.equal(sent, [])
    summaries.changed(host('a', { claims: 1 }))
    summaries.changed(host('b', { claims: 1 }))
    summaries.greet('conductor-3')
    assert.equal(sent, [{ to: 'conductor-3', atMs: 0, hosts: ['a:1', 'b:1'] }])
    await bench.run(1000)
    assert.equal(
      sent.slice(1).map(s => s.to),
      ['conductor-2'],
    )
  }))

test('however many changes, a few messages a second', () =>
  simulated(async bench => {
    const { summaries, sent } = record(bench.env)
    for (let i = 0; i < 200; i++) {
      summaries.changed(host('a', { claims: i }))
      await bench.run(5)
    }
    assert.ok(sent.length >= 8 && sent.length <= 11, `${sent.length} messages in a second`)
  }))

test('all is sent again now and then, also when nothing changes: a lost message is made good', () =>
  simulated(async bench => {
    const { summaries, sent } = record(bench.env)
    summaries.changed(host('a', { claims: 1 }))
    summaries.changed(host('b', { claims: 1 }))
    await bench.run(1000)
    sent.length = 0
    await bench.run(30_000)
    assert.ok(sent.length >= 2 && sent.length <= 4, `${sent.length} refreshes in 30 s`)
    assert.equal(sent[0]?.hosts.sort(), ['a:1', 'b:1'])
  }))

test('for a host of which another conductor speaks, this one no longer does', () =>
  simulated(async bench => {
    const { summaries, sent, learned } = record(bench.env)
    summaries.changed(host('a', { claims: 1 }))
    await bench.run(1000)
    summaries.take([{ ...host('a', { claims: 5 }), load: { instances: 9 } }])
    assert.is(learned.at(-1), 'a:5')
    sent.length = 0
    await bench.run(30_000)
    assert.equal(sent, [])
    summaries.changed(host('a', { claims: 6 }))
    await bench.run(1000)
    assert.equal(
      sent.map(s => s.hosts),
      [['a:6']],
    )
  }))

test('a summary carries the load of its host, and the load of a host elsewhere is remembered', () =>
  simulated(async bench => {
    const { summaries, loads } = record(bench.env)
    summaries.changed(host('a'))
    summaries.changed(host('b'))
    await bench.run(1000)
    assert.equal(
      [...loads],
      [
        ['a', { instances: 3 }],
        ['b', {}],
      ],
    )
    summaries.take([{ ...host('c'), load: { instances: 9 } }])
    assert.equal([summaries.load('a'), summaries.load('b'), summaries.load('c')], [{ instances: 3 }, {}, { instances: 9 }])
  }))

test('stopped it says nothing more', () =>
  simulated(async bench => {
    const { summaries, sent } = record(bench.env)
    summaries.changed(host('a'))
    summaries.stop()
    await bench.run(60_000)
    assert.equal(sent, [])
  }))

test('ten thousand hosts are told in messages that a link takes, a thousand at a time', () =>
  simulated(async bench => {
    const big = { traits: Array.from({ length: 40 }, (_, i) => `CUSTOM_TRAIT_OF_A_LONG_NAME_${i}`) }
    const bytes: number[] = []
    const startMs = bench.env.monotonicMs()
    const told: { atMs: number; hosts: number }[] = []
    const summaries = createSummaries({
      ...{ env: bench.env, loadOf: () => ({ cpu: 0.1 }), learn: () => {}, others: () => ['conductor-2'] },
      send(_, hosts) {
        bytes.push(encode({ t: 'cast', to: 'node/conductor-2', m: 'summaries', a: hosts, ttl: 1, at: 1 }).length)
        told.push({ atMs: bench.env.monotonicMs() - startMs, hosts: hosts.length })
      },
    })
    const all = Array.from({ length: 10_000 }, (_, i) =>
      host(`compute-${i}`, { placement: { ratios: DEFAULTS.ratios, reserved: DEFAULTS.reserved, custom: {}, customUsed: {}, ...big } }),
    )
    for (const each of all) summaries.changed(each)
    await bench.run(1500)
    assert.is(
      told.reduce((sum, { hosts }) => sum + hosts, 0),
      10_000,
    )
    assert.ok(Math.max(...bytes) < LINK_LIMITS.maxMessageBytes / 4)
    const atOnce = [...Map.groupBy(told, ({ atMs }) => atMs).values()].map(some => some.reduce((sum, { hosts }) => sum + hosts, 0))
    assert.ok(Math.max(...atOnce) <= 1000)
    told.length = 0
    summaries.greet('conductor-3')
    assert.is(
      told.reduce((sum, { hosts }) => sum + hosts, 0),
      10_000,
      'and so is one that is met',
    )
    assert.ok(Math.max(...bytes) < LINK_LIMITS.maxMessageBytes / 4)
    summaries.stop()
  }))

test.run()
