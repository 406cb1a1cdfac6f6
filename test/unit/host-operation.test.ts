/** Emptying a host: who is asked what, how much at a time, and what the end says. Folded again from its events after each one. */
import { isDeepStrictEqual } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { InstanceBody, OperationBody } from '../../actors/api.ts'
import type { HostOperationArgs } from '../../actors/host-operation/contract.ts'
import { hostOperationActor as actor } from '../../actors/host-operation/host-operation.ts'
import { applyCommand, type CallWork } from '../../actors/kernel/define.ts'
import type { ErrorCode } from '../../actors/kernel/errors.ts'
import { parseTrace } from '../../actors/kernel/tracing.ts'
import { operationSpans } from '../../actors/operation/trace.ts'

const ID = 'h1.3'
const DRAIN: HostOperationArgs = { kind: 'drain', parallel: 2, cold: false, requestId: 'req-1' }
type Known = Pick<InstanceBody, 'vmState' | 'host' | 'operation'> & Partial<Pick<InstanceBody, 'origin' | 'fault'>>

const fieldOf = (value: unknown, name: string): unknown => (value as Record<string, unknown> | undefined)?.[name]

const RUNS: Known = { vmState: 'active', host: 'h1', operation: null }

/** A drain, and the instances it talks to. What it asks of them is done when `move` is called. */
function drain(instances: Record<string, Known>, args: Partial<HostOperationArgs> = {}) {
  let state = actor.initial(ID)
  let now = 1_000_000
  const events: { event: Parameters<typeof actor.evolve>[1]; at: number }[] = []
  const asked: { instance: string; action: string; requestId: string; leaving: string; followUp?: object }[] = []
  const known = new Map(Object.entries(instances))

  function send(method: string, with_: object): unknown {
    const command = { method, args: with_ } as Parameters<typeof actor.decide>[1]
    const answer = applyCommand(actor, state, command, { id: ID, now, from: { role: 'conductor', node: 'c1' } })
    for (const event of answer.events) events.push({ event: JSON.parse(JSON.stringify(event)), at: now })
    state = answer.state
    const again = events.reduce((s, { event, at }) => actor.evolve(s, event, at), actor.initial(ID))
    if (!isDeepStrictEqual(actor.work(again, ID), actor.work(state, ID))) throw new Error('the work after a crash differs')
    return answer.reply
  }

  const calls = (): CallWork[] => actor.work(state, ID).filter(w => w.type === 'call')

  function answerOf({ to, method, args: sent }: CallWork): { ok: boolean; value?: unknown; fault?: { code: ErrorCode; message: string } } {
    const it = known.get(to.id)
    if (method === 'claims') {
      const held = [...known].filter(([, { host, origin }]) => host === 'h1' || origin?.host === 'h1')
      return { ok: true, value: Object.fromEntries(held.map(([instance], i) => [`c${i}`, { instance }])) }
    }
    if (method === 'get') return it ? { ok: true, value: it } : { ok: false, fault: { code: 'NotFound', message: 'gone' } }
    if (method === 'ended') return { ok: true }
    asked.push({ instance: to.id, ...(sent as Omit<(typeof asked)[number], 'instance'>) })
    if (it) known.set(to.id, { ...it, operation: `${to.id}.2` })
    return { ok: true, value: { operation: `${to.id}.2` } }
  }

  /** Answers everything that is outstanding, `rounds` times, and lets the timers come. */
  function go(rounds = 1): void {
    for (let i = 0; i < rounds; i++) {
      for (const call of calls()) send('@result', { key: call.key, ...answerOf(call) })
      for (const work of actor.work(state, ID)) {
        if (work.type !== 'timer' || work.key === 'deadline') continue
        now = Math.max(now, work.at)
        send('@timer', { key: work.key })
      }
      now += 1000
    }
  }

  function move(instance: string, to: Partial<Known> = { host: 'h2' }): void {
    const it = known.get(instance)
    if (it) known.set(instance, { ...it, operation: null, ...to })
  }

  function body(): OperationBody {
    const row = actor.view(state, ID)
    if (!row) throw new Error('it has not begun')
    return row.body as OperationBody
  }

  send('start', { host: 'h1', ...DRAIN, ...args })
  return {
    go,
    move,
    asked,
    calls,
    send,
    moving: () => [...known].filter(([, { operation }]) => operation !== null).map(([id]) => id),
    body,
    progress: () => body().steps[0]?.progress,
    work: () => actor.work(state, ID),
    deadline(): void {
      send('@timer', { key: 'deadline' })
    },
  }
}

