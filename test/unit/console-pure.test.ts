/** What many clients watch, as plain data: versions, windows, and the tail of a console. */
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { hostFigures } from '../../supervisors/hosts/host-figures.ts'
import { createItems, createRows, type Update } from '../../transport/console/channel.ts'
import { createConsoleTail } from '../../transport/console/console-tail.ts'
import { feedText } from '../../transport/console/feed.ts'
import { createFrames } from '../../transport/console/frames.ts'
import { createSlots } from '../../transport/console/reading.ts'
import { createRounds } from '../../transport/console/rounds.ts'
import { createTurns } from '../../transport/console/turns.ts'
import { createWindow, type Difference, type Row } from '../../transport/console/window.ts'
import { host } from '../support/placement.ts'
import { simulated } from '../support/simulated.ts'

interface Body {
  readonly id: string
  readonly rev: number
  readonly size: number
}
const bodyOf = (text: string): Body => JSON.parse(text)
const json = (id: string, rev: number, size = 0): string => JSON.stringify({ id, rev, size })
const row = (id: string, rev: number, size = 0): Row => ({ id, rev, body: { id, rev, size }, json: json(id, rev, size) })
const sizeOf = (body: object): number => Number(Reflect.get(body, 'size'))
const bySize = (a: Row, b: Row): number => sizeOf(a.body) - sizeOf(b.body) || (a.id < b.id ? -1 : 1)

/** A client as simple as can be: what it has after an update. */
function took(have: Map<string, string>, update: Update): Map<string, string> {
  if (update.type === 'items') throw new Error('rows were expected')
  const next = update.type === 'snapshot' ? new Map<string, string>() : new Map(have)
  for (const text of update.set) next.set(bodyOf(text).id, text)
  if (update.type === 'delta') for (const id of update.gone) next.delete(id)
  return next
}

test('rows: whoever asks at whatever version, and however seldom, ends with the newest state', () => {
  const steps = fc.array(
    fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), rev: fc.nat(5), gone: fc.boolean(), fast: fc.boolean(), slow: fc.boolean() }),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 20 }), (changes, logLimit) => {
      const rows = createRows('e', logLimit)
      const truth = new Map<string, string>()
      const clients = [0, 1].map(() => ({ version: null as number | null, have: new Map<string, string>() }))
      const tell = (client: { version: number | null; have: Map<string, string> }): void => {
        // A snapshot may be of a moment ago; what came since is told by the next.
        do {
          const update = rows.since(client.version)
          client.have = took(client.have, update)
          client.version = update.version
        } while (client.version !== rows.version())
        assert.equal([...client.have].toSorted(), [...truth].toSorted())
      }
      for (const { id, rev, gone, fast, slow } of changes) {
        if (gone) truth.delete(id)
        else truth.set(id, json(id, rev))
        rows.change(gone ? new Map() : new Map([[id, json(id, rev)]]), gone ? [id] : [])
        if (fast && clients[0]) tell(clients[0])
        if (slow && rev === 0 && clients[1]) tell(clients[1])
      }
      for (const client of clients) tell(client)
    }),
  )
})

test('rows: a slow client gets each row once, however often it changed; what did not change is no version', () => {
  const rows = createRows('e')
  rows.change(new Map([['a', json('a', 1)]]), [])
  const from = rows.version()
  for (let rev = 2; rev <= 1000; rev++) rows.change(new Map([['a', json('a', rev)]]), [])
  const update = rows.since(from)
  assert.equal(update, { type: 'delta', version: 1000, set: [json('a', 1000)], gone: [] })
  assert.is(rows.change(new Map([['a', json('a', 1000)]]), ['unknown']), false)
  assert.is(rows.version(), 1000)
  assert.is(rows.since(1000), rows.since(1000), 'made once for all who stand there')
  assert.is(rows.since(1001).type, 'snapshot', 'a version that never was is no place to go on from')
})

test('items: in order, bounded, and what is forgotten is counted', () => {
  const items = createItems('e', 10)
  for (let i = 1; i <= 5; i++) items.push(String(i))
  assert.equal(items.since(null), { type: 'items', version: 5, items: ['1', '2', '3', '4', '5'], missed: 0 })
  assert.equal(items.since(5), { type: 'items', version: 5, items: [], missed: 0 })
  for (let i = 6; i <= 100; i++) items.push(String(i))
  const late = items.since(5)
  if (late.type !== 'items') throw new Error('items were expected')
  assert.is(late.missed + late.items.length, 95)
  assert.is(late.items.at(-1), '100')
  assert.ok(items.size() <= 13)
  const texts = createItems('e', 1000, 100)
  for (let i = 0; i < 100; i++) texts.push('x'.repeat(10))
  assert.ok(texts.size() <= 12, 'bounded by its text too')
})

function applied(have: Map<string, string>, { set, gone }: Difference): void {
  for (const id of gone) have.delete(id)
  for (const [id, text] of set) have.set(id, text)
}

