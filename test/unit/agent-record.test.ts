/** The record of an agent outside of guests: whose key it has, which session is believed, and commands that outlive whoever asked. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { agentActor, bodyOf } from '../../actors/agent/agent.ts'
import { OPEN_MAX } from '../../actors/agent/commands.ts'
import { doorKeysActor } from '../../actors/agent/door-keys.ts'
import type { AgentBody } from '../../actors/api.ts'
import { applyCommand, type CallWork } from '../../actors/kernel/define.ts'
import { BatonError } from '../../actors/kernel/errors.ts'

const ID = '11111111-1111-4111-8111-111111111111'
const [KEY, OTHER] = ['a'.repeat(64), 'b'.repeat(64)]
const METHODS = [{ name: 'perform', about: 'does a job' }]
const ABOUT = { agent: 'worker/1', boot: 'b1', service: 'worker', methods: METHODS, backups: ['full'] }

function record() {
  let state = agentActor.initial(ID)
  let now = 1000
  const tell = (method: string, args: unknown = {}, node = 'gateway-1'): unknown => {
    const wrong = agentActor.methods[method]?.check?.(args)
    if (wrong) throw new BatonError('BadRequest', wrong)
    const command = { method, args } as Parameters<typeof agentActor.decide>[1]
    const done = applyCommand(agentActor, state, command, { id: ID, now: now++, from: { role: 'gateway', node } })
    state = done.state
    return done.reply
  }
  const code = (method: string, args: unknown = {}, node?: string): string => {
    try {
      tell(method, args, node)
      return 'taken'
    } catch (error) {
      return error instanceof BatonError ? error.code : String(error)
    }
  }
  const report = (rank: number, number: number, more: object = {}) => ({
    ...{ order: { rank, life: 1, number }, on: true, heard: true, status: 'ACTIVE', message: null, about: ABOUT, backup: null },
    ...more,
  })
  const body = (): AgentBody => {
    const found = bodyOf(state, ID)
    if (!found) throw new Error('there is no record')
    return found
  }
  const nameOf = (call: CallWork | undefined): unknown => Reflect.get(Object(call?.args), 'command')
  const calls = (): CallWork[] => agentActor.work(state, ID).flatMap(each => (each.type === 'call' ? each : []))
  const timers = (): string[] => agentActor.work(state, ID).flatMap(each => (each.type === 'timer' ? each.key : []))
  return { tell, code, report, body, calls, nameOf, timers, finished: () => agentActor.finished(state), view: () => agentActor.view(state, ID) }
}

function up() {
  const it = record()
  it.tell('enroll', { name: 'w', project: 'p', key: KEY, silentMs: 5000 })
  it.tell('attach', { key: KEY, life: 7 })
  it.tell('report', it.report(1, 1))
  return it
}

test('it is enrolled once; the same request again changes nothing, another is refused', () => {
  const { tell, code, body } = record()
  assert.is(code('get'), 'NotFound')
  tell('enroll', { name: 'w', project: 'p', key: KEY })
  assert.is(code('enroll', { name: 'w', project: 'p', key: KEY }), 'taken')
  assert.is(code('enroll', { name: 'w', project: 'p', key: OTHER }), 'Conflict')
  assert.is(code('enroll', { name: 'w', project: 'p', key: 'short' }), 'BadRequest')
  assert.equal([body().agent, body().status, body().gateway, body().keys], ['never', 'NEW', null, 1])
})

test('only its key begins a session, and only the newest session is believed', () => {
  const { tell, code, report, body } = record()
  tell('enroll', { name: 'w', project: 'p', key: KEY, silentMs: 5000 })
  assert.is(code('attach', { key: OTHER, life: 1 }), 'Forbidden')
  assert.equal(tell('report', report(1, 1)), { taken: false, why: `the session of agent ${ID} with gateway-1 is over` })
  assert.equal(tell('attach', { key: KEY, life: 7 }), { session: 1, silentMs: 5000 })
  assert.equal(tell('report', report(1, 1)), { taken: true })
  assert.equal([body().agent, body().status, body().gateway], ['up', 'ACTIVE', 'gateway-1'])
  assert.equal(tell('attach', { key: KEY, life: 8 }, 'gateway-2'), { session: 2, silentMs: 5000 })
  assert.is((tell('report', report(1, 2, { status: 'FAILED' })) as { taken: boolean }).taken, false, 'the gateway it has left')
  assert.is((tell('report', report(1, 3, { status: 'FAILED' }), 'gateway-2') as { taken: boolean }).taken, false, 'a session that is not its own')
  assert.is(body().status, 'ACTIVE')
  tell('report', report(2, 2, { status: 'FAILED' }), 'gateway-2')
  tell('report', report(2, 1), 'gateway-2')
  assert.is(body().status, 'FAILED', 'what comes late changes nothing')
})

test('silence: unknown, or failed before it was ever ready; a gateway that is gone is told of by whoever looks', () => {
  const one = up()
  one.tell('report', one.report(1, 2, { heard: false }))
  assert.equal([one.body().agent, one.body().status], ['unknown', 'ACTIVE'])
  const two = record()
  two.tell('enroll', { name: 'w', project: 'p', key: KEY })
  two.tell('attach', { key: KEY, life: 7 })
  two.tell('report', two.report(1, 1, { status: 'BUILDING' }))
  two.tell('report', two.report(1, 2, { status: 'BUILDING', heard: false }))
  assert.equal([two.body().agent, two.body().status], ['unknown', 'ERROR'])
  const three = up()
  three.tell('doorLost', { node: 'gateway-1', life: 6 })
  assert.is(three.body().agent, 'up', 'another life of that gateway')
  three.tell('doorLost', { node: 'gateway-1', life: 7 })
  assert.equal([three.body().agent, three.body().gateway, three.view()?.columns.door], ['unknown', null, ''])
})

test('another key ends the session in that event, and its gateway is told until it knows or two minutes have passed', () => {
  const { tell, code, report, body, calls, timers } = up()
  tell('rotate', { key: OTHER })
  assert.equal([body().agent, body().gateway, body().keys], ['unknown', null, 2])
  assert.is((tell('report', report(1, 2)) as { taken: boolean }).taken, false)
  assert.is(code('attach', { key: KEY, life: 7 }), 'Forbidden', 'the old key')
  const [call] = calls()
  assert.equal([call?.to, call?.method, call?.args], [{ kind: 'agent-door', id: 'gateway-1' }, 'sessionOver', { agent: ID, session: 1 }])
  assert.equal(timers(), ['until:leave:gateway-1:1'])
  tell('@result', { key: call?.key, ok: true, value: null })
  assert.equal([calls(), timers()], [[], []])
  assert.equal(tell('attach', { key: OTHER, life: 7 }), { session: 2, silentMs: 5000 })
})

test('a command is work until its end is written down, is begun once by its name, and is refused when nobody declares it', () => {
  const { tell, code, body, calls, nameOf, timers } = up()
  const asked = { command: 'c1', method: 'perform', args: { job: 1 }, timeoutMs: 5000 }
  assert.equal((tell('exec', asked) as { state: string }).state, 'open')
  tell('exec', asked)
  const [call] = calls()
  assert.equal([calls().length, call?.to.kind, call?.method], [1, 'agent-line', 'agentExec'])
  assert.equal(nameOf(call), 'c1')
  tell('@result', { key: call?.key, ok: true, value: { done: false } })
  const [again] = calls()
  assert.is.not(again?.key, call?.key, 'it is asked about again')
  assert.equal(nameOf(again), 'c1', 'by the same name')
  tell('@result', { key: again?.key, ok: true, value: { done: true, value: { jobs: 1 } } })
  const [ended] = body().commands ?? []
  assert.equal([ended?.state, ended?.value, calls(), timers()], ['done', { jobs: 1 }, [], []])
  assert.is(code('exec', { command: 'c2', method: 'rm', args: {} }), 'BadRequest')
  assert.is(code('exec', { command: 'c3', method: 'perform', args: { job: 'x'.repeat(9000) } }), 'TooLarge')
})

test('commands end at their deadline, with a fault, or with an answer that is too long; and they are bounded', () => {
  const { tell, code, body, calls, timers } = up()
  for (let i = 0; i < OPEN_MAX; i++) tell('exec', { command: `c${i}`, method: 'perform', args: {} })
  assert.is(code('exec', { command: 'more', method: 'perform', args: {} }), 'Overloaded')
  const [first, second] = calls()
  tell('@result', { key: first?.key, ok: false, fault: { code: 'GuestFailed', message: 'no' } })
  tell('@result', { key: second?.key, ok: true, value: { done: true, value: 'x'.repeat(9000) } })
  for (const key of timers().filter(each => each.startsWith('deadline:'))) tell('@timer', { key })
  const commands = body().commands ?? []
  assert.equal([body().openCommands, commands.length], [0, 8])
  assert.equal([...new Set(commands.map(each => each.fault?.code))], ['DeadlineExceeded'], 'the newest are remembered')
})

test('one operation at a time; the same request is answered alike, during it and after it', () => {
  const { tell, code, calls, body } = up()
  const asked = { kind: 'guest-backup', requestId: 'r1', change: { guest: { kind: 'full' } } }
  assert.equal(tell('operate', asked), { operation: `${ID}.1` })
  assert.equal(tell('operate', asked), { operation: `${ID}.1` })
  assert.is(code('operate', { ...asked, requestId: 'r2' }), 'Conflict')
  const [start] = calls()
  const { subjectKind, host } = (start?.args as { args?: { subjectKind: string; host: null } } | undefined)?.args ?? {}
  assert.equal([start?.to, subjectKind, host], [{ kind: 'operation', id: `${ID}.1` }, 'agent', null])
  tell('ended', { operation: `${ID}.9` })
  assert.is(body().operation, `${ID}.1`, 'the end of another')
  tell('ended', { operation: `${ID}.1` })
  assert.equal([body().operation, calls()], [null, []])
  assert.equal(tell('operate', asked), { operation: `${ID}.1` })
  assert.equal(tell('operate', { ...asked, requestId: 'r2' }), { operation: `${ID}.2` })
})

test('backups of a schedule begin by themselves, and are left out while nobody could make them', () => {
  const { tell, report, timers, body } = up()
  tell('schedule', { schedule: { everyMs: 60_000, keep: 2, fullEvery: 1 } })
  const [due] = timers()
  tell('@timer', { key: due })
  assert.is(body().operation, `${ID}.1`)
  tell('ended', { operation: `${ID}.1` })
  tell('report', report(1, 5, { heard: false }))
  tell('@timer', { key: timers()[0] })
  assert.is(body().operation, null)
  assert.is(timers().length, 1, 'the next one has its turn')
})

test('deleted it wants nothing any more, and is over when its gateway knows', () => {
  const { tell, code, calls, finished } = up()
  tell('exec', { command: 'c1', method: 'perform', args: {} })
  tell('delete')
  assert.equal([calls().map(each => each.method), finished()], [['sessionOver'], false])
  for (const method of ['get', 'delete']) assert.is(code(method), 'NotFound')
  assert.is(code('attach', { key: KEY, life: 7 }), 'NotFound')
  tell('@result', { key: calls()[0]?.key, ok: true, value: null })
  assert.is(finished(), true)
  assert.is(code('enroll', { name: 'w', project: 'p', key: KEY }), 'Conflict', 'an id is used once')
})

test('the keys of the doors are made once', () => {
  const context = { id: 'cluster', now: 1, from: { role: 'conductor', node: 'c1' } } as const
  const ensure = (keys: object) => ({ method: 'ensure', args: keys }) as Parameters<typeof doorKeysActor.decide>[1]
  const first = applyCommand(doorKeysActor, doorKeysActor.initial('cluster'), ensure({ publicKey: KEY, secretKey: OTHER }), context)
  const second = applyCommand(doorKeysActor, first.state, ensure({ publicKey: OTHER, secretKey: KEY }), context)
  assert.equal([second.reply, second.events], [{ publicKey: KEY, secretKey: OTHER }, []])
})

test.run()
