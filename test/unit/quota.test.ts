/** A project's actor, what an instance does for its quota, and what the API makes of both. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CreateInstances } from '../../actors/api.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { instanceActor } from '../../actors/instance/instance.ts'
import { type AnyActor, applyCommand, type CallWork } from '../../actors/kernel/define.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { type Amounts, NO_LIMITS } from '../../actors/kernel/quota.ts'
import { projectActor } from '../../actors/project/project.ts'
import { API_CHECKS } from '../../supervisors/requests/api-checks.ts'
import { instanceCreation } from '../../supervisors/requests/instance-creation.ts'
import { rejectsWith } from './persistence-fixtures.ts'

const project = projectActor({ limits: { ...NO_LIMITS, instances: 3, cores: 8 }, checkMs: 1000 })
const FLAVOR = { id: 'f', name: 'f', vcpus: 2, ramMb: 128, diskGb: 1 }
const BIG = { ...FLAVOR, id: 'big', name: 'big', vcpus: 4, ramMb: 64 }
const SIZE: Amounts = { instances: 1, cores: 2, ram: 128 }
const CREATE = { name: 'n', project: 'p', flavor: FLAVOR, image: 'im', metadata: {}, reservation: 'r', requestId: 'q1' }

/** An actor that is told things, and remembers. */
function told<S>(actor: AnyActor, id: string) {
  let state: S = actor.initial(id)
  return {
    state: () => state,
    tell(method: string, args: unknown = {}, now = 0) {
      const applied = applyCommand(actor, state, { method, args }, { id, now, from: { role: 'conductor', node: 'n' } })
      state = applied.state
      return applied.reply
    },
    refused(method: string, args: unknown): { code: string; message: string } {
      const decision = actor.decide(state, { method, args }, { id, now: 0, from: { role: 'conductor', node: 'n' } })
      if (decision.ok) throw new Error(`${method} was accepted`)
      return decision.fault
    },
    work: () => actor.work(state, id),
    settle: () => actor.work(state, id).find((w): w is CallWork => w.type === 'call' && w.method === 'settle'),
  }
}
const newProject = () => told(project, 'p')
const newInstance = () => told(instanceActor, 'i1')
const used = (p: ReturnType<typeof newProject>) => (p.tell('get') as { used: Record<string, number> }).used
const reserve = (p: ReturnType<typeof newProject>, holders: string[], amounts = SIZE) => p.tell('reserve', { holders, amounts })

test('all or none: what does not fit as a whole is refused as a whole, with the numbers', () => {
  const p = newProject()
  assert.equal(reserve(p, ['instance/a', 'instance/b']), { number: 1 })
  const { code, message } = p.refused('reserve', { holders: ['instance/c', 'instance/d'], amounts: { ...SIZE, cores: 3 } })
  assert.is(code, 'QuotaExceeded')
  assert.match(message, 'Quota exceeded for instances, cores: requested 2, 6, but already used 2, 4 of 3, 8 in project p')
  assert.is(used(p).instances, 2)
  reserve(p, ['instance/c'])
  assert.is(used(p).cores, 6)
})

test('a reservation that comes again costs nothing, also at the limit', () => {
  const p = newProject()
  reserve(p, ['instance/a', 'instance/b', 'instance/c', 'instance/c'])
  assert.equal(reserve(p, ['instance/c']), { number: 2 })
  assert.is(used(p).instances, 3)
})

test('what nobody confirms is asked of the holder, and entered as it says', () => {
  const p = newProject()
  reserve(p, ['instance/a', 'instance/b'])
  assert.equal(p.work(), [{ type: 'timer', key: 'doubt:1', at: 1000 }])
  p.tell('@timer', { key: 'doubt:1' })
  const asked = p.work() as CallWork[]
  assert.equal(
    asked.map(w => [w.to.id, w.method, w.args]),
    ['a', 'b'].map(id => [id, 'holds', { project: 'p', number: 1 }]),
  )
  p.tell('@result', { key: asked[0]?.key, ok: true, value: { held: null } })
  p.tell('@result', { key: asked[1]?.key, ok: true, value: { held: SIZE } })
  assert.is(used(p).instances, 1)
  assert.equal(p.work(), [])
})

test('what is confirmed is not asked; a holder that had an entry already is', () => {
  const p = newProject()
  reserve(p, ['instance/a'])
  p.tell('confirm', { numbers: [1, 7] })
  assert.equal(p.work(), [])
  reserve(p, ['instance/a'], { ...SIZE, cores: 4 })
  p.tell('confirm', { numbers: [2] })
  assert.is((p.work()[0] as CallWork).method, 'holds')
})

