import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BUILTIN_FLAVORS, flavorActor } from '../../actors/flavor/flavor.ts'
import type { Fault } from '../../actors/kernel/errors.ts'
import { haPolicyOf, specsProblem } from '../../actors/placement/specs.ts'

const TINY = { name: 'tiny', vcpus: 1, ramMb: 64, diskGb: 1 }

function newFlavor() {
  let state = flavorActor.initial('tiny')
  return {
    state: () => state,
    view: () => flavorActor.view(state, 'tiny'),
    send(method: string, args: unknown = {}): { ok?: unknown; fault?: Fault } {
      const command = { method, args } as Parameters<typeof flavorActor.decide>[1]
      const decision = flavorActor.decide(state, command, { id: 'tiny', now: 5000, from: { role: 'conductor', node: 'c1' } })
      if (!decision.ok) return { fault: decision.fault }
      for (const event of decision.events) state = flavorActor.evolve(state, event, 5000)
      return { ok: decision.reply?.(state) ?? null }
    },
  }
}

test('created once, the same again is the same, other sizes are a conflict', () => {
  const flavor = newFlavor()
  const created = flavor.send('create', TINY)
  assert.equal(created, { ok: { id: 'tiny', ...TINY, createdAt: 5000 } })
  const after = flavor.state()
  assert.equal(flavor.send('create', TINY), created)
  assert.is(flavor.state(), after)
  for (const other of [{ ramMb: 65 }, { vcpus: 2 }, { diskGb: 2 }, { name: 'other' }]) {
    assert.is(flavor.send('create', { ...TINY, ...other }).fault?.code, 'Conflict')
  }
  assert.equal(flavor.send('get'), created)
})

test('deleted it is gone for everybody, and may be created again by hand with other sizes', () => {
  const flavor = newFlavor()
  flavor.send('create', TINY)
  assert.equal(flavor.send('delete'), { ok: null })
  assert.is(flavor.send('get').fault?.code, 'NotFound')
  assert.is(flavor.send('delete').fault?.code, 'NotFound')
  assert.is(flavor.view()?.columns.deleted, true)
  assert.ok(flavor.send('create', { ...TINY, ramMb: 128 }).ok)
  assert.is(flavor.view()?.columns.deleted, false)
})

test('a built-in flavor that was deleted does not come back by itself, and never overwrites what is there', () => {
  const flavor = newFlavor()
  flavor.send('create', { ...TINY, builtin: true })
  flavor.send('delete')
  flavor.send('create', { ...TINY, builtin: true })
  assert.is(flavor.send('get').fault?.code, 'NotFound')
  flavor.send('create', { ...TINY, ramMb: 128 })
  assert.ok(flavor.send('create', { ...TINY, builtin: true }).ok)
  assert.match(JSON.stringify(flavor.send('get').ok), '"ramMb":128')
})

test('what never was is not there', () => {
  assert.is(newFlavor().send('get').fault?.code, 'NotFound')
  assert.is(newFlavor().send('delete').fault?.code, 'NotFound')
  assert.is(newFlavor().view(), null)
})

test('the built-in flavors pass the check at the door; nonsense does not', () => {
  const check = flavorActor.methods.create?.check
  for (const { id: _, ...flavor } of BUILTIN_FLAVORS) assert.is(check?.({ ...flavor, builtin: true }), null)
  for (const [field, value] of [
    ['vcpus', 0],
    ['ramMb', 0],
    ['diskGb', -1],
    ['name', ''],
    ['ramMb', '64'],
  ] as const) {
    assert.match(check?.({ ...TINY, [field]: value }) ?? '', new RegExp(`^${field} `))
  }
})

test('a flavor may say the HA policy of its instances; nothing that is none', () => {
  assert.is(specsProblem({ 'baton:ha_policy': 'evacuate' }), null)
  assert.match(specsProblem({ 'baton:ha_policy': 'always' }) ?? '', 'it must be none, restart-in-place, evacuate')
  assert.equal([haPolicyOf({ 'baton:ha_policy': 'restart-in-place' }), haPolicyOf({}), haPolicyOf()], ['restart-in-place', undefined, undefined])
})

test.run()
