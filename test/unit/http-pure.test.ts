/** The parts of the HTTP face that are plain functions. */
import { Type } from 'typebox'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { TaskState, VmState } from '../../actors/api.ts'
import { lastLines } from '../../transport/http/compute/server-actions.ts'
import { withDeadline } from '../../transport/http/requests/deadline.ts'
import { matches } from '../../transport/http/requests/not-found.ts'
import { nextQuery } from '../../transport/http/requests/paging.ts'
import { nameUuid, newIds } from '../../transport/http/requests/tokens.ts'
import { validatorOf } from '../../transport/http/requests/validators.ts'
import { serverStatus, statusFilter } from '../../transport/http/views/server-status.ts'
import { isoMicros, isoSeconds } from '../../transport/http/views/time.ts'

test('ids of a token follow from project, token and index, and are UUIDs of version 5', () => {
  const { ids } = newIds('p', 't', 3, 'x')
  assert.equal(newIds('p', 't', 3, 'x').ids, ids)
  assert.equal(newIds('p', 't', 2, 'y').ids, ids.slice(0, 2))
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  const others = [newIds('q', 't', 3, 'x'), newIds('p', 'u', 3, 'x'), newIds('pt', '', 3, 'x'), newIds('p', undefined, 3, 'x')].flatMap(
    made => made.ids,
  )
  assert.is(new Set([...ids, ...others]).size, 15)
  // A pinned value: ids that change with a release would make a retry across an upgrade create twice.
  assert.is(nameUuid('example'), '837fabee-26d5-561b-bb0f-848a5ecaac09')
})

test('reservations follow from the content too', () => {
  const of = (token: string | undefined, content: string) => newIds('p', token, 1, content).reservation
  assert.is(of('t', 'a'), of('t', 'a'))
  assert.is.not(of('t', 'a'), of('t', 'b'))
  assert.is.not(of(undefined, 'a'), of(undefined, 'a'))
  for (let i = 0; i < 200; i++) assert.match(of(undefined, ''), /^r-[0-9a-z]{8}$/)
})

test('status by state and task, as in Nova', () => {
  const rows: [VmState, TaskState, string][] = [
    ['building', 'scheduling', 'BUILD'],
    ['building', 'spawning', 'BUILD'],
    ['active', null, 'ACTIVE'],
    ['active', 'powering-off', 'ACTIVE'],
    ['active', 'rebooting', 'REBOOT'],
    ['active', 'rebooting_hard', 'HARD_REBOOT'],
    ['active', 'deleting', 'ACTIVE'],
    ['stopped', null, 'SHUTOFF'],
    ['stopped', 'rebooting_hard', 'SHUTOFF'],
    ['paused', 'unpausing', 'PAUSED'],
    ['error', 'deleting', 'ERROR'],
    ['deleted', null, 'DELETED'],
    ['active', 'resize_prep', 'RESIZE'],
    ['stopped', 'rebuilding', 'REBUILD'],
    ['resized', null, 'VERIFY_RESIZE'],
    ['resized', 'resize_reverting', 'REVERT_RESIZE'],
    ['paused', 'migrating', 'MIGRATING'],
    ['rescued', null, 'RESCUE'],
    ['suspended', null, 'SUSPENDED'],
    ['shelved', null, 'SHELVED'],
    ['shelved_offloaded', 'unshelving', 'SHELVED_OFFLOADED'],
    ['soft-delete', 'restoring', 'SOFT_DELETED'],
  ]
  for (const [vmState, taskState, status] of rows) assert.is(serverStatus({ vmState, taskState }), status)
  assert.equal(statusFilter('shutoff'), { where: { vmState: 'stopped' }, task: null })
  assert.equal(statusFilter('REBOOT'), { where: { vmState: 'active' }, task: 'rebooting' })
  assert.equal(statusFilter('DELETED'), { where: { deleted: true }, task: null })
  assert.equal(statusFilter('VERIFY_RESIZE'), { where: { vmState: 'resized' }, task: null })
  assert.equal(statusFilter('RESIZE'), { where: {}, task: 'resize_prep' })
  assert.is(statusFilter('PASSWORD'), null)
  assert.throws(() => statusFilter('constructor'), /Invalid status/)
})

test('the last lines of a text', () => {
  const cases: [string, number | null, string][] = [
    ['a\nb\nc', 1, 'c'],
    ['a\nb\nc\n', 1, ''],
    ['a\nb\nc\n', 3, 'b\nc\n'],
    ['a\nb\nc\n', 4, 'a\nb\nc\n'],
    ['a\nb\nc', 9, 'a\nb\nc'],
    ['', 3, ''],
    ['\n', 1, ''],
    ['\n', 2, '\n'],
    ['\n\n\n', 2, '\n'],
    ['a\n\nb', 2, '\nb'],
    ['a', 0, ''],
    ['a\nb', -1, 'a\nb'],
    ['a\nb', null, 'a\nb'],
  ]
  for (const [text, count, expected] of cases) assert.is(lastLines(text, count), expected, JSON.stringify([text, count]))
})

test('times as OpenStack writes them', () => {
  assert.is(isoSeconds(Date.UTC(2026, 1, 3, 4, 5, 6, 789)), '2026-02-03T04:05:06Z')
  assert.is(isoMicros(Date.UTC(2026, 1, 3, 4, 5, 6, 789)), '2026-02-03T04:05:06.789000')
})

test('patterns of routes', () => {
  assert.ok(matches('/a/:id', '/a/b'))
  assert.ok(matches('/a/:id/c', '/a/b/c/'))
  assert.not.ok(matches('/a/:id', '/a/'))
  assert.not.ok(matches('/a/:id', '/a/b/c'))
  assert.ok(matches('/', '/'))
})

test('the next query keeps the others and replaces the marker', () => {
  assert.is(nextQuery('/x?limit=2&marker=a&name=b%26c', 'd e'), 'limit=2&marker=d+e&name=b%26c')
  assert.is(nextQuery('/x', 'a'), 'marker=a')
})

test('a deadline passes on what comes in time, and drops what comes later', async () => {
  assert.is(await withDeadline(1_000, async () => 7), 7)
  const late = Promise.withResolvers<never>()
  const caught = await withDeadline(5, () => late.promise).catch((error: unknown) => error)
  assert.match(String(caught), 'did not answer within 5 ms')
  const unhandled: unknown[] = []
  const listener = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', listener)
  late.reject(new Error('late'))
  await new Promise(setImmediate)
  process.off('unhandledRejection', listener)
  assert.equal(unhandled, [])
})

test('a validator is compiled when it is asked, says what is wrong with which schema, and forgets it at the next call', () => {
  const schema = Type.Object({ ramMb: Type.Integer({ description: 'whole MB', 'x-since': 3 }) }, { additionalProperties: false })
  const [validate, another] = [validatorOf({ schema }), validatorOf({ schema })]
  assert.not(validate({ ramMb: '64', diskGb: 1 }))
  const errors = validate.errors ?? []
  assert.equal([errors.length, another.errors], [1, undefined], 'the first of two, and nobody else hears of it')
  assert.not(validate({ ramMb: '64' }))
  assert.equal([validate.errors?.[0]?.instancePath, validate.errors?.[0]?.parentSchema], ['/ramMb', schema.properties.ramMb])
  assert.ok(validate({ ramMb: 64 }))
  assert.is(validate.errors, null)
  const broken = validatorOf({ schema: { type: 'no such type' } })
  assert.throws(() => broken({}), /type/)
})

test.run()