test('a window holds the first rows that fit, whatever changes; it says when only the database knows the next', () => {
  const change = fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'), size: fc.nat(9) })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 80 }), fc.integer({ min: 1, max: 5 }), fc.nat(3), (changes, limit, spare) => {
      const database = new Map<string, Row>()
      const window = createWindow({ fits: body => sizeOf(body) > 2, compare: bySize, limit, hold: limit + spare })
      const first = (count: number) =>
        [...database.values()]
          .filter(r => sizeOf(r.body) > 2)
          .toSorted(bySize)
          .slice(0, count)
      const expected = () => first(limit)
      const shown = new Map<string, string>()
      const read = (): void => {
        window.readBegins()
        applied(shown, window.readEnds(first(limit + spare)))
      }
      read()
      changes.forEach(({ id, size }, i) => {
        const next = row(id, i + 1, size)
        database.set(id, next)
        const difference = window.change(next)
        applied(shown, difference)
        if (difference.reread) read()
        assert.equal(
          [...shown.values()].toSorted(),
          expected()
            .map(r => r.json)
            .toSorted(),
        )
      })
    }),
  )
})

test('a window believes the newer of two copies, told or read, before, while or after', () => {
  const window = createWindow({ fits: body => sizeOf(body) >= 0, compare: bySize, limit: 10, hold: 10 })
  window.readBegins()
  const shown = new Map<string, string>()
  applied(shown, window.change(row('told', 5)))
  applied(shown, window.change(row('gone', 3, -1)))
  applied(shown, window.readEnds([row('told', 4), row('gone', 2), row('read', 7)]))
  assert.equal([...shown.values()].toSorted(), [json('read', 7), json('told', 5)], 'what was read is older than what was told meanwhile')
  assert.is(window.change(row('read', 6)).set.size, 0, 'told late what was read already')
  assert.is(window.change(row('read', 7)).set.size, 0)
  assert.is(window.change(row('read', 8)).set.size, 1)
  window.readBegins()
  const otherOrder = { ...row('told', 5), json: '{"rev":5,"size":0,"id":"told"}' }
  const again = window.readEnds([otherOrder, row('read', 7)])
  assert.equal([again.set.size, again.gone], [0, []], 'a reader that lags behind takes nothing back')
})

test('a console: what is new, and when what was between is lost', () => {
  const next = createConsoleTail()
  assert.equal(next('boot\n'), { text: 'boot\n', reset: true })
  assert.is(next('boot\n'), null)
  assert.equal(next('boot\nlogin:'), { text: 'login:' })
  assert.equal(next('n\nlogin: root'), { text: 'n\nlogin: root', reset: true })
  const long = Array.from({ length: 500 }, (_, i) => `line ${i}\n`).join('')
  const tail = createConsoleTail()
  tail(long)
  assert.equal(tail(`${long.slice(200)}more`), { text: 'more' }, 'the beginning has scrolled out')
  assert.equal(tail('something else'), { text: 'something else', reset: true })
})

test('what a user gave to a guest is not shown', () => {
  const body = { id: 'a', about: { description: 'd', userData: 'c2VjcmV0' } }
  assert.equal(JSON.parse(feedText(body)), { id: 'a', about: { description: 'd' } })
  assert.equal(JSON.parse(feedText({ id: 'b' })), { id: 'b' })
})

test('reads are done a few at a time, and a failed one gives its place back', async () => {
  const slots = createSlots(2)
  let running = 0
  let most = 0
  const work = async (fails: boolean): Promise<void> => {
    most = Math.max(most, ++running)
    await Promise.resolve()
    running--
    if (fails) throw new Error('no')
  }
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => slots.run(() => work(i % 3 === 0))))
  assert.is(most, 2)
  assert.is(outcomes.filter(o => o.status === 'fulfilled').length, 13)
})

test('large things are told to a few at a time, in the order of their coming; who does not get on keeps nobody waiting', () =>
  simulated(async ({ env, run }) => {
    const turns = createTurns(env, { width: 2, holdMs: 100 })
    const begun: string[] = []
    const take = (name: string) => {
      const turn = turns.take(() => begun.push(name))
      if (turn.begun()) begun.push(name)
      return turn
    }
    const [a, , c, d, e] = [...'abcde'].map(take)
    assert.equal(begun, ['a', 'b'])
    c?.end()
    a?.end()
    await run(1)
    assert.equal(begun, ['a', 'b', 'd'], 'one that waited and does not want it any more is passed over')
    assert.not(e?.begun())
    await run(110)
    assert.equal(begun, ['a', 'b', 'd', 'e'], 'the others have had their time')
    d?.end()
    d?.end()
    e?.end()
    await run(1)
    assert.equal(turns.stats(), { running: 0, waiting: 0 })
    await run(1000)
    assert.ok(take('f').begun())
    // Each is told all of it at its beginning: that is its end, too.
    let told = 0
    for (let i = 0; i < 5000; i++) {
      const turn = turns.take(() => {
        told++
        turn.end()
      })
    }
    await run(10_000)
    assert.ok(told > 4990 && turns.stats().waiting === 0)
  }))