test('what a newer reservation has overtaken comes too late: a settle, and an answer', () => {
  const p = newProject()
  reserve(p, ['instance/a'])
  p.tell('doubt', { number: 1 })
  const [check] = p.work() as CallWork[]
  reserve(p, ['instance/a'], { ...SIZE, cores: 4 })
  p.tell('settle', { holder: 'instance/a', number: 1, amounts: null })
  p.tell('@result', { key: check?.key, ok: true, value: { held: null } })
  assert.is(used(p).cores, 4)
  p.tell('settle', { holder: 'instance/a', number: 2, amounts: SIZE })
  assert.is(used(p).cores, 2)
  p.tell('settle', { holder: 'instance/a', number: 2, amounts: null })
  p.tell('settle', { holder: 'instance/a', number: 2, amounts: SIZE })
  assert.is(used(p).instances, 0)
})

test('a holder that was set aside keeps what was reserved', () => {
  const p = newProject()
  reserve(p, ['instance/a'])
  p.tell('doubt', { number: 1 })
  p.tell('@result', { key: 'check:1:instance/a', ok: false, fault: { code: 'Poisoned', message: 'x' } })
  assert.is(used(p).instances, 1)
  assert.equal(p.work(), [])
})

test('limits: set, refused below use unless forced, refused below -1, back to the defaults', () => {
  const p = newProject()
  reserve(p, ['instance/a', 'instance/b'])
  assert.match(p.refused('setLimits', { limits: { cores: 3 } }).message, 'limit 3 for cores must be greater than or equal to the 4 already used')
  assert.match(p.refused('setLimits', { limits: { cores: -2 } }).message, 'must be -1 or greater')
  assert.match(p.refused('setLimits', { limits: { floating_ips: 3 } }).message, 'there is no quota "floating_ips"; there are instances')
  p.tell('setLimits', { limits: { cores: 3 }, force: true })
  assert.is(p.refused('reserve', { holders: ['instance/c'], amounts: SIZE }).code, 'QuotaExceeded')
  p.tell('setLimits', { limits: { cores: -1, instances: -1 } })
  reserve(p, ['instance/c', 'instance/d'])
  p.tell('resetLimits')
  assert.equal((p.tell('get') as { limits: object }).limits, { ...NO_LIMITS, instances: 3, cores: 8 })
})

test('an instance that was asked about takes that reservation never after, and a later one does', () => {
  const i = newInstance()
  assert.equal(i.tell('holds', { project: 'p', number: 4 }), { held: null })
  assert.is(i.refused('create', { ...CREATE, quota: 4 }).code, 'StaleCommand')
  i.tell('create', { ...CREATE, quota: 5 })
  assert.equal(i.tell('holds', { project: 'p', number: 5 }), { held: SIZE })
  assert.equal(i.tell('holds', { project: 'other', number: 9 }), { held: null })
})

const ended = (operation: string, more: object = {}) => ({ operation, outcome: 'done', host: 'h1', claim: 'i1.1', fault: null, ...more })

test('an instance gives back what it does not need: after a resize the larger size, in the end all', () => {
  const i = newInstance()
  i.tell('create', { ...CREATE, quota: 1 })
  i.tell('ended', ended('i1.1'))
  assert.is(i.settle(), undefined)
  i.tell('holds', { project: 'p', number: 2 })
  assert.is(i.refused('act', { action: 'resize', change: { flavor: BIG }, requestId: 'q2', quota: 2 }).code, 'StaleCommand')
  i.tell('act', { action: 'resize', change: { flavor: BIG }, requestId: 'q2', quota: 3 })
  assert.equal(i.tell('holds', { project: 'p' }), { held: { instances: 1, cores: 4, ram: 128 } })
  i.tell('ended', ended('i1.2', { host: 'h2', claim: 'i1.2', origin: { host: 'h1', claim: 'i1.1' } }))
  assert.is(i.settle(), undefined, 'it may still be reverted')
  i.tell('act', { action: 'confirm-resize', requestId: 'q3' })
  i.tell('ended', ended('i1.3', { host: 'h2', claim: 'i1.2' }))
  const settle = i.settle()
  assert.equal(settle?.args, { holder: 'instance/i1', number: 3, amounts: { instances: 1, cores: 4, ram: 64 } })
  i.tell('@result', { key: settle?.key, ok: false, fault: { code: 'Poisoned', message: 'x' } }, 5)
  assert.is(i.settle()?.notBefore, 60_005)
  i.tell('@result', { key: i.settle()?.key, ok: true, value: null })
  assert.is(i.settle(), undefined)
  i.tell('delete', { requestId: 'q4' })
  i.tell('ended', ended('i1.4', { host: null, claim: null }))
  assert.not.ok(instanceActor.finished(i.state() as never), 'its project must know first')
  assert.equal(i.settle()?.args, { holder: 'instance/i1', number: 3, amounts: null })
  i.tell('@result', { key: i.settle()?.key, ok: true, value: null })
  assert.ok(instanceActor.finished(i.state() as never))
})

