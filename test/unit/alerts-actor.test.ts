/** The actor of alerts: fires once, is over once, writes nothing while nothing changes, and tells its webhook in order until it has heard. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ALERT_LIMITS, ATTEMPTS, alertsActor, pauseMs } from '../../actors/alerts/alerts.ts'
import type { AlertsBody, Notification } from '../../actors/alerts/body.ts'
import { applyCommand, type CallWork } from '../../actors/kernel/define.ts'
import { alertsText } from '../../bin/commands/alerts.ts'

const test = suite('alerts actor')
const FROM = { role: 'conductor', node: 'c1' } as const
const alert = (subject: string) =>
  ({ code: 'host-silent', severity: 'critical', subject, message: `no heartbeat of ${subject}`, remedy: 'look' }) as const

function alerts({ notifies = true } = {}) {
  const actor = alertsActor({ notifies })
  let state = actor.initial('cluster')
  let now = 1000
  const send = (method: 'change' | 'list' | '@result', args: object) => {
    const applied = applyCommand(actor, state, { method, args } as Parameters<typeof actor.decide>[1], { id: 'cluster', now, from: FROM })
    // As it comes back from the journal.
    state = JSON.parse(JSON.stringify(applied.state))
    return { events: applied.events.length, body: applied.reply as AlertsBody }
  }
  const head = () => actor.work(state, 'cluster')[0] as CallWork & { readonly args: Notification }
  return {
    actor,
    head,
    pass: (ms: number) => {
      now += ms
    },
    change: (fire: readonly string[], clear: readonly string[] = []) =>
      send('change', { fire: fire.map(alert), clear: clear.map(s => `host-silent ${s}`) }),
    list: () => send('list', {}).body,
    answer: (ok: boolean, key = head().key) =>
      send('@result', ok ? { key, ok } : { key, ok, fault: { code: 'WebhookFailed', message: 'answered with 500' } }),
  }
}

test('an alert fires once and is over once, however often that is said', () => {
  const a = alerts()
  assert.is(a.change(['h1', 'h2']).events, 2)
  assert.is(a.change(['h1', 'h2']).events, 0, 'a second judge, or the same after a take-over')
  a.pass(5000)
  assert.is(a.change([], ['h1', 'h3']).events, 1)
  assert.is(a.change([], ['h1']).events, 0)
  const { firing, ended } = a.list()
  assert.equal(
    [firing.map(f => [f.id, f.subject, f.firedAt, f.clearedAt]), ended.map(e => [e.id, e.firedAt, e.clearedAt])],
    [[[2, 'h2', 1000, null]], [[1, 1000, 6000]]],
  )
  a.change(['h1'])
  assert.equal(
    a.list().firing.map(f => f.id),
    [3, 2],
    'what comes back is another alert; the newest first',
  )
})

test('the webhook is told one thing after the other, each until it has heard', () => {
  const a = alerts()
  a.change(['h1'])
  a.change([], ['h1'])
  const first = a.head()
  assert.equal([first.to, first.args.id, first.args.kind, first.args.attempt], [{ kind: 'webhook', id: 'local' }, '1.fired', 'fired', 0])
  a.answer(false)
  const again = a.head()
  assert.equal([again.args.id, again.args.attempt, again.notBefore], ['1.fired', 1, 1000 + pauseMs(1)])
  assert.not.equal(again.key, first.key, 'another attempt is another call')
  assert.is(a.answer(true, first.key).events, 0, 'an answer that comes late counts for nothing')
  assert.equal(a.list().webhook, { waiting: 2, delivered: 0, givenUp: 0, failure: { at: 1000, attempts: 1, message: 'answered with 500' } })
  a.answer(true)
  assert.equal([a.head().args.id, a.head().args.alert.clearedAt], ['1.cleared', 1000])
  a.answer(true)
  assert.equal([a.head(), a.list().webhook], [undefined, { waiting: 0, delivered: 2, givenUp: 0, failure: null }])
})

test('a receiver that is never there is given up after about an hour, and the next is tried', () => {
  const a = alerts()
  a.change(['h1', 'h2'])
  let waitedMs = 0
  for (let i = 0; i < ATTEMPTS; i++) {
    a.answer(false)
    waitedMs += i + 1 < ATTEMPTS ? pauseMs(i + 1) : 0
  }
  assert.ok(waitedMs > 1_200_000 && waitedMs < 4_000_000, `${waitedMs} ms`)
  assert.equal([a.head().args.id, a.list().webhook.givenUp, a.list().webhook.waiting], ['2.fired', 1, 1])
})

test('everything is bounded: what fires, what is kept, what waits to be told', () => {
  const a = alerts()
  a.change(Array.from({ length: 900 }, (_, i) => `h${i}`))
  assert.is(a.list().firing.length, ALERT_LIMITS.firing)
  assert.is(a.list().webhook.waiting, ALERT_LIMITS.outbox)
  assert.is(a.head().args.id, '1.fired', 'what is under way stays; the oldest behind it goes')
  assert.is(a.list().webhook.givenUp, ALERT_LIMITS.firing - ALERT_LIMITS.outbox)
  a.change(
    [],
    Array.from({ length: 900 }, (_, i) => `h${i}`),
  )
  assert.equal([a.list().firing.length, a.list().ended.length], [0, ALERT_LIMITS.ended])
  assert.match(a.actor.methods.change?.check?.({ fire: [{ ...alert('x'), severity: 'loud' }], clear: [] }) ?? '', /severity must be one of/)
})

test('without a webhook nothing waits, and what waited when it was taken away stays until there is one again', () => {
  const a = alerts({ notifies: false })
  a.change(['h1'])
  assert.equal([a.head(), a.list().webhook.waiting], [undefined, 0])
})

test('as a person reads it: what fires, what to do, what is over, and that the webhook fails', () => {
  const a = alerts()
  assert.is(alertsText(a.list(), false), 'No alert fires.')
  assert.match(alertsText(a.list(), true), /None was there before/)
  a.change(['h1', 'h2'])
  a.pass(61_000)
  a.change([], ['h2'])
  a.answer(false)
  const text = alertsText(a.list(), true)
  assert.match(text, /1 +critical +host-silent +h1 +1970-01-01 00:00:01 +no heartbeat of h1/)
  assert.match(text, /Next:\n {2}host-silent: look/)
  assert.match(text, /Over:\n.*LASTED.*\n2 .* h2 .* 1m 1s .*no heartbeat of h2/)
  assert.match(text, /WEBHOOK: answered with 500, attempt 1 at .*; 3 wait$/)
})

test.run()
