/** One client of the console over a hub with a cluster in memory: what it is told, what it is refused, and what it costs. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Claims } from '../../actors/identity/api.ts'
import type { ViewRow } from '../../actors/kernel/define.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { createFeed } from '../../supervisors/observe/feed.ts'
import { createFollower } from '../../supervisors/observe/feed-follower.ts'
import type { FeedBatch, FeedWanted } from '../../transport/console/feed.ts'
import { SESSION_LIMITS } from '../../transport/console/session.ts'
import { type Client, claims, idsIn, inWorld, MAP, of } from '../support/console-world.ts'
import { simulated } from '../support/simulated.ts'

test('hello, a snapshot, deltas in order; unsubscribed, nothing more', () =>
  inWorld(async ({ bench, tell, client }) => {
    const c = client()
    c.session.begin(null)
    assert.is(c.told[0]?.type, 'hello')
    c.send({ type: 'subscribe', id: 'a', topic: 'instances' })
    await bench.run(1000)
    const [snapshot] = of(c.told, 'snapshot')
    assert.equal(idsIn(snapshot), ['i1', 'i2'])
    tell({ id: 'i3', rev: 1, name: 'third' })
    tell({ id: 'i3', rev: 2, name: 'again' })
    await bench.run(1000)
    tell({ id: 'i3', rev: 1, name: 'late' })
    tell({ id: 'i1', rev: 9, vmState: 'deleted' })
    await bench.run(1000)
    const deltas = of(c.told, 'delta')
    assert.equal(
      deltas.map(d => [idsIn(d), d.gone]),
      [
        [['i3'], []],
        [[], ['i1']],
      ],
    )
    assert.ok(JSON.stringify(deltas[0]).includes('again'), 'what changed twice at once is told once, newest')
    c.send({ type: 'unsubscribe', id: 'a' })
    tell({ id: 'i4', rev: 1 })
    await bench.run(1000)
    assert.is(of(c.told, 'delta').length, 2)
  }))

test('who comes back goes on at its version: no gap, no double; after too long, or at another gateway, a snapshot', () =>
  inWorld(
    async ({ bench, tell, client }) => {
      const first = client()
      first.session.begin(null)
      first.send({ type: 'subscribe', id: 'a', topic: 'instances' })
      await bench.run(1000)
      const [shown] = of(first.told, 'snapshot')
      const { epoch, version } = shown ?? { epoch: null, version: null }
      first.session.closed()
      tell({ id: 'i3', rev: 1 })
      await bench.run(100)
      const second = client()
      second.session.begin(null)
      second.send({ type: 'subscribe', id: 'b', topic: 'instances', resume: { epoch, version } })
      second.send({ type: 'subscribe', id: 'c', topic: 'instances', resume: { epoch: 'another', version } })
      await bench.run(1000)
      assert.equal(
        of(second.told, 'delta').map(d => [d.id, idsIn(d)]),
        [['b', ['i3']]],
      )
      assert.equal(
        of(second.told, 'snapshot').map(s => [s.id, idsIn(s)]),
        [['c', ['i1', 'i2', 'i3']]],
      )
      second.session.closed()
      await bench.run(20_000)
      const third = client()
      third.session.begin(null)
      third.send({ type: 'subscribe', id: 'd', topic: 'instances', resume: { epoch, version } })
      await bench.run(1000)
      assert.equal(
        of(third.told, 'snapshot').map(s => s.id),
        ['d'],
        'nobody watched for long enough that it was forgotten',
      )
    },
    { keepMs: 5000 },
  ))

test('a client that does not read is told nothing, costs nothing, and then gets the newest state of each row', () =>
  inWorld(async ({ bench, tell, client }) => {
    const c = client()
    c.session.begin(null)
    c.send({ type: 'subscribe', id: 'a', topic: 'instances' })
    await bench.run(1000)
    const before = c.told.length
    c.waiting = SESSION_LIMITS.waitingBytes + 1
    for (let rev = 1; rev <= 600; rev++) {
      tell({ id: `i${rev % 3}`, rev: 10 + rev })
      await bench.run(100)
    }
    assert.is(c.told.length, before)
    c.waiting = 0
    await bench.run(1000)
    assert.is(c.told.length, before + 1)
    assert.equal(idsIn(c.told.at(-1)), ['i0', 'i1', 'i2'])
    c.waiting = SESSION_LIMITS.unreadBytes + 1
    c.send({ type: 'ping' })
    assert.is(c.closed()?.code, 1008, 'who goes on asking and does not read is let go')
  }))

test('bad messages are answered by what is wrong, and too many of them end the connection', () =>
  inWorld(async ({ bench, client }) => {
    const c = client({ limits: { subscriptions: 3, refusals: 12 } })
    c.session.begin(null)
    const cases: readonly [unknown, RegExp][] = [
      [[], /type must be one of/],
      [{ type: 'nonsense' }, /type must be one of/],
      [{ type: 'subscribe', id: 'a' }, /topic/],
      [{ type: 'subscribe', id: 'a', topic: 'secrets' }, /no topic "secrets"/],
      [{ type: 'subscribe', id: 'a', topic: 'toString' }, /no topic/],
      [{ type: 'subscribe', id: 'a', topic: 'nodes', params: { id: 'x' } }, /no parameter "id"; it has role/],
      [{ type: 'subscribe', id: 'a', topic: 'instances', params: { sort: 'name:up' } }, /asc or desc/],
      [{ type: 'subscribe', id: 'a', topic: 'instances', params: { limit: 1e9 } }, /limit/],
      [{ type: 'unsubscribe', id: 'z' }, /no subscription "z"/],
    ]
    for (const [message, words] of cases) {
      c.send(message)
      assert.match(String(c.told.at(-1)?.message), words)
    }
    c.session.received('{')
    assert.match(String(c.told.at(-1)?.message), /one JSON object/)
    for (const id of ['1', '2', '3', '4']) c.send({ type: 'subscribe', id, topic: 'shards' })
    assert.match(String(of(c.told, 'error').at(-1)?.message), /at most 3 subscriptions/)
    await bench.run(100)
    assert.is(c.closed(), null)
    c.send({ type: 'subscribe', id: '1', topic: 'shards' })
    assert.is(c.closed()?.code, 1008)

    const flood = client()
    flood.session.begin(null)
    for (let i = 0; i < SESSION_LIMITS.burst + 1; i++) flood.send({ type: 'ping' })
    assert.is(flood.closed()?.code, 4429)
  }))

test('a token decides what is shown; one that ends takes the connection with it', () =>
  inWorld(async ({ bench, tell, client }) => {
    let valid = true
    const verify = async (token: string): Promise<Claims> => {
      if (!valid || token === 'bad') throw new BatonError('Unauthorized', 'not valid')
      return claims(token.split('@')[0] ?? '', token.split('@')[1] ?? '')
    }
    const none = client({ verify })
    none.session.begin(null)
    none.send({ type: 'subscribe', id: 'a', topic: 'instances' })
    assert.is(none.closed()?.code, 4401)
    const late = client({ verify })
    late.session.begin(null)
    await bench.run(SESSION_LIMITS.authMs + 1)
    assert.is(late.closed()?.code, 4408)
    const wrong = client({ verify })
    wrong.session.begin('bad')
    await bench.run(10)
    assert.is(wrong.closed()?.code, 4401)

    const reader = client({ verify })
    reader.session.begin(null)
    reader.send({ type: 'auth', token: 'reader@p1' })
    const other = client({ verify })
    other.session.begin('reader@p2')
    const admin = client({ verify })
    admin.session.begin('admin@p2')
    await bench.run(10)
    for (const c of [reader, other, admin]) {
      c.send({ type: 'subscribe', id: 'all', topic: 'instances' })
      c.send({ type: 'subscribe', id: 'one', topic: 'instances', params: { id: 'i1' } })
      c.send({ type: 'subscribe', id: 'hosts', topic: 'hosts' })
      c.send({ type: 'subscribe', id: 'events', topic: 'events', params: { kind: 'instance' } })
      c.send({ type: 'history', id: 'h' })
    }
    await bench.run(1000)
    tell({ id: 'i7', rev: 1, project: 'p1' })
    tell({ id: 'i8', rev: 1, project: 'p2' })
    await bench.run(1000)
    const errors = (c: Client) => of(c.told, 'error').map(e => `${e.id} ${e.code}`)
    assert.equal(
      [errors(reader), errors(other), errors(admin)],
      [['hosts Forbidden', 'h Forbidden'], ['hosts Forbidden', 'h Forbidden', 'one NotFound'], []],
    )
    assert.is(of(admin.told, 'history').length, 1)
    const seen = (c: Client) => [...of(c.told, 'snapshot'), ...of(c.told, 'delta')].filter(m => m.id === 'all').flatMap(idsIn)
    assert.equal([seen(reader), seen(other), seen(admin)], [['i1', 'i2', 'i7'], ['i8'], ['i1', 'i2', 'i7', 'i8']])
    const events = (c: Client) => of(c.told, 'items').flatMap(m => (Array.isArray(m.items) ? m.items.map(item => Reflect.get(item, 'id')) : []))
    assert.equal([events(reader), events(other), events(admin)], [['i7'], ['i8'], ['i7', 'i8']])
    reader.send({ type: 'auth', token: 'reader@p2' })
    await bench.run(10)
    assert.is(errors(reader).at(-1), 'undefined Unauthorized', 'another scope needs another connection')
    valid = false
    await bench.run(SESSION_LIMITS.judgeMs + 10)
    assert.equal([reader.closed()?.code, other.closed()?.code, admin.closed()?.code], [4401, 4401, 4401])
  }))

test('what changed while nobody told is found by reading again, and only what is different is told', () =>
  inWorld(async ({ bench, api, hub, client }) => {
    const c = client()
    c.session.begin(null)
    c.send({ type: 'subscribe', id: 'a', topic: 'instances' })
    await bench.run(1000)
    await api.createInstances({
      ids: ['i9'],
      name: 'x',
      project: 'p1',
      flavor: 'tiny',
      image: 'fake',
      metadata: {},
      reservation: 'r',
      requestId: 'q2',
    })
    hub.anew('a test')
    await bench.run(2000)
    assert.equal(of(c.told, 'delta').map(idsIn), [['i9']])
    assert.is(of(c.told, 'snapshot').length, 1)
  }))

test('a thousand clients of the same query are one read; queries have a limit', () =>
  inWorld(
    async ({ bench, hub, client }) => {
      const clients = Array.from({ length: 1000 }, () => client())
      for (const c of clients) {
        c.session.begin(null)
        c.send({ type: 'subscribe', id: 'a', topic: 'instances' })
      }
      await bench.run(1000)
      assert.ok(clients.every(c => of(c.told, 'snapshot').length === 1))
      assert.equal(hub.stats(), { queries: 1, rows: 2, reads: 1 })
      const [first] = clients
      first?.send({ type: 'subscribe', id: 'b', topic: 'hosts' })
      first?.send({ type: 'subscribe', id: 'c', topic: 'operations' })
      await bench.run(1000)
      assert.equal(
        of(first?.told ?? [], 'error').map(e => [e.id, e.code]),
        [['c', 'Overloaded']],
      )
    },
    { queries: 2 },
  ))

test('feed and follower: over a link that loses, repeats and delays, every commit arrives once and in order', () =>
  simulated(async ({ env, run }) => {
    const got: number[] = []
    const anew: (string | null)[] = []
    const lossy = (deliver: () => void): void => {
      const copies = env.random() < 0.3 ? 0 : env.random() < 0.2 ? 2 : 1
      for (let i = 0; i < copies; i++) env.setTimer(env.random() * 50, deliver)
    }
    const feed = createFeed({ env, incarnation: 7, now: () => 1, send: (_, batch: FeedBatch) => lossy(() => follower.heard('conductor-1', batch)) })
    const follower = createFollower({
      env,
      map: () => MAP,
      ask(_node: string, _method: string, wanted: FeedWanted) {
        lossy(() => feed.wanted('g', wanted))
        return true
      },
      onChanges: changes => got.push(...changes.map(change => change.seq)),
      onAnew: why => anew.push(why),
      onSilent: () => {},
    })
    const row: ViewRow = { table: 'host', id: 'h', columns: {}, body: { id: 'h', rev: 1 } }
    const commit = (): void => feed.committed({ kind: 'host', id: 'h' }, row, [{ type: 'x' }])
    for (let i = 0; i < 20; i++) commit()
    follower.start()
    await run(10_000)
    assert.equal(anew, [null], 'what was committed before is read')
    for (let i = 0; i < 2000; i++) {
      commit()
      if (i % 10 === 0) await run(20)
    }
    await run(20_000)
    assert.equal(
      got,
      Array.from({ length: 2000 }, (_, i) => 21 + i),
    )
    assert.is(anew.length, 1)
    // More than is remembered, at once: it is not told in part.
    for (let i = 0; i < 20_000; i++) commit()
    await run(20_000)
    assert.is(anew.length, 2)
    commit()
    await run(5000)
    assert.is(got.at(-1), 22_021)
    follower.stop()
    feed.stop()
  }))

test.run()