test('soft delete and shelving keep what they count; an instance of before there were quotas asks for nothing', () => {
  for (const quota of [1, undefined]) {
    const i = newInstance()
    i.tell('create', { ...CREATE, ...(quota ? { quota } : {}) })
    i.tell('ended', ended('i1.1'))
    i.tell('delete', { requestId: 'q2', reclaimMs: 1000 })
    i.tell('ended', ended('i1.2'))
    assert.is(i.settle(), undefined)
    i.tell('delete', { requestId: 'q3' })
    i.tell('ended', ended('i1.3', { host: null, claim: null }))
    assert.is(i.settle() !== undefined, quota !== undefined)
  }
})

test('taken back: what was made for that very reservation is deleted, what a later request asked for stays', () => {
  const made = newInstance()
  made.tell('create', { ...CREATE, quota: 2 })
  assert.equal(made.tell('abandon', { quota: 2, requestId: CREATE.requestId }), { operation: 'i1.2' })
  const later = newInstance()
  later.tell('create', { ...CREATE, quota: 2 })
  later.tell('create', { ...CREATE, quota: 3 })
  assert.is(later.tell('abandon', { quota: 2, requestId: CREATE.requestId }), undefined)
  const never = newInstance()
  never.tell('abandon', { quota: 2, requestId: CREATE.requestId })
  assert.is(never.refused('create', { ...CREATE, quota: 2 }).code, 'StaleCommand')
})

/** Creation over actors that answer as told; what was called is noted. */
function creation(create: (id: string) => object) {
  const calls: string[] = []
  const api = instanceCreation({
    checkPlacement: async () => {},
    bootable: async () => FAKE_IMAGE,
    async call(kind, id, method) {
      if (kind === 'flavor') return { ...FLAVOR, createdAt: 0 }
      calls.push(`${method} ${id}`)
      return method === 'create' ? create(id) : {}
    },
    quotas: {
      async take(_, holders) {
        calls.push(`take ${holders.map(h => h.id)}`)
        return { number: 1, confirm: () => calls.push('confirm'), doubt: () => calls.push('doubt') }
      },
    },
  })
  return { api, calls }
}
const WANTED: CreateInstances = { ids: ['a', 'b'], name: 'n', project: 'p', flavor: 'f', image: 'im', metadata: {}, reservation: 'r', requestId: 'q' }
const failB = (id: string): object => {
  if (id === 'b') throw new BatonError('Overloaded', 'full')
  return { id, vmState: 'building', taskState: 'scheduling' }
}

test('several are reserved at once; when one cannot be made, those without a token are taken back', async () => {
  const good = creation(id => ({ id, vmState: 'building', taskState: 'scheduling' }))
  assert.is((await good.api(WANTED)).length, 2)
  assert.equal(good.calls, ['take a,b', 'create a', 'create b', 'confirm'])
  const bad = creation(failB)
  await rejectsWith('Overloaded', bad.api(WANTED))
  assert.equal(bad.calls.slice(3), ['abandon a', 'abandon b', 'doubt'])
  const repeated = creation(failB)
  await rejectsWith('Overloaded', repeated.api({ ...WANTED, repeatable: true }))
  assert.equal(repeated.calls.slice(3), ['doubt'])
})

test('what was taken back meanwhile, or given up, is a request to send again', async () => {
  await rejectsWith('Unavailable', creation(id => ({ id, vmState: 'building', taskState: 'deleting' })).api(WANTED))
  const stale = creation(() => {
    throw new BatonError('StaleCommand', 'given up')
  })
  await rejectsWith('Unavailable', stale.api({ ...WANTED, repeatable: true }))
})

test('the API looks at projects and limits', () => {
  for (const id of ['', 'a.b', 'a b', 'é', 'x'.repeat(65), 7]) assert.match(String(API_CHECKS.getQuota({ id })), 'must be a project')
  assert.is(API_CHECKS.setQuota({ id: 'p', limits: { cores: -1 } }), null)
  assert.match(String(API_CHECKS.setQuota({ id: 'p', limits: { cores: -2 } })), 'cores must be a whole number from -1')
  assert.match(String(API_CHECKS.setQuota({ id: 'p', limits: { cores: 1.5 } })), 'cores must be a whole number')
  assert.match(String(API_CHECKS.setQuota({ id: 'p', limits: { gigabytes: 1 } })), 'has no quota "gigabytes"')
})

test.run()
