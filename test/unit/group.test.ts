/** Server groups: who is admitted where, and that no copy that comes late changes anything. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { GroupBody } from '../../actors/api.ts'
import type { CallWork } from '../../actors/kernel/define.ts'
import type { Fault } from '../../actors/kernel/errors.ts'
import { groupActor } from '../../actors/placement/group.ts'
import type { GroupView } from '../../actors/placement/rules.ts'

const CONTEXT = { id: 'h', now: 1, from: { role: 'conductor', node: 'c' } } as const

type Command = Parameters<typeof groupActor.decide>[1]

function newGroup(policy: string, more: object = {}) {
  let state = groupActor.initial('g')
  const group = {
    now: 1_000_000,
    send(method: string, args: object): { ok?: unknown; fault?: Fault; events: number } {
      const wrong = groupActor.methods[method]?.check?.(args)
      if (wrong) return { fault: { code: 'BadRequest', message: wrong }, events: 0 }
      const decision = groupActor.decide(state, { method, args } as Command, { id: 'g', now: group.now, from: { role: 'conductor', node: 'c' } })
      if (!decision.ok) return { fault: decision.fault, events: 0 }
      for (const event of decision.events) state = groupActor.evolve(state, JSON.parse(JSON.stringify(event)), group.now)
      return { ok: decision.reply?.(state), events: decision.events.length }
    },
    admit: (instance: string, order: number, hosts: readonly string[], leaving?: string) =>
      group.send('admit', { instance, order, hosts, ...(leaving === undefined ? {} : { leaving }) }),
    settled: (instance: string, order: number, hosts: readonly string[], gone = false) => group.send('settled', { instance, order, hosts, gone }),
    others: (instance: string) => (group.send('view', { instance }).ok as GroupView).others,
    members: () => (group.send('get', {}).ok as GroupBody).members,
    work: () => groupActor.work(state, 'g') as CallWork[],
    finished: () => groupActor.finished(state),
  }
  const created = group.send('create', { name: 'web', project: 'p', policy, ...more })
  assert.is(created.fault, undefined, created.fault?.message)
  return group
}

test('anti-affinity: two members that are built at the same moment do not meet', () => {
  const group = newGroup('anti-affinity')
  assert.equal(group.admit('a', 10, ['h1', 'h2']).ok, { host: 'h1' })
  assert.equal(group.admit('b', 10, ['h1', 'h2']).ok, { host: 'h2' })
  const third = group.admit('c', 10, ['h1', 'h2'])
  assert.is(third.fault?.code, 'HostRefused')
  assert.match(third.fault?.message ?? '', '1 of at most 1 members of group g (anti-affinity) is there already')
})

test('anti-affinity with a larger limit', () => {
  const group = newGroup('anti-affinity', { maxServerPerHost: 2 })
  for (const instance of ['a', 'b']) assert.equal(group.admit(instance, 10, ['h1']).ok, { host: 'h1' })
  assert.equal(group.admit('c', 10, ['h1', 'h2']).ok, { host: 'h2' })
})

test('affinity: the first decides, and the only member may move', () => {
  const group = newGroup('affinity')
  assert.equal(group.admit('a', 10, ['h1', 'h2']).ok, { host: 'h1' })
  assert.equal(group.admit('b', 10, ['h2', 'h1']).ok, { host: 'h1' })
  assert.is(group.admit('c', 10, ['h2', 'h3']).fault?.code, 'HostRefused')
  group.settled('b', 20, [], true)
  group.settled('a', 20, ['h1'])
  assert.equal(group.admit('a', 30, ['h2']).ok, { host: 'h2' })
})

test('affinity: from a host that has died the members go together', () => {
  const group = newGroup('affinity')
  for (const instance of ['a', 'b']) group.settled(instance, 10, ['dead'])
  assert.is(group.admit('a', 20, ['h2']).fault?.code, 'HostRefused', 'the other is still counted')
  assert.equal(group.admit('a', 21, ['h2'], 'dead').ok, { host: 'h2' })
  assert.equal(group.admit('b', 20, ['h3', 'h2'], 'dead').ok, { host: 'h2' })
})

test('a request that is asked again is answered the same, and a new one takes the place of the old', () => {
  const group = newGroup('anti-affinity')
  group.admit('a', 10, ['h1'])
  assert.equal([group.admit('a', 10, ['h2']).ok, group.admit('a', 10, ['h2']).events], [{ host: 'h1' }, 0])
  group.admit('a', 12, ['h2'])
  assert.equal(group.others('b'), { h2: 1 })
  assert.is(group.admit('a', 11, ['h3']).fault?.code, 'StaleCommand')
})

test('what an operation leaves ends what it was admitted to; what a newer one was admitted to stays', () => {
  const group = newGroup('anti-affinity')
  group.admit('a', 10, ['h1'])
  group.settled('a', 20, [])
  assert.equal(group.others('b'), {})
  group.admit('a', 30, ['h2'])
  group.settled('a', 25, ['h1'])
  assert.equal(group.others('b'), { h1: 1, h2: 1 })
  assert.is(group.settled('a', 25, []).events, 0, 'the same report again')
  group.settled('a', 40, ['h2'])
  assert.equal(group.others('b'), { h2: 1 })
})

test('who is gone does not come back by a copy that comes late, and is forgotten in time', () => {
  const group = newGroup('soft-affinity')
  group.settled('a', 10, ['h1'])
  assert.equal(group.members(), ['a'])
  group.settled('a', 20, [], true)
  assert.is(group.settled('a', 10, ['h1']).events, 0)
  assert.is(group.admit('a', 12, ['h1']).fault?.code, 'StaleCommand')
  assert.equal(group.members(), [])
})

test('rules are fixed when the group is created', () => {
  const group = newGroup('anti-affinity', { maxServerPerHost: 2 })
  assert.is(group.send('create', { name: 'web', project: 'p', policy: 'anti-affinity', maxServerPerHost: 2 }).events, 0, 'the same again')
  assert.is(group.send('create', { name: 'web', project: 'p', policy: 'affinity' }).fault?.code, 'Conflict')
  const contradiction = groupActor.decide(
    groupActor.initial('x'),
    { method: 'create', args: { name: 'x', project: 'p', policy: 'affinity', maxServerPerHost: 2 } },
    { id: 'x', now: 1, from: { role: 'conductor', node: 'c' } },
  )
  assert.is(contradiction.ok ? '' : contradiction.fault.code, 'BadRequest')
  assert.is(group.send('create', { name: 'x', project: 'p', policy: 'near' }).fault?.code, 'BadRequest')
  assert.is(group.send('create', { name: 'x', project: 'p', policy: 'anti-affinity', maxServerPerHost: 0 }).fault?.code, 'BadRequest')
})

test('a group holds its share of the quota until it is deleted, and gives it back', () => {
  const group = newGroup('affinity', { quota: 3 })
  assert.equal(group.send('holds', { project: 'p', number: 3 }).ok, { held: { server_groups: 1 } })
  assert.equal(group.send('holds', { project: 'other' }).ok, { held: null })
  assert.equal(group.work(), [])
  group.send('delete', {})
  const [back] = group.work()
  assert.equal([back?.method, back?.args], ['settle', { holder: 'group/g', number: 3, amounts: null }])
  assert.is(group.finished(), false)
  group.send('@result', { key: back?.key, ok: true })
  assert.equal(group.work(), [])
  assert.is(group.finished(), true)
})

test('a reservation that the project has given up makes no group', () => {
  const group = newGroup('affinity')
  group.send('delete', {})
  const late = groupActor.initial('h')
  const asked = groupActor.decide(late, { method: 'holds', args: { project: 'p', number: 7 } }, CONTEXT)
  if (!asked.ok) throw new Error('it does not answer')
  const after = asked.events.reduce((state, event) => groupActor.evolve(state, event, 1), late)
  const create = { name: 'web', project: 'p', policy: 'affinity', quota: 7 } as const
  const refused = groupActor.decide(after, { method: 'create', args: create }, CONTEXT)
  assert.is(refused.ok ? '' : refused.fault.code, 'StaleCommand')
})

test('a deleted group holds nobody, and nobody joins it', () => {
  const group = newGroup('anti-affinity')
  group.settled('a', 10, ['h1'])
  assert.is(group.send('delete', {}).fault, undefined)
  assert.equal(group.admit('b', 10, ['h1']).ok, { host: 'h1' })
  assert.is(group.send('view', { instance: 'b' }).ok, null)
  assert.is(group.settled('a', 20, []).events, 0)
  assert.is(group.send('get', {}).fault?.code, 'NotFound')
  assert.is(group.send('delete', {}).fault?.code, 'NotFound')
})

test.run()
