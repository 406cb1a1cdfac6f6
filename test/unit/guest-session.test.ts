/** One guest's channel from the host's side: what is believed, what is dropped, and that a hostile guest can do no harm. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type FromGuest, type GuestPipe, MAX_LINE_BYTES, parseFromGuest } from '../../actors/guest/contract.ts'
import { createSession, type GuestSession, RATE } from '../../actors/guest/session.ts'
import { type ManualEnv, manualEnv } from '../fuzz/env.ts'
import { rejectsWith } from './persistence-fixtures.ts'

const INSTANCE = '11111111-1111-4111-8111-111111111111'
const SETTINGS = { heartbeatMs: 1000, silentMs: 5000 }

interface Held {
  readonly env: ManualEnv
  readonly session: GuestSession
  /** What the host wrote, as messages. */
  readonly written: { type: string; id?: number; method?: string }[]
  readonly paused: boolean[]
  readonly changes: () => number
  say(message: FromGuest | object): void
  raw(text: string): void
}

function held(): Held {
  const env = manualEnv()
  const written: Held['written'] = []
  const paused: boolean[] = []
  let changes = 0
  const session = createSession({ env, instance: INSTANCE, settings: SETTINGS, onChange: () => changes++ })
  const pipe: GuestPipe = {
    write: async line => void written.push(JSON.parse(line)),
    pause: () => void paused.push(true),
    resume: () => void paused.push(false),
    close() {},
  }
  session.attach(pipe)
  const raw = (text: string): void => session.bytes(new TextEncoder().encode(text))
  return { env, session, written, paused, changes: () => changes, raw, say: message => raw(`${JSON.stringify(message)}\n`) }
}

const hello = (more: object = {}): object => ({
  ...{
    type: 'hello',
    version: 1,
    agent: 'a/1',
    boot: 'b1',
    instance: INSTANCE,
    service: 's',
    methods: [{ name: 'freeze', about: '' }],
    backups: ['full'],
  },
  ...more,
})
const beat = (seq: number, status = 'ACTIVE'): object => ({ type: 'heartbeat', seq, status })

test('it is asked who it is, welcomed, and believed', () => {
  const { session, written, say, changes } = held()
  assert.equal(written, [{ type: 'who', version: 1, instance: INSTANCE }])
  say(hello())
  assert.equal(written.at(-1), { type: 'welcome', version: 1, heartbeatMs: 1000 })
  assert.is(session.belief().heard, null, 'a hello says nothing of the service')
  say(beat(1, 'BUILDING'))
  say(beat(2))
  assert.equal([session.belief().status, session.belief().heard, changes()], ['ACTIVE', true, 3])
  say(beat(3))
  assert.is(changes(), 3, 'a heartbeat that says the same is no news')
})

test('what is stale, comes again or comes from an earlier life is dropped by its number', () => {
  const { session, say } = held()
  say(beat(1))
  assert.is(session.counters().stale, 1, 'before any hello')
  say(hello())
  say(beat(5))
  say(beat(5, 'FAILED'))
  say(beat(4, 'FAILED'))
  assert.is(session.belief().status, 'ACTIVE')
  say(hello({ boot: 'b2' }))
  assert.is(session.belief().status, null, 'nothing is known of a new life')
  say(beat(1, 'BUILDING'))
  assert.is(session.belief().status, 'BUILDING')
  say(hello({ boot: 'b1' }))
  say(beat(9, 'FAILED'))
  assert.is(session.belief().hello?.boot, 'b2', 'a life that is over does not come back')
  assert.is(session.belief().status, 'FAILED', 'by the number of the life that goes on')
})

test('one that names another guest is not listened to', () => {
  const { session, say } = held()
  say(hello({ instance: 'ffffffff-ffff-4fff-8fff-ffffffffffff' }))
  say(beat(1))
  assert.equal([session.belief().hello, session.counters().foreign, session.counters().stale], [null, 1, 1])
})

test('silence is seen, and so is its end', () => {
  const { env, session, say, changes } = held()
  say(hello())
  say(beat(1))
  env.elapse(SETTINGS.silentMs - 1)
  assert.is(session.belief().heard, true)
  env.elapse(1)
  assert.equal([session.belief().heard, changes()], [false, 3])
  say(beat(2))
  assert.is(session.belief().heard, true)
})

