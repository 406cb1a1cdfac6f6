/** Every filter: what it refuses, in which words, and what it proposes; and what an explanation makes of them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { HostBody } from '../../actors/api.ts'
import type { Demand } from '../../actors/scheduler/demand.ts'
import { explain } from '../../actors/scheduler/explain.ts'
import { FILTERS } from '../../actors/scheduler/filters.ts'
import { filtersProblem, multipliersOf, weighersProblem } from '../../actors/scheduler/settings.ts'
import { aggregate, DEMAND, host, offering, schedulerOf, seen } from '../support/placement.ts'

const SETTINGS = { filters: FILTERS, multipliers: multipliersOf('ram=1') }

function ask(name: string, body: HostBody, more: Partial<Demand> = {}, aggregates: Parameters<typeof seen>[1] = []) {
  const filter = FILTERS.find(f => f.name === name)
  if (!filter) throw new Error(`no filter ${name}`)
  const view = seen(body, aggregates)
  const demand = { ...DEMAND, ...more }
  const reason = filter.refuses(view, demand)
  return reason === null ? null : { reason, remedy: filter.remedy(view, demand) }
}

test('each filter lets an ordinary host pass an ordinary demand', () => {
  for (const { name } of FILTERS) assert.is(ask(name, host('a')), null, name)
})

test('enabled and up', () => {
  assert.equal(ask('enabled', host('a', { enabled: false, disabledReason: 'repair' })), { reason: 'repair', remedy: 'enable host a' })
  assert.is(ask('enabled', host('a', { enabled: false }))?.reason, 'disabled')
  assert.equal(ask('up', host('a', { state: 'suspect' })), { reason: 'is suspect', remedy: 'bring host a back, which is suspect' })
})

test('retry, forced host and image have words of their own', () => {
  assert.equal(ask('retry', host('a'), { avoid: ['a'] }), { reason: 'refused or failed already', remedy: null })
  assert.is(ask('retry', host('a'), { avoid: ['b'] }), null)
  assert.is(ask('host', host('a'), { host: 'b' })?.reason, 'b was asked for')
  assert.is(ask('host', host('a'), { host: 'a' }), null)
  assert.is(ask('image', host('a', { driver: 'process' }))?.reason, 'runs process, the image needs fake')
  assert.is(ask('image', host('a', { driver: 'process' }), { driver: null }), null, 'an image that nobody knows is no reason')
})

test('an image that only some hosts have is booted on those', () => {
  assert.is(ask('image', host('a'), { imageHosts: ['b', 'c'] })?.reason, 'does not have the image; it is on b, c')
  for (const imageHosts of [null, ['a', 'b']]) assert.is(ask('image', host('a'), { imageHosts }), null)
})

test('capacity says which resource is short by how much, and what would fit', () => {
  assert.equal(ask('capacity', host('a', { ramMbUsed: 950 })), {
    reason: 'ram (MB): 100 wanted, 50 free of 1000',
    remedy: 'free 50 ram (MB) on a, or use a flavor with at most 50 MB ram',
  })
  assert.is(ask('capacity', host('a', { vcpusUsed: 16 }))?.reason, 'vcpus: 1 wanted, 0 free of 16')
})

test('capacity counts custom resources, reserved amounts and the ratios of the host', () => {
  const custom = { CUSTOM_FPGA: 2 }
  assert.is(ask('capacity', offering('a', [], { CUSTOM_FPGA: 2 }), { custom }), null)
  assert.is(ask('capacity', offering('a', [], { CUSTOM_FPGA: 1 }), { custom })?.reason, 'CUSTOM_FPGA: 2 wanted, 1 free of 1')
  assert.is(ask('capacity', host('a'), { custom })?.reason, 'CUSTOM_FPGA: 2 wanted, 0 free of 0')
  const reserved = { vcpus: 3, ramMb: 0, diskGb: 0 }
  const own = host('a', { vcpusUsed: 2, placement: { reserved, ratios: { vcpu: 2, ram: 1, disk: 1 }, custom: {}, customUsed: {}, traits: [] } })
  assert.is(ask('capacity', own)?.reason, 'vcpus: 1 wanted, 0 free of 2')
})

test('zone: the default one, or that of an aggregate', () => {
  const zones = [aggregate(1, ['b'], { availability_zone: 'west' })]
  assert.is(ask('zone', host('a'), { zone: 'nova' }, zones), null)
  assert.is(ask('zone', host('b'), { zone: 'west' }, zones), null)
  assert.equal(ask('zone', host('a'), { zone: 'west' }, zones), {
    reason: 'is in zone nova, not west',
    remedy: 'ask for zone nova, where a is',
  })
})

test('traits: required ones must be there, forbidden ones must not', () => {
  const traits = { required: ['CUSTOM_SSD'], forbidden: ['CUSTOM_OLD'] }
  assert.is(ask('traits', offering('a', ['CUSTOM_SSD']), { traits }), null)
  assert.equal(ask('traits', offering('a', []), { traits }), { reason: 'lacks trait CUSTOM_SSD', remedy: 'add CUSTOM_SSD to the traits of a' })
  assert.equal(ask('traits', offering('a', ['CUSTOM_OLD', 'CUSTOM_SSD']), { traits }), {
    reason: 'has trait CUSTOM_OLD, which is forbidden',
    remedy: 'use a flavor that allows CUSTOM_OLD, which a has',
  })
})

test('aggregate metadata: every item asked for, in some aggregate of the host; several values are separated by commas', () => {
  const aggregates = [aggregate(1, ['a', 'b'], { ssd: 'true' }), aggregate(2, ['a'], { rack: 'r1, r2' })]
  const aggregateSpecs = { ssd: 'true', rack: 'r2' }
  assert.is(ask('aggregates', host('a'), { aggregateSpecs }, aggregates), null)
  assert.equal(ask('aggregates', host('b'), { aggregateSpecs }, aggregates), {
    reason: 'is in no aggregate with rack=r2',
    remedy: 'add b to an aggregate with rack=r2',
  })
})

test('groups: anti-affinity counts, affinity follows, soft policies never refuse', () => {
  const group = (policy: 'affinity' | 'anti-affinity' | 'soft-affinity', max = 1) => ({ id: 'g', policy, max, others: { a: 1 } })
  assert.is(ask('group', host('a'), { group: group('anti-affinity') })?.reason, '1 of at most 1 members of group g (anti-affinity) is there already')
  assert.is(ask('group', host('a'), { group: group('anti-affinity', 2) }), null)
  assert.is(ask('group', host('b'), { group: group('anti-affinity') }), null)
  assert.is(ask('group', host('a'), { group: group('affinity') }), null)
  assert.is(ask('group', host('b'), { group: group('affinity') })?.reason, 'the other members of group g (affinity) are on a')
  assert.is(ask('group', host('b'), { group: group('soft-affinity') }), null)
})

test('same and different host', () => {
  assert.is(ask('same-host', host('a'), { beside: [{ instance: 'i', host: 'a' }] }), null)
  assert.is(ask('same-host', host('a'), { beside: [{ instance: 'i', host: 'b' }] })?.reason, 'instance i, beside which it is to be, is on b')
  assert.is(ask('same-host', host('a'), { beside: [{ instance: 'i', host: null }] })?.reason, 'instance i, beside which it is to be, is on no host')
  assert.is(ask('different-host', host('a'), { apartFrom: [{ instance: 'i', host: 'b' }] }), null)
  assert.is(
    ask('different-host', host('a'), { apartFrom: [{ instance: 'i', host: 'a' }] })?.reason,
    'instance i, from which it is to be apart, is here',
  )
})

test('an explanation names every refusal of a host, and what lacks least first', () => {
  const hosts = [
    seen(host('far', { enabled: false, state: 'down', ramMbUsed: 1000 })),
    seen(host('near', { ramMbUsed: 950 })),
    seen(host('off', { enabled: false })),
  ]
  const why = explain(hosts, DEMAND, SETTINGS)
  assert.equal([why.hosts, why.fitting, why.refusedBy], [3, 0, { enabled: 2, capacity: 1 }])
  assert.equal(
    why.verdicts.map(v => [v.host, v.refusals.map(r => r.filter).join()]),
    [
      ['off', 'enabled'],
      ['near', 'capacity'],
      ['far', 'enabled,up,capacity'],
    ],
  )
  assert.is(why.nearest[0], 'enable host off')
  assert.is(why.nearest.length, 3)
  assert.match(why.nearest[2] ?? '', /^enable host far; and bring host far back, which is down; and free 100 ram/)
})

test('what fits is shown with its weight, best first, and there is nothing to change', () => {
  const why = explain([seen(host('half', { ramMbUsed: 500 })), seen(host('free'))], DEMAND, SETTINGS)
  assert.equal(
    why.verdicts.map(v => [v.host, v.weight]),
    [
      ['free', 1],
      ['half', 0],
    ],
  )
  assert.equal([why.fitting, why.nearest], [2, []])
})

test('a thousand hosts: a few of each kind, or all when all are asked for', () => {
  const hosts = Array.from({ length: 1000 }, (_, i) => host(`h${i}`, i % 2 ? { ramMbUsed: 1000 } : {}))
  const scheduler = schedulerOf(hosts)
  const some = scheduler.explain(DEMAND)
  assert.equal([some.hosts, some.fitting, some.verdicts.length, some.refusedBy], [1000, 500, 20, { capacity: 500 }])
  assert.is(scheduler.explain(DEMAND, true).verdicts.length, 1000)
})

test('settings are refused with the names that there are', () => {
  assert.is(filtersProblem('enabled, up,capacity'), null)
  assert.match(filtersProblem('enabled,cpacity') ?? '', 'there is no filter "cpacity"; there are host, enabled,')
  assert.is(filtersProblem('up,up'), 'filter up is named twice')
  assert.is(weighersProblem('ram=1, cpu=-0.5'), null)
  assert.match(weighersProblem('ramm=1') ?? '', 'there is no weigher "ramm"')
  for (const wrong of ['ram', 'ram=', 'ram=x']) assert.match(weighersProblem(wrong) ?? '', 'ram needs a number', wrong)
})

test.run()
