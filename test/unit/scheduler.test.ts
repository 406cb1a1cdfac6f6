/** The choice: ranking, draws, what was handed out, and properties of all of it. Filters have their own file. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { best } from '../../actors/scheduler/best.ts'
import { FILTERS } from '../../actors/scheduler/filters.ts'
import { filtersOf, multipliersOf } from '../../actors/scheduler/settings.ts'
import { weigh } from '../../actors/scheduler/weighers.ts'
import { DEMAND, faultOf, host, schedulerOf, seen } from '../support/placement.ts'

const ids = (hosts: readonly { id: string }[]): string[] => hosts.map(h => h.id)

test('the freest host is first, the next ones are alternates, three at most', () => {
  const scheduler = schedulerOf([
    host('full', { ramMbUsed: 800, vcpusUsed: 8 }),
    host('free'),
    host('half', { ramMbUsed: 500, vcpusUsed: 4 }),
    host('most', { ramMbUsed: 600, vcpusUsed: 5 }),
  ])
  assert.equal(scheduler.pick(DEMAND).hosts, ['free', 'half', 'most'])
  assert.equal(scheduler.pick(DEMAND, 1).hosts, ['free'])
})

test('a negative multiplier packs', () => {
  const multipliers = multipliersOf('ram=-1')
  const scheduler = schedulerOf([host('free'), host('full', { ramMbUsed: 800 }), host('half', { ramMbUsed: 500 })], { settings: { multipliers } })
  assert.equal(scheduler.pick(DEMAND).hosts, ['full', 'half', 'free'])
})

test('equal hosts are ordered by name, so that the draw alone decides', () => {
  assert.equal(schedulerOf([host('c'), host('a'), host('b'), host('d')]).pick(DEMAND).hosts, ['a', 'b', 'c'])
  assert.equal(schedulerOf([host('c'), host('a'), host('b'), host('d')], { random: () => 0.99 }).pick(DEMAND).hosts, ['c', 'a', 'b'])
})

test('a burst spreads: what was just handed out counts until a summary must show it', () => {
  let now = 0
  const scheduler = schedulerOf([host('a'), host('b'), host('c')], { nowMs: () => now })
  const firsts = Array.from({ length: 6 }, () => scheduler.pick(DEMAND).hosts[0])
  assert.equal([...firsts].sort(), ['a', 'a', 'b', 'b', 'c', 'c'])
  scheduler.learn(host('a', { ramMbUsed: 300, vcpusUsed: 3 }))
  assert.is.not(scheduler.pick(DEMAND).hosts[0], 'a', 'a summary on its way may not show it yet')
  now = 2000
  for (const id of ['b', 'c']) scheduler.learn(host(id, { ramMbUsed: 400, vcpusUsed: 4 }))
  assert.is(scheduler.pick(DEMAND).hosts[0], 'a')
})

test('what was only handed out refuses nobody, for it may come free again; but who surely has room goes first', () => {
  const only = schedulerOf([host('only', { ramMb: 150 })])
  for (let i = 0; i < 5; i++) assert.equal(only.pick(DEMAND).hosts, ['only'])
  const two = schedulerOf([host('big', { ramMbUsed: 890 }), host('small', { ramMb: 105 })], { random: () => 0.99 })
  assert.equal(
    Array.from({ length: 3 }, () => two.pick(DEMAND).hosts[0]),
    ['small', 'big', 'small'],
  )
})

test('no valid host: the message counts the reasons, names what was wanted and the nearest change', () => {
  const scheduler = schedulerOf([
    host('a', { state: 'down' }),
    host('b', { enabled: false }),
    host('c', { ramMbUsed: 950 }),
    host('d', { ramMbUsed: 999 }),
    host('e'),
  ])
  const fault = faultOf(() => scheduler.pick({ ...DEMAND, avoid: ['e'] }))
  assert.is(fault.code, 'NoValidHost')
  assert.is(
    fault.message,
    'no host of 5 fits 1 vcpus, 100 MB ram, 1 GB disk: refused 1 by enabled, 2 by capacity, 1 by up, 1 by retry. Nearest: enable host b',
  )
  assert.equal(fault.details?.nearest, [
    'enable host b',
    'free 50 ram (MB) on c, or use a flavor with at most 50 MB ram',
    'free 99 ram (MB) on d, or use a flavor with at most 1 MB ram',
  ])
})

test('a cluster without hosts says so', () => {
  assert.is(faultOf(() => schedulerOf([]).pick(DEMAND)).message, 'no compute host has reported yet')
})

test('a host that is forgotten is not chosen', () => {
  const scheduler = schedulerOf([host('a'), host('b')])
  scheduler.forget('a')
  assert.equal(scheduler.pick(DEMAND).hosts, ['b'])
  assert.equal(ids(scheduler.hosts()), ['b'])
})

test('a host on which builds failed lately comes last, and comes back by itself', () => {
  let now = 0
  const scheduler = schedulerOf([host('a'), host('b', { ramMbUsed: 500, vcpusUsed: 8 })], { nowMs: () => now, random: () => 0 })
  assert.is(scheduler.pick(DEMAND).hosts[0], 'a')
  scheduler.failed('a', 'i1.1 a')
  scheduler.failed('a', 'i1.1 a')
  assert.is(scheduler.pick(DEMAND).hosts[0], 'b')
  assert.is(schedulerOf([host('a')]).pick(DEMAND).hosts[0], 'a', 'it is not refused')
  now = 3_600_000
  assert.is(scheduler.pick(DEMAND).hosts[0], 'a')
})

test('chance never chooses against a preference', () => {
  const group = { id: 'g', policy: 'soft-affinity' as const, max: 1, others: { b: 2, c: 1 } }
  const scheduler = schedulerOf([host('a'), host('b'), host('c')], { random: () => 0.99 })
  assert.equal(scheduler.pick({ ...DEMAND, group }).hosts, ['b', 'c', 'a'])
  const apart = { ...group, policy: 'soft-anti-affinity' as const }
  assert.equal(schedulerOf([host('a'), host('b'), host('c')], { random: () => 0.99 }).pick({ ...DEMAND, group: apart }).hosts, ['a', 'c', 'b'])
})

test('weights are scaled over the candidates: best 1, worst 0 of each weigher, nothing when all are equal', () => {
  const hosts = [
    host('a', { ramMbUsed: 0, vcpusUsed: 8 }),
    host('b', { ramMbUsed: 500, vcpusUsed: 0 }),
    host('c', { ramMbUsed: 1000, vcpusUsed: 16 }),
  ]
  const totals = (bodies: typeof hosts) =>
    weigh(
      bodies.map(body => seen(body)),
      DEMAND,
      multipliersOf('ram=1,cpu=1'),
    ).map(w => w.total)
  assert.equal(totals(hosts), [1.5, 1.5, 0])
  assert.equal(totals([host('a'), host('b')]), [0, 0])
  assert.equal(totals([]), [])
})

test('only the filters that were chosen are asked', () => {
  const hosts = [host('a', { ramMbUsed: 1000 }), host('b', { enabled: false })]
  assert.equal(schedulerOf(hosts, { settings: { filters: filtersOf('capacity') } }).pick(DEMAND).hosts, ['b'])
  assert.equal(schedulerOf(hosts, { settings: { filters: filtersOf('enabled, up') } }).pick(DEMAND).hosts, ['a'])
})

const anyHost = fc.record({
  n: fc.nat(30),
  state: fc.constantFrom('up' as const, 'up' as const, 'down' as const),
  enabled: fc.boolean(),
  ramMbUsed: fc.nat(1000),
  vcpusUsed: fc.nat(16),
  diskGbUsed: fc.nat(10),
})

test('whatever the hosts, a pick holds only hosts that pass every filter, each once, and NoValidHost only when there is none', () => {
  fc.assert(
    fc.property(
      fc.array(anyHost, { maxLength: 20 }),
      fc.array(fc.nat(30)),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (drawn, avoided, chance) => {
        const scheduler = schedulerOf(
          drawn.map(({ n, ...more }) => host(`h${n}`, more)),
          { random: () => chance },
        )
        const demand = { ...DEMAND, avoid: avoided.map(n => `h${n}`) }
        const able = ids(scheduler.hosts().filter(h => FILTERS.every(f => f.refuses(seen(h), demand) === null)))
        const why = scheduler.explain(demand, true)
        assert.equal(
          why.verdicts
            .filter(v => v.fits)
            .map(v => v.host)
            .sort(),
          able.sort(),
          'the explanation agrees',
        )
        if (able.length === 0) {
          assert.is(faultOf(() => scheduler.pick(demand)).code, 'NoValidHost')
          return
        }
        const { hosts } = scheduler.pick(demand)
        assert.is(hosts.length, Math.min(3, able.length))
        assert.is(new Set(hosts).size, hosts.length)
        for (const id of hosts) assert.ok(able.includes(id))
      },
    ),
  )
})

test('the best few are those that sorting all would put first', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 60 }), fc.integer({ min: 1, max: 8 }), (numbers, most) => {
      const things = numbers.map((weight, i) => ({ weight, i }))
      const byWeight = (a: { weight: number }, b: { weight: number }): number => b.weight - a.weight
      assert.equal(best(things, most, byWeight), things.toSorted(byWeight).slice(0, most), 'those that are equal keep their order')
    }),
  )
})

test.run()