test('an empty host is drained at once, and reports it', () => {
  const d = drain({})
  d.go()
  const [report] = d.calls()
  assert.equal([report?.method, report?.to.id], ['ended', 'h1'])
  assert.is(fieldOf(report?.args, 'outcome'), 'done')
  d.go()
  assert.equal(d.work(), [])
  assert.equal([d.body().status, d.body().subject, d.body().kind], ['done', 'h1', 'drain'])
})

test('so many at a time, each asked once however often it is looked at, and done when nothing holds room any more', () => {
  const d = drain({ a: RUNS, b: RUNS, c: RUNS })
  d.go(12)
  assert.equal(
    d.asked.map(({ instance, action, leaving }) => [instance, action, leaving]),
    [
      ['a', 'live-migrate', 'h1'],
      ['b', 'live-migrate', 'h1'],
    ],
  )
  assert.equal(d.progress(), { total: 3, moved: 0, failed: 0, left: 3 })
  d.move('a')
  d.go(4)
  assert.equal(d.moving(), ['b', 'c'])
  d.move('b')
  d.move('c')
  d.go(4)
  assert.equal([d.body().status, d.asked.length], ['done', 3])
  assert.equal(d.progress(), { total: 3, moved: 3, failed: 0, left: 0 })
})

test('each state has its way: running live, stopped cold and confirmed by itself, shelved offloaded, the others named with what to do', () => {
  const d = drain(
    {
      runs: RUNS,
      paused: { ...RUNS, vmState: 'paused' },
      stopped: { ...RUNS, vmState: 'stopped' },
      shelved: { ...RUNS, vmState: 'shelved' },
      suspended: { ...RUNS, vmState: 'suspended' },
      resized: { ...RUNS, vmState: 'resized', origin: { host: 'h9', claim: 'x', flavor: 'f', vcpus: 1, ramMb: 64, diskGb: 1 } },
      broken: { ...RUNS, vmState: 'error' },
    },
    { parallel: 10 },
  )
  d.go(4)
  const ways = Object.fromEntries(d.asked.map(({ instance, action, followUp }) => [instance, [action, followUp ?? null]]))
  assert.equal(ways, {
    runs: ['live-migrate', null],
    paused: ['live-migrate', null],
    stopped: ['migrate', { kind: 'confirm-resize', afterMs: 0 }],
    shelved: ['shelve-offload', null],
  })
  for (const id of ['runs', 'paused', 'shelved']) d.move(id)
  d.move('stopped', { vmState: 'resized', host: 'h2', origin: { host: 'h1', claim: 'x', flavor: 'f', vcpus: 1, ramMb: 64, diskGb: 1 } })
  d.go(4)
  assert.is(d.body().endedAt, null, 'it waits for the confirm')
  d.move('stopped', { vmState: 'stopped', host: 'h2', origin: null })
  d.go(6)
  const { status, fault } = d.body()
  assert.is(status, 'failed')
  assert.match(fault?.message ?? '', /4 of 7 instances moved; 3 could not be moved: .*resume it/)
  assert.match(fault?.message ?? '', 'it waits for its resize to be confirmed or reverted')
})

test('cold: running instances are migrated cold, paused ones cannot be', () => {
  const d = drain({ runs: RUNS, paused: { ...RUNS, vmState: 'paused' } }, { cold: true })
  d.go(3)
  assert.equal(
    d.asked.map(({ instance, action }) => [instance, action]),
    [['runs', 'migrate']],
  )
  d.move('runs')
  d.go(6)
  assert.match(d.body().fault?.message ?? '', 'unpause it')
})

test('a driver that carries no running guests is asked once; from then on all go cold', () => {
  const d = drain({ a: RUNS, b: RUNS }, { parallel: 1 })
  d.go(3)
  d.move('a', { fault: { code: 'DriverUnsupported', message: 'no', at: 1 } })
  d.go(3)
  d.move('a')
  d.go(6)
  assert.equal(
    d.asked.map(({ action }) => action),
    ['live-migrate', 'migrate', 'migrate'],
  )
  assert.is(new Set(d.asked.map(({ instance, requestId }) => `${instance} ${requestId}`)).size, 3, 'each under a request of its own')
})

test('a move that comes to nothing is tried three times, then named with its reason', () => {
  const d = drain({ a: RUNS })
  for (let i = 0; i < 3; i++) {
    d.go(8)
    assert.is(d.asked.length, i + 1)
    d.move('a', { fault: { code: 'NoValidHost', message: 'no host fits', at: 1 } })
  }
  d.go(8)
  assert.is(d.asked.length, 3)
  assert.match(d.body().fault?.message ?? '', 'a: no host fits')
  assert.equal(d.progress(), { total: 1, moved: 0, failed: 1, left: 0 })
})

