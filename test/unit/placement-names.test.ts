/** Custom names, by their actor; and the pure halves of Placement's API: candidates, inventories, queries. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { namesActor } from '../../actors/placement/names.ts'
import { groupsOf } from '../../transport/http/placement-api/candidates.ts'
import { candidatesOf, capacityOfClass, type Provider } from '../../transport/http/placement-api/provider.ts'
import { demandOf } from '../../transport/http/placement-api/query.ts'
import { hold } from '../support/durable.ts'

const names = () => hold(namesActor, 'all')

test('a name is added once, taken away once, and must be one', () => {
  const actor = names()
  const add = (kind: string, name: string) => actor.send('add', { kind, name })
  assert.equal(add('traits', 'CUSTOM_B'), { changed: true })
  assert.equal(add('traits', 'CUSTOM_A'), { changed: true })
  assert.equal(add('traits', 'CUSTOM_A'), { changed: false })
  assert.equal(add('resourceClasses', 'CUSTOM_A'), { changed: true })
  assert.equal(actor.send('get', {}), { resourceClasses: ['CUSTOM_A'], traits: ['CUSTOM_A', 'CUSTOM_B'] })
  assert.equal(actor.send('remove', { kind: 'traits', name: 'CUSTOM_A' }), { changed: true })
  assert.equal(actor.send('remove', { kind: 'traits', name: 'CUSTOM_A' }), { changed: false })
  assert.throws(() => add('traits', 'SSD'), /no custom trait/)
  assert.throws(() => add('resourceClasses', 'CUSTOM_'), /no custom resource class/)
  assert.equal(actor.send('get', {}), { resourceClasses: ['CUSTOM_A'], traits: ['CUSTOM_B'] })
})

const provider = (more: Partial<Provider> = {}): Provider => ({
  uuid: 'u',
  name: 'h',
  generation: 1,
  inventories: { VCPU: { total: 3, reserved: 1, ratio: 1.75 } },
  used: { VCPU: 1 },
  traits: ['A', 'B'],
  reported: [],
  aggregates: [],
  updatedAt: 0,
  ...more,
})

test('capacity is what is not reserved, as often as it is promised, in whole units', () => {
  assert.is(capacityOfClass({ total: 3, reserved: 1, ratio: 1.75 }), 3)
  assert.is(capacityOfClass({ total: 1, reserved: 2, ratio: 9 }), 0)
})

test('a candidate has room for all groups together, and is what each asks for', () => {
  const found = (query: Record<string, string | string[]>, minor = 39) =>
    candidatesOf([provider()], { groups: groupsOf(query, minor), isolate: false, root: { required: [], forbidden: [] } }).length
  assert.is(found({ resources: 'VCPU:2' }), 1)
  assert.is(found({ resources: 'VCPU:3' }), 0)
  assert.is(found({ resources1: 'VCPU:1', resources_B: 'VCPU:1' }), 1)
  assert.is(found({ resources1: 'VCPU:1', resources_B: 'VCPU:2' }), 0)
  assert.is(found({ resources: 'VCPU:1', required: ['in:A,C', 'B'] }), 1)
  assert.is(found({ resources: 'VCPU:1', required: ['in:C,D', 'B'] }), 0)
  assert.is(found({ resources: 'VCPU:1', required: '!A' }), 0)
  assert.is(found({ resources: 'DISK_GB:1' }), 0, 'a class it does not have')
  assert.is(found({ resources: 'constructor:1' }), 0)
})

test('a query says no more than its version has', () => {
  assert.throws(() => demandOf({ required: '!A' }, 21), /forbidden traits/)
  assert.throws(() => demandOf({ required: ['A', 'B'] }, 38), /repeated required/)
  assert.throws(() => demandOf({ member_of: ['a', 'b'] }, 23), /repeated member_of/)
  assert.throws(() => demandOf({ member_of: '!a' }, 31), /forbidden aggregates/)
  assert.throws(() => demandOf({ member_of: 'a,b' }, 39), /need in:/)
  assert.throws(() => demandOf({ resources: 'VCPU:1,VCPU:2' }, 39), /twice/)
  assert.throws(() => groupsOf({ resources_A: 'VCPU:1' }, 32), /unknown/)
  assert.equal(demandOf({ member_of: ['in:A,B', '!C'] }, 39).memberOf, [['a', 'b']])
})

test.run()
