/** The memory of the last hour: exact where something happened, coarser with age, bounded, and replayed as it was. */
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { applied, difference, type HostMoment, type Moment, merged, momentAt, NO_MOMENT, type Sample } from '../../actors/api.ts'
import { createRecord, HISTORY } from '../../supervisors/observe/history.ts'

const test = suite('history')
const T0 = 1_700_000_000_000
const CONDUCTOR = { state: 'up', cpu: 0.1, lagMs: 1, inbox: 0, oldestMs: 0, commitMs: 2 }

const moment = (at: number, more: Partial<Moment> = {}): Moment => ({
  at,
  conductors: new Map([['c1', { ...CONDUCTOR, inbox: at % 7 }]]),
  owners: { names: ['c1'], of: [0, 0] },
  hosts: new Map([['h1', ['up', 'enabled', 20]]]),
  ended: [at % 3, 0],
  ...more,
})
const bytesOf = (samples: readonly Sample[]): number => samples.reduce((sum, sample) => sum + JSON.stringify(sample).length, 0)

/** All of it, answer by answer. */
function allOf(record: ReturnType<typeof createRecord>, after: number | null = null): Sample[] {
  const samples: Sample[] = []
  for (let from = after, more = true; more; from = samples.at(-1)?.at ?? from) {
    const part = record.since(from, 4000)
    samples.push(...part.samples)
    more = part.more
  }
  return samples
}

test('what is put together of differences is what was there', () => {
  const first = moment(T0)
  const second = moment(T0 + 1000, { hosts: new Map<string, HostMoment>([['h2', ['down', 'enabled', 0]]]), owners: { names: ['c1'], of: [0, -1] } })
  const samples = [difference(NO_MOMENT, first), difference(first, second)]
  assert.equal(momentAt(samples, T0), first)
  assert.equal(momentAt(samples, T0 + 999), first, 'it is true until the next')
  assert.equal(momentAt(samples, T0 + 5000), second)
  assert.is(momentAt(samples, T0 - 1), null)
  assert.equal(difference(second, second), { at: second.at }, 'nothing new costs nothing')
})

test('merging samples, or hearing them twice, changes nothing of what is seen at the end', () => {
  const hosts = fc.dictionary(fc.constantFrom('h1', 'h2', 'h3'), fc.constantFrom<HostMoment>(['up', 'enabled', 10], ['down', 'enabled', 10]))
  const owners = fc.array(fc.integer({ min: -1, max: 1 }), { minLength: 3, maxLength: 3 })
  fc.assert(
    fc.property(fc.array(fc.tuple(hosts, owners), { minLength: 2, maxLength: 8 }), states => {
      const moments = states.map(([h, of], i) => moment(T0 + i * 1000, { hosts: new Map(Object.entries(h)), owners: { names: ['c1', 'c2'], of } }))
      const samples = moments.map((m, i) => difference(moments[i - 1] ?? NO_MOMENT, m))
      const end = moments.at(-1)
      assert.equal(momentAt(samples, T0 + 60_000), end)
      assert.equal(applied(NO_MOMENT, samples.reduce(merged)), end)
      assert.equal(samples.concat(samples.slice(-2)).reduce(applied, NO_MOMENT), end)
    }),
  )
})

test('an hour is kept: every second of the last two minutes, then every five, then every thirty; not more', () => {
  const record = createRecord()
  for (let s = 0; s <= 7200; s++) record.add(moment(T0 + s * 1000))
  const now = T0 + 7_200_000
  const samples = allOf(record)
  const within = (from: number, to: number) => samples.filter(({ at }) => at > now - from && at <= now - to).length
  assert.is(within(110_000, 0), 110)
  assert.ok(within(600_000, 130_000) <= 110, String(within(600_000, 130_000)))
  assert.ok(within(3_600_000, 610_000) <= 110)
  assert.ok(samples.length < 340, `${samples.length} samples`)
  const first = samples[0]?.at ?? 0
  assert.ok(first >= now - HISTORY.keptMs - 31_000 && first < now - HISTORY.keptMs + 31_000)
  assert.equal(momentAt(samples, now), moment(now))
})

test('a take-over stays as exact as it was, however long ago', () => {
  const record = createRecord()
  for (let s = 0; s <= 3000; s++) {
    const of = s < 500 ? [0, 0] : s === 500 ? [0, -1] : s === 501 ? [-1, -1] : [1, 1]
    record.add(moment(T0 + s * 1000, { owners: { names: ['c1', 'c2'], of } }))
  }
  const changes = allOf(record).filter(sample => sample.owners)
  assert.equal(
    changes.map(({ at, owners }) => [(at - T0) / 1000, owners?.of]),
    [
      ...[
        [0, [0, 0]],
        [500, [0, -1]],
      ],
      ...[
        [501, [-1, -1]],
        [502, [1, 1]],
      ],
    ],
  )
})

test('the bound holds whatever happens, and what is left is true', () => {
  const record = createRecord(100_000)
  let last = NO_MOMENT
  for (let s = 0; s < 400; s++) {
    const hosts = new Map(
      Array.from({ length: 300 }, (_, i): [string, HostMoment] => [`compute-${i}`, [(i + s) % 3 === 0 ? 'down' : 'up', 'enabled', 10]]),
    )
    last = moment(T0 + s * 1000, { hosts })
    record.add(last)
    assert.ok(record.stats().bytes <= 100_000)
  }
  const samples = allOf(record)
  assert.ok(bytesOf(samples) <= 100_000 + 20_000, 'with the state at its begin')
  assert.equal(momentAt(samples, last.at), last)
})

test('who comes back is told what came since, in parts', () => {
  const record = createRecord()
  for (let s = 0; s < 300; s++) record.add(moment(T0 + s * 1000))
  assert.ok(record.since(null, 4000).more)
  assert.equal(
    allOf(record, T0 + 297_000).map(({ at }) => at),
    [T0 + 298_000, T0 + 299_000],
  )
  assert.equal(record.since(T0 + 299_000), { samples: [], more: false })
})

test.run()