test('one that is busy, or being built, keeps nobody from his turn', () => {
  const d = drain({ busy: { ...RUNS, operation: 'busy.7' }, building: { vmState: 'building', host: 'h1', operation: 'building.1' }, a: RUNS })
  d.go(5)
  assert.equal(
    d.asked.map(({ instance }) => instance),
    ['a'],
  )
  d.move('a')
  d.move('busy', { operation: null })
  d.move('building', { operation: null, vmState: 'active' })
  d.go(6)
  assert.is(d.asked.length, 3)
})

test('cancel begins nothing new, waits for what was begun, and says how far it came', () => {
  const d = drain({ a: RUNS, b: RUNS, c: RUNS })
  d.go(3)
  d.send('cancel', {})
  d.go(3)
  assert.is(d.body().endedAt, null)
  d.move('a')
  d.move('b')
  d.go(3)
  const { status, fault } = d.body()
  assert.equal([status, fault?.code, d.asked.length], ['undone', 'Cancelled', 2])
  assert.match(fault?.message ?? '', '2 of 3 instances moved')
  assert.throws(() => d.send('cancel', {}), /has ended: undone/)
})

test('the deadline ends it; a report is given until it is taken', () => {
  const d = drain({ a: RUNS })
  d.go(2)
  d.deadline()
  assert.is(d.body().fault?.code, 'DeadlineExceeded')
  const [report] = d.calls()
  d.send('@result', { key: report?.key ?? '', ok: false, fault: { code: 'Internal', message: 'x' } })
  assert.not.equal(d.calls()[0]?.key, report?.key)
  d.go()
  assert.equal(d.work(), [])
})

test('an evacuation makes anew what can be, also from error', () => {
  const d = drain({ a: RUNS, b: { ...RUNS, vmState: 'error' }, c: { ...RUNS, vmState: 'paused' } }, { kind: 'evacuate-host', parallel: 5 })
  d.go(3)
  assert.equal(
    d.asked.map(({ instance, action }) => [instance, action]),
    [
      ['a', 'evacuate'],
      ['b', 'evacuate'],
    ],
  )
})

test('room that is held for what is not there is named, and not looked at for ever', () => {
  const d = drain({ ghost: { vmState: 'deleted', host: 'h1', operation: null } })
  d.go(20)
  assert.match(d.body().fault?.message ?? '', 'its room is still held')
})

test('before it was begun there is nothing to see; a cancel that came first comes again', () => {
  const context = { id: ID, now: 1, from: { role: 'conductor', node: 'c1' } } as const
  const ask = (method: string, args: object) => actor.decide(actor.initial(ID), { method, args } as Parameters<typeof actor.decide>[1], context)
  for (const [method, args, code] of [
    ['get', {}, 'NotFound'],
    ['cancel', {}, 'NotFound'],
    ['cancel', { overtaken: true }, 'Unavailable'],
  ] as const) {
    const decision = ask(method, args)
    assert.is(decision.ok ? '' : decision.fault.code, code)
  }
})

test('what it has moved is asked for by whoever wanted the host empty, and belongs to the same trace', () => {
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const d = drain({ i1: RUNS }, { by: { user: 'ann', trace } })
  d.go(2)
  const [asked] = d.calls().filter(call => call.method === 'act')
  const by = fieldOf(asked?.args, 'by')
  assert.equal([fieldOf(by, 'user'), fieldOf(by, 'trace')], ['ann', asked?.context?.trace])
  d.go(1)
  d.move('i1')
  d.go(6)
  const over = d.body()
  assert.equal([over.status, over.by?.user], ['done', 'ann'])
  const [move, whole] = operationSpans(over, over.endedAt ?? 0)
  assert.equal([move?.name, whole?.name, move?.parentId, whole?.parentId], ['step move', 'operation drain', whole?.spanId, 'b7ad6b7169203331'])
  assert.is(parseTrace(asked?.context?.trace)?.spanId, move?.spanId)
  // What is not traced says who asked all the same.
  const untraced = drain({ i1: RUNS }, { by: { user: 'ann' } })
  untraced.go(2)
  const [plain] = untraced.calls().filter(call => call.method === 'act')
  assert.equal([fieldOf(plain?.args, 'by'), plain?.context?.trace], [{ user: 'ann' }, undefined])
})

test.run()