test('messages of an update: as many as it takes, made once for all who call it the same, whole when put together', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(40), { maxLength: 30 }), fc.integer({ min: 1, max: 100 }), fc.boolean(), (sizes, chars, isDelta) => {
      const set = sizes.map((size, i) => json(`r${i}`, 1, size))
      const update: Update = isDelta ? { type: 'delta', version: 7, set, gone: ['x'] } : { type: 'snapshot', version: 7, set }
      const frames = createFrames(chars)
      const messages = frames.of(update, 'a', 'e')
      const told: { set: unknown[]; gone?: string[]; more: boolean; version: number; type: string }[] = []
      for (let i = 0, message = messages.at(0); message; message = messages.at(++i)) told.push(JSON.parse(String(message.bytes)))
      assert.equal(
        told.flatMap(message => message.set.map(one => JSON.stringify(one))),
        set,
      )
      assert.equal(
        told.map(({ more }) => more),
        told.map((_, i) => i < told.length - 1),
      )
      assert.ok(told.length > 0 && told.every(({ version, type }) => version === 7 && type === update.type))
      assert.equal(
        told.flatMap(({ gone = [] }) => gone),
        isDelta ? ['x'] : [],
      )
      assert.is(frames.of(update, 'a', 'e').at(0)?.bytes, messages.at(0)?.bytes)
      assert.is.not(frames.of(update, 'b', 'e').at(0)?.bytes, messages.at(0)?.bytes)
    }),
  )
})

test('a snapshot of a moment ago serves many; what came since is the delta behind it', () => {
  const rows = createRows('e')
  rows.change(new Map(Array.from({ length: 80 }, (_, i) => [`r${i}`, json(`r${i}`, 1)])), [])
  const first = rows.since(null)
  rows.change(new Map([['r1', json('r1', 2)]]), [])
  assert.is(rows.since(null), first)
  assert.equal(rows.since(first.version), { type: 'delta', version: 2, set: [json('r1', 2)], gone: [] })
  for (let i = 0; i < 20; i++) rows.change(new Map([[`r${i}`, json(`r${i}`, 3)]]), [])
  assert.is(rows.since(null).version, rows.version(), 'one that is too old is made anew')
})

test('all hosts in a few numbers', () => {
  const hosts = [
    host('a', { ramMbUsed: 990 }),
    host('b', { ramMbUsed: 450, claims: 2 }),
    host('c', { mode: 'draining', enabled: false }),
    host('d', { state: 'down', ramMbUsed: 1000 }),
    host('e', { state: 'gone' }),
    host('f', { ramMbUsed: 5000 }),
  ]
  const { count, states, fill, ramMb, claims } = hostFigures(hosts)
  assert.equal({ count, states, fill }, { count: 5, states: { enabled: 3, draining: 1, down: 1 }, fill: [1, 0, 0, 0, 1, 0, 0, 0, 0, 2] })
  assert.equal([ramMb, claims], [4000, 2], 'amounts are of those that are up')
})

test('a round is told in slices: what changes between them is told to the rest of it, and to those before in the next', () => {
  let nowMs = 0
  const timers: { readonly delayMs: number; readonly fn: () => void }[] = []
  const env = {
    monotonicMs: () => nowMs,
    setTimer(delayMs: number, fn: () => void) {
      timers.push({ delayMs, fn })
      return { cancel: () => {} }
    },
  }
  const heard: string[] = []
  let version = 1
  // Each takes 3 ms to tell.
  const watchers = new Set<() => void>()
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
    watchers.add(() => {
      nowMs += 3
      heard.push(`${name}${version}`)
    })
  }
  const [, , , , fifth] = watchers
  const rounds = createRounds<string>(env, 10, what => (what === 'list' ? watchers : []))
  const next = (): number => {
    const timer = timers.shift()
    timer?.fn()
    return timer?.delayMs ?? -1
  }
  rounds.add('list')
  rounds.add('list')
  assert.equal([next(), heard.join(' ')], [10, 'a1 b1 c1 d1'], 'one slice, once for both')
  version = 2
  rounds.add('list')
  if (fifth) watchers.delete(fifth)
  assert.equal([next(), heard.join(' '), timers.length], [0, 'a1 b1 c1 d1 f2', 1], 'who has left is not told')
  assert.equal([next(), next(), heard.splice(0).join(' ')], [15, 0, 'a1 b1 c1 d1 f2 a2 b2 c2 d2 f2'], 'after a pause as long as the telling took')
  assert.equal(timers, [])
  rounds.add('nobody')
  assert.equal([next(), heard, timers.length], [15, [], 0])
  rounds.add('list')
  rounds.drop('list')
  assert.equal([next(), heard], [10, []])
})

test.run()
