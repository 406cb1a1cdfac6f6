/** What is wrong with operations, actors, views and nodes, and how a finding reads: plain values. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { HostBody, InstanceBody, NodeBody, OperationBody } from '../../actors/api.ts'
import { FINDINGS } from '../../actors/doctor/codes.ts'
import { lostTask, noSuchHost, otherVersion, overdue, poisoned, silentHost, staleView, unownedShards } from '../../actors/doctor/diagnose.ts'
import { bySeverity, type Difference, findingOf, isWithin, keyOf } from '../../actors/doctor/difference.ts'
import { doctorText } from '../../bin/commands/doctor.ts'
import { instanceIn } from '../support/instance.ts'

const NOW = 10_000_000
const MINUTE_MS = 60_000

const OPERATION: OperationBody = {
  id: 'i1.2',
  kind: 'stop',
  subject: 'i1',
  requestId: 'req-1',
  status: 'running',
  steps: [],
  plan: ['stop'],
  startedAt: NOW - 2 * MINUTE_MS,
  endedAt: null,
  deadlineAt: NOW - MINUTE_MS,
  cancelRequested: false,
  fault: null,
}

function row(more: Partial<InstanceBody> = {}): InstanceBody {
  const body = instanceIn('active').body()
  if (!body) throw new Error('an active instance has a body')
  return { ...body, updatedAt: NOW - MINUTE_MS, ...more }
}

test('an operation past its deadline, with time for its end to be written', () => {
  assert.is(overdue(OPERATION, NOW)?.code, 'OverdueOperation')
  assert.is(overdue({ ...OPERATION, deadlineAt: NOW - 1000 }, NOW), null)
  const { subject, instance, host } = overdue({ ...OPERATION, id: 'h1.3', kind: 'drain', subject: 'h1' }, NOW) ?? {}
  assert.equal([subject, instance, host], ['host-operation/h1.3', undefined, 'h1'], 'a drain is of its host, and has an actor of its own kind')
})

test('a task whose operation has ended or is not there, unless it may still be told', () => {
  const waiting = row({ operation: 'i1.2', taskState: 'powering-off' })
  const ended = { body: { ...OPERATION, endedAt: NOW - MINUTE_MS, status: 'done' as const }, open: false }
  assert.is(lostTask(waiting, ended, NOW)?.seen, 'the operation has ended: done')
  assert.is(lostTask(waiting, null, NOW)?.seen, 'there is no such operation')
  assert.is(lostTask(waiting, { ...ended, open: true }, NOW), null, 'it still reports')
  assert.is(lostTask({ ...waiting, updatedAt: NOW }, null, NOW), null, 'it is about to begin')
  assert.is(lostTask(waiting, { body: { ...ended.body, endedAt: NOW - 1 }, open: false }, NOW), null, 'it has just ended')
  assert.is(lostTask(row(), null, NOW), null)
})

test('hosts and nodes', () => {
  const host = { id: 'h1', state: 'up', stateSince: 5 } as HostBody
  assert.is(silentHost(host), null)
  assert.equal([silentHost({ ...host, state: 'down' })?.seen, silentHost({ ...host, state: 'down' })?.since], ['it is down', 5])
  assert.is(noSuchHost(row(), new Set(['h1'])), null)
  assert.is(noSuchHost(row(), new Set(['h2']))?.host, 'h1')
  assert.is(noSuchHost(row({ host: null }), new Set()), null)
  const node = { id: 'n1', version: '1.0.0' } as NodeBody
  assert.is(otherVersion(node, '1.0.0'), null)
  assert.is(otherVersion(node, '1.1.0')?.subject, 'node/n1')
})

test('shards without a living owner', () => {
  assert.is(unownedShards([1, 1, 2], new Set([1, 2])), null)
  assert.is(unownedShards([0, 1, 2, 2], new Set([1]))?.seen, '3 without an owner: 0, 2, 3')
})

test('a row that is not what its actor says: the first field that differs is named; order and nothing do not count', () => {
  assert.is(staleView('host/h1', { a: 1, b: { c: [1, 2] } }, { b: { c: [1, 2] }, a: 1, d: undefined }), null)
  assert.is(staleView('host/h1', { a: null }, {}), null)
  const stale = staleView('instance/i1', { a: 1, b: { c: [1, 2] } }, { a: 1, b: { c: [1, 3] } })
  assert.equal([stale?.believed, stale?.seen, stale?.instance], ['lists show b.c.1: 2', 'the actor says 3', 'i1'])
})

test('a finding says what to do, with the names filled in', () => {
  const { command, repair, severity } = findingOf(poisoned('operation/i1.2', 'c1'))
  assert.equal([command, repair, severity], ['look for operation/i1.2 in the log of its conductor', FINDINGS.PoisonedActor.repair, 'critical'])
  const claim: Difference = { code: 'SecondClaim', subject: 'instance/i1', instance: 'i1', host: 'h1', claim: 'c9', believed: 'b', seen: 's' }
  assert.is(findingOf(claim).command, 'baton instance show i1')
  assert.is.not(keyOf(claim), keyOf({ ...claim, claim: 'c8' }))
  assert.equal(
    [{}, { host: 'h1' }, { instance: 'i2' }, { instance: 'i1', host: 'h2' }].map(scope => isWithin(scope, claim)),
    [true, true, false, false],
  )
  const order = [findingOf(claim), findingOf(poisoned('host/h1', 'c1'))].sort(bySeverity).map(f => f.code)
  assert.equal(order, ['PoisonedActor', 'SecondClaim'])
})

test('every kind that can be repaired says how, and the others say so', () => {
  for (const [code, { remedy, repair }] of Object.entries(FINDINGS)) assert.is(repair === null, remedy === null, code)
})

test('the report for people', () => {
  const looked = { hosts: 1, guests: 2, claims: 3, instances: 4, operations: 5, actors: 6 }
  const healthy = { at: NOW, tookMs: 12, findings: [], leftOff: 0, unseen: [], looked, repairs: [] }
  assert.match(doctorText(healthy), /4 instances, 1 hosts with 2 guests and 3 claims, 5 open operations and 6 actors, in 12 ms/)
  assert.match(doctorText(healthy), 'Nothing differs.')
  const finding = findingOf(poisoned('host/h1', 'c1'))
  const text = doctorText({ ...healthy, findings: [finding], unseen: ['host h2 is down: its guests were not seen'], leftOff: 3 })
  for (const part of ['critical  PoisonedActor  host/h1', 'by hand', '3 more findings', 'Not seen:\n  host h2 is down']) assert.match(text, part)
  const done = doctorText({ ...healthy, repairs: [{ finding, outcome: 'refused', detail: 'no room' }] })
  assert.match(done, /refused +PoisonedActor +host\/h1 +h1 +no room/)
})

test.run()
