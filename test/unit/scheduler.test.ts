import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { HostBody } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { FILTERS } from '../../actors/scheduler/filters.ts'
import { createScheduler, type Scheduler } from '../../actors/scheduler/scheduler.ts'
import { WEIGHERS, weigh } from '../../actors/scheduler/weighers.ts'

const RATIOS = { vcpu: 4, ram: 1, disk: 1 }
const REQUEST = { vcpus: 1, ramMb: 100, diskGb: 1, avoid: [], driver: 'fake' }

const host = (id: string, more: Partial<HostBody> = {}): HostBody => ({
  id,
  state: 'up',
  enabled: true,
  disabledReason: null,
  mode: 'enabled',
  operation: null,
  driver: 'fake',
  vcpus: 4,
  ramMb: 1000,
  diskGb: 10,
  vcpusUsed: 0,
  ramMbUsed: 0,
  diskGbUsed: 0,
  claims: 0,
  pid: 1,
  version: '0',
  createdAt: 0,
  stateSince: 0,
  ...more,
})

function schedulerOf(hosts: readonly HostBody[], random: () => number = () => 0): Scheduler {
  const scheduler = createScheduler({ random, ratios: RATIOS })
  for (const each of hosts) scheduler.learn(each)
  return scheduler
}

function faultOf(fn: () => unknown): BatonError {
  try {
    fn()
  } catch (error) {
    if (error instanceof BatonError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

test('each filter says no to what it is for, in words, and yes to the rest', () => {
  const says = (name: string, body: HostBody, avoid: string[] = []): string | null | undefined =>
    FILTERS.find(f => f.name === name)?.refuses(body, { ...REQUEST, avoid }, RATIOS)
  assert.is(says('enabled', host('a', { enabled: false, disabledReason: 'repair' })), 'repair')
  assert.is(says('enabled', host('a', { enabled: false })), 'disabled')
  assert.is(says('up', host('a', { state: 'suspect' })), 'is suspect')
  assert.is(says('retry', host('a'), ['a']), 'refused or failed already')
  assert.is(says('retry', host('a'), ['b']), null)
  assert.is(says('image', host('a', { driver: 'process' })), 'runs process, the image needs fake')
  assert.is(says('capacity', host('a', { ramMbUsed: 950 })), 'ram (MB): 100 wanted, 50 free of 1000')
  for (const { name } of FILTERS) assert.is(says(name, host('a')), null, name)
})

test('the freest host is first, the next ones are alternates, three at most', () => {
  const scheduler = schedulerOf([
    host('full', { ramMbUsed: 800, vcpusUsed: 8 }),
    host('free'),
    host('half', { ramMbUsed: 500, vcpusUsed: 4 }),
    host('most', { ramMbUsed: 600, vcpusUsed: 5 }),
  ])
  assert.equal(scheduler.pick(REQUEST).hosts, ['free', 'half', 'most'])
})

test('equal hosts are ordered by name, so that the draw alone decides', () => {
  assert.equal(schedulerOf([host('c'), host('a'), host('b'), host('d')]).pick(REQUEST).hosts, ['a', 'b', 'c'])
  assert.equal(schedulerOf([host('c'), host('a'), host('b'), host('d')], () => 0.99).pick(REQUEST).hosts, ['c', 'a', 'b'])
})

test('a burst spreads: what was just handed out counts until the host says otherwise', () => {
  const scheduler = schedulerOf([host('a'), host('b'), host('c')])
  const firsts = Array.from({ length: 6 }, () => scheduler.pick(REQUEST).hosts[0])
  assert.equal([...firsts].sort(), ['a', 'a', 'b', 'b', 'c', 'c'])
  scheduler.learn(host('a', { ramMbUsed: 900, vcpusUsed: 9 }))
  assert.is.not(scheduler.pick(REQUEST).hosts[0], 'a')
})

test('what was only handed out refuses nobody: it may come free again', () => {
  const scheduler = schedulerOf([host('only', { ramMb: 150 })])
  for (let i = 0; i < 5; i++) assert.equal(scheduler.pick(REQUEST).hosts, ['only'])
})

test('no valid host: the message counts the reasons and names what was wanted', () => {
  const scheduler = schedulerOf([
    host('a', { state: 'down' }),
    host('b', { enabled: false }),
    host('c', { ramMbUsed: 950 }),
    host('d', { ramMbUsed: 999 }),
    host('e'),
  ])
  const fault = faultOf(() => scheduler.pick({ ...REQUEST, avoid: ['e'] }))
  assert.is(fault.code, 'NoValidHost')
  assert.match(fault.message, 'no host of 5 fits 1 vcpus, 100 MB ram, 1 GB disk')
  assert.equal(fault.details, { up: 1, enabled: 1, capacity: 2, retry: 1 })
})

test('an image that nobody knows is no reason to refuse', () => {
  assert.equal(schedulerOf([host('a', { driver: 'process' })]).pick({ ...REQUEST, driver: null }).hosts, ['a'])
})

test('a cluster without hosts says so', () => {
  assert.is(faultOf(() => schedulerOf([]).pick(REQUEST)).message, 'no compute host has reported yet')
})

test('a host that is forgotten is not chosen', () => {
  const scheduler = schedulerOf([host('a'), host('b')])
  scheduler.forget('a')
  assert.equal(scheduler.pick(REQUEST).hosts, ['b'])
  assert.equal(
    scheduler.hosts().map(h => h.id),
    ['b'],
  )
})

test('weights are scaled over the candidates: best 1, worst 0 of each weigher, nothing when all are equal', () => {
  const hosts = [
    host('a', { ramMbUsed: 0, vcpusUsed: 8 }),
    host('b', { ramMbUsed: 500, vcpusUsed: 0 }),
    host('c', { ramMbUsed: 1000, vcpusUsed: 16 }),
  ]
  assert.equal(weigh(hosts, WEIGHERS, RATIOS), [1.5, 1.5, 0])
  assert.equal(weigh([host('a'), host('b')], WEIGHERS, RATIOS), [0, 0])
  assert.equal(weigh([], WEIGHERS, RATIOS), [])
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
          () => chance,
        )
        const request = { ...REQUEST, avoid: avoided.map(n => `h${n}`) }
        const able = scheduler
          .hosts()
          .filter(h => FILTERS.every(f => f.refuses(h, request, RATIOS) === null))
          .map(h => h.id)
        if (able.length === 0) {
          assert.is(faultOf(() => scheduler.pick(request)).code, 'NoValidHost')
          return
        }
        const { hosts } = scheduler.pick(request)
        assert.is(hosts.length, Math.min(3, able.length))
        assert.is(new Set(hosts).size, hosts.length)
        for (const id of hosts) assert.ok(able.includes(id))
      },
    ),
  )
})

test.run()
