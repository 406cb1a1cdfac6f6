/** What a host actor does about a host that was lost. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type HostInfo, hostActor } from '../../actors/host/host.ts'
import { applyCommand, type CallWork } from '../../actors/kernel/define.ts'
import type { Fault } from '../../actors/kernel/errors.ts'

const INFO: HostInfo = { driver: 'fake', pid: 7, version: '0.1.0', vcpus: 2, ramMb: 1024, diskGb: 10 }
const RATIOS = { vcpu: 4, ram: 1, disk: 1 }

function host(settings = { parallel: 2, fence: false }) {
  const actor = hostActor(RATIOS, undefined, settings)
  let state = actor.initial('h1')
  let nowMs = 1_000_000
  const send = (method: string, args: object = {}): unknown => {
    const command = { method, args } as Parameters<typeof actor.decide>[1]
    const applied = applyCommand(actor, state, command, { id: 'h1', now: nowMs, from: { role: 'conductor', node: 'c1' } })
    // As it comes back from a snapshot.
    state = JSON.parse(JSON.stringify(applied.state))
    return applied.reply
  }
  const work = (): CallWork[] => actor.work(state, 'h1').filter(item => item.type === 'call')
  return {
    send,
    work,
    /** Instances that are being asked to evacuate, now or later. */
    asked: (): string[] => work().flatMap(item => (item.method === 'hostLost' ? [item.to.id] : [])),
    elapse(ms: number) {
      nowMs += ms
    },
    now: () => nowMs,
    answer(id: string, value: unknown, fault?: Fault) {
      const item = work().find(each => each.to.id === id)
      if (!item) throw new Error(`nothing is asked of ${id}`)
      send('@result', fault ? { key: item.key, ok: false, fault } : { key: item.key, ok: true, value })
    },
    ha: () => actor.view(state, 'h1')?.body as { ha: { lostAt: number | null; evacuating: number; fenceTries: number }; state: string },
    protects(instances: readonly string[]) {
      send('register', INFO)
      send('offer', { wanted: instances, known: 0 })
      send('offer', { wanted: instances, known: 1 })
    },
    lose() {
      send('observe', { state: 'down' })
      send('lose')
    },
  }
}

test('only a host that is silent can be lost, and what it has learned is then evacuated, so many at a time', () => {
  const h = host()
  h.protects(['a', 'b', 'c'])
  assert.equal(h.send('lose'), { lost: false })
  assert.equal(h.asked(), [])
  h.lose()
  assert.equal(h.asked(), ['a', 'b'])
  h.answer('a', { stands: 'moving' })
  assert.is(h.ha().ha.evacuating, 1)
  assert.equal(h.asked(), ['a', 'b'], 'one that is on its way keeps its place')
  h.answer('a', { stands: 'over' })
  assert.equal(h.asked(), ['b', 'c'])
  h.answer('b', null, { code: 'Conflict', message: 'no' })
  assert.equal(h.asked(), ['c', 'b'], 'who could not is asked later')
  for (const instance of ['c', 'b']) h.answer(instance, { stands: 'over' })
  assert.equal(h.work(), [])
})

test('the trace of the verdict goes to those who are asked, also after a crash', () => {
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const h = host()
  h.protects(['a'])
  h.send('observe', { state: 'down' })
  h.send('lose', { verdict: trace })
  assert.equal(
    h.work().map(item => item.args),
    [{ host: 'h1', verdict: trace }],
  )
  h.send('register', INFO)
  h.lose()
  assert.equal(
    h.work().map(item => item.args),
    [{ host: 'h1' }],
    'another loss, which was not traced',
  )
})

test('one on its way is looked at again soon, for others wait for its place; one that could not is asked less and less often', () => {
  const pauses = (value: object | null): number[] => {
    const h = host()
    h.protects(['a'])
    h.lose()
    return Array.from({ length: 8 }, () => {
      h.answer('a', value, value ? undefined : { code: 'Conflict', message: 'no' })
      return (h.work()[0]?.notBefore ?? 0) - h.now()
    })
  }
  assert.equal(pauses({ stands: 'moving' }), [250, 375, 563, 844, 1266, 1898, 2000, 2000])
  assert.equal(pauses(null), [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
})

test('evacuation is allowed from a lost host for what it had learned, and for nothing else', () => {
  const h = host()
  h.protects(['a'])
  h.send('observe', { state: 'down' })
  assert.throws(() => h.send('requireFenced', { instance: 'a' }), /not said to be fenced/)
  h.send('lose')
  h.send('requireFenced', { instance: 'a' })
  assert.throws(() => h.send('requireFenced', { instance: 'b' }), /not said to be fenced/)
  assert.throws(() => h.send('requireFenced', {}), /not said to be fenced/)
  h.send('fence')
  h.send('requireFenced', { instance: 'b' })
})

test('what it was offered but never said to be armed with waits for a word that it is fenced', () => {
  const h = host()
  h.send('register', INFO)
  h.send('offer', { wanted: ['a'], known: 0 })
  h.lose()
  assert.equal(h.asked(), [])
  h.send('fence')
  assert.equal(h.asked(), ['a'])
})

test('a host that comes back ends it; an answer that comes late changes nothing', () => {
  const h = host()
  h.protects(['a'])
  h.lose()
  const [late] = h.work()
  h.send('register', INFO)
  assert.equal([h.work(), h.ha().ha.lostAt], [[], null])
  h.send('@result', { key: late?.key, ok: true, value: { stands: 'moving' } })
  assert.is(h.ha().ha.evacuating, 0)
  assert.throws(() => h.send('requireFenced', { instance: 'a' }), /is up/)
})

test('a host that is lost again and again is given more time', () => {
  const h = host()
  h.protects(['a'])
  const pauses: number[] = []
  for (let i = 0; i < 4; i++) {
    h.elapse(60_000)
    h.lose()
    pauses.push(Math.max(0, (h.work()[0]?.notBefore ?? 0) - h.now()))
    h.send('register', INFO)
  }
  assert.equal(pauses, [0, 30_000, 60_000, 120_000])
  h.elapse(3_600_000)
  h.lose()
  assert.ok((h.work()[0]?.notBefore ?? 0) <= h.now(), 'after a good hour it is forgotten')
})

test('the fence command is run for a lost host with something to gain, again after a failure, until it has succeeded', () => {
  const idle = host({ parallel: 1, fence: true })
  idle.send('register', INFO)
  idle.lose()
  assert.equal(idle.work(), [], 'it would end what nobody wants evacuated')

  const h = host({ parallel: 1, fence: true })
  h.protects(['a'])
  h.lose()
  const fences = () => h.work().filter(item => item.to.kind === 'fence')
  assert.equal([fences().length, fences()[0]?.args], [1, { host: 'h1' }])
  h.answer('local', null, { code: 'FenceFailed', message: 'no answer' })
  assert.equal([fences()[0]?.notBefore, h.ha().ha.fenceTries], [h.now() + 5000, 1])
  h.answer('local', null)
  assert.equal([h.ha().state, fences()], ['fenced', []])
  assert.equal(h.asked(), ['a'])
})

test('a snapshot from before there was a policy is a host without one', () => {
  const actor = hostActor(RATIOS)
  const { policy: _, recovery: __, ...old } = actor.initial('h1')
  const context = { id: 'h1', now: 5, from: { role: 'conductor', node: 'c1' } } as const
  const { state } = applyCommand(actor, { ...old, registered: true, state: 'down' }, { method: 'lose', args: {} }, context)
  assert.equal(actor.work(state, 'h1'), [])
  assert.is(state.recovery?.lostAt, 5)
})

test.run()