test('a flood is counted and not read for a while; an answer that is waited for still comes through', async () => {
  const { env, session, say, paused } = held()
  say(hello())
  for (let i = 1; i <= RATE.burst * 3; i++) say(beat(i, i % 2 ? 'ACTIVE' : 'FAILED'))
  assert.ok(session.counters().flooded >= RATE.burst * 2 - 1)
  assert.equal(paused, [true], 'told to wait once')
  const answer = session.command('freeze', {}, 1000)
  say({ type: 'result', id: 1, value: { ok: 1 } })
  assert.equal(await answer, { ok: 1 })
  env.elapse(RATE.pauseMs)
  assert.equal(paused, [true, false])
})

test('garbage is counted: no JSON, wrong shapes, lines without an end, and nesting without a bottom', () => {
  const { session, raw, say } = held()
  say(hello())
  raw('nonsense\n')
  raw('[]\n')
  raw('{"type":"who"}\n')
  raw('{"type":"heartbeat","seq":-1,"status":"ACTIVE"}\n')
  raw('{"type":"heartbeat","seq":1,"status":"GREAT"}\n')
  raw(`{"type":"heartbeat","seq":1,"status":"ACTIVE","message":"\\u001b[2J"}\n`)
  raw(`{"type":"result","id":1,"value":${'['.repeat(5000)}${']'.repeat(5000)}}\n`)
  assert.is(session.counters().malformed, 7)
  raw('x'.repeat(MAX_LINE_BYTES + 1))
  assert.is(session.counters().malformed, 8)
  raw('the rest of it\n')
  say(beat(1))
  assert.is(session.belief().status, 'ACTIVE', 'the next whole line is believed again')
})

test('commands: declared ones only, with an answer, a fault, a time-out, or the end of the channel', async () => {
  const { env, session, say, written } = held()
  await rejectsWith('Conflict', session.command('freeze', {}, 1000))
  say(hello())
  await rejectsWith('BadRequest', session.command('rm_rf', {}, 1000))
  const failing = session.command('freeze', { a: 1 }, 1000)
  assert.equal(written.at(-1), { type: 'command', id: 1, method: 'freeze', args: { a: 1 } })
  say({ type: 'result', id: 1, error: 'no file systems' })
  assert.match((await rejectsWith('GuestFailed', failing)).message, /could not freeze: no file systems/)
  say({ type: 'result', id: 1, value: 1 })
  assert.is(session.counters().unasked, 1)
  const late = session.command('freeze', {}, 1000)
  env.elapse(1000)
  await rejectsWith('GuestFailed', late)
  const cut = session.command('freeze', {}, 1000)
  session.attach(null)
  await rejectsWith('Unavailable', cut)
  await rejectsWith('Conflict', session.command('freeze', {}, 1000))
})

test('so many commands wait for one guest and no more, and one that is too long is not sent', async () => {
  const { env, session, say } = held()
  say(hello())
  const waiting = Array.from({ length: 16 }, () => session.command('freeze', {}, 1000))
  await rejectsWith('Overloaded', session.command('freeze', {}, 1000))
  env.elapse(1000)
  for (const each of waiting) await rejectsWith('GuestFailed', each)
  await rejectsWith('TooLarge', session.command('freeze', { text: 'x'.repeat(MAX_LINE_BYTES) }, 1000))
  assert.is(env.waiting(), 0, 'no timer is left')
})

test('of a message only what the contract names is kept', () => {
  const said = parseFromGuest('{"type":"heartbeat","seq":1,"status":"ACTIVE","host":"h2","__proto__":{"x":1}}')
  assert.equal(said, { type: 'heartbeat', seq: 1, status: 'ACTIVE', message: null })
})

test('reports of backups are kept by id, the newest few', () => {
  const { session, say } = held()
  say(hello())
  const report = { type: 'update_backup', state: 'COMPLETED', kind: 'full', sizeBytes: 3, location: '/b', checksum: 'a'.repeat(128) }
  for (let i = 1; i <= 6; i++) say({ ...report, seq: i, backup: `b${i}` })
  assert.equal([session.backup('b1'), session.backup('b6')?.state, session.belief().backup?.backup], [null, 'COMPLETED', 'b6'])
  say({ ...report, seq: 7, backup: '../etc' })
  assert.is(session.counters().malformed, 1)
})

test.run()
