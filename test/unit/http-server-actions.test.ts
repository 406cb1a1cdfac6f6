import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BatonError } from '../../actors/kernel/errors.ts'
import { createFace, SERVERS } from '../support/http.ts'

const UNKNOWN = '00000000-0000-4000-8000-000000000000'

test('delete: 204, then gone; a second one at once is the same one; unknown ones are 404', async () => {
  const { ask, fake, newServer } = createFace()
  const id = await newServer()
  fake.finish(id)
  const json = { 'content-type': 'application/json' }
  const both = await Promise.all([ask('DELETE', `${SERVERS}/${id}`, undefined, json), ask('DELETE', `${SERVERS}/${id}`)])
  assert.equal(both.map(({ status }) => status).sort(), [204, 204])
  assert.is(both.find(({ status }) => status === 204)?.text, '')
  fake.finish(id)
  assert.is((await ask('GET', `${SERVERS}/${id}`)).status, 404)
  assert.is((await ask('DELETE', `${SERVERS}/${id}`)).status, 404)
  assert.equal((await ask('GET', SERVERS)).body.servers, [])
  const deleted = await ask('GET', `${SERVERS}/detail?deleted=true`)
  assert.is(deleted.body.servers[0].status, 'DELETED')
  assert.is(deleted.body.servers[0]['OS-SRV-USG:terminated_at'], '2026-01-31T12:00:05.123000')
  for (const unknown of [UNKNOWN, 'nope', '..%2F..%2Fetc', '%00']) {
    const answer = await ask('GET', `${SERVERS}/${unknown}`)
    assert.is(answer.status, 404, unknown)
    assert.match(answer.body.itemNotFound.message, 'could not be found')
  }
})

test('actions: each is passed on, and a state that does not allow it is a conflict', async () => {
  const { ask, fake, newServer } = createFace()
  const id = await newServer()
  fake.finish(id)
  const act = (body: unknown) => ask('POST', `${SERVERS}/${id}/action`, body)
  const done: [object, string][] = [
    [{ 'os-stop': null }, 'SHUTOFF'],
    [{ 'os-start': null }, 'ACTIVE'],
    [{ pause: null }, 'PAUSED'],
    [{ unpause: {} }, 'ACTIVE'],
    [{ reboot: { type: 'SOFT' } }, 'ACTIVE'],
    [{ reboot: { type: 'hard' } }, 'ACTIVE'],
  ]
  for (const [body, status] of done) {
    const answer = await act(body)
    assert.is(answer.status, 202, JSON.stringify(body))
    assert.is(answer.text, '')
    assert.is((await act(body)).status, 409)
    fake.finish(id)
    assert.is((await ask('GET', `${SERVERS}/${id}`)).body.server.status, status)
  }
  const modes = fake.calls.filter(({ method }) => method === 'actOnInstance').map(({ args }) => args)
  assert.match(JSON.stringify(modes.at(-4)), '"mode":"soft"')
  assert.match(JSON.stringify(modes.at(-2)), '"mode":"hard"')
  const conflict = await act({ unpause: null })
  assert.is(conflict.status, 409)
  assert.match(conflict.body.conflictingRequest.message, 'it must be paused')
})

test('bad actions are 400; an action on a deleted server is 404', async () => {
  const { ask, fake, newServer } = createFace()
  const id = await newServer()
  fake.finish(id)
  const bad: unknown[] = [
    {},
    [],
    'x',
    { 'os-start': null, 'os-stop': null },
    { reboot: null },
    { reboot: {} },
    { reboot: { type: 'WARM' } },
    { constructor: null },
  ]
  for (const body of bad)
    assert.is((await ask('POST', `${SERVERS}/${id}/action`, body, { 'content-type': 'application/json' })).status, 400, JSON.stringify(body))
  const unknown = await ask('POST', `${SERVERS}/${id}/action`, { explode: null })
  assert.is(unknown.status, 400)
  assert.is(unknown.body.badRequest.message, 'There is no such action: explode')
  await ask('DELETE', `${SERVERS}/${id}`)
  fake.finish(id)
  assert.is((await ask('POST', `${SERVERS}/${id}/action`, { 'os-start': null })).status, 404)
})

test('console output gives the last lines', async () => {
  const { ask, newServer } = createFace()
  const id = await newServer()
  const output = async (length: unknown) => (await ask('POST', `${SERVERS}/${id}/action`, { 'os-getConsoleOutput': { length } })).body.output
  assert.is(await output(2), 'two\nthree\n')
  assert.is(await output('1'), 'three\n')
  assert.is(await output(0), '')
  for (const all of [null, undefined, -1, 99]) assert.is(await output(all), 'one\ntwo\nthree\n')
  for (const bad of [-2, 1.5, 'x', {}]) {
    assert.is((await ask('POST', `${SERVERS}/${id}/action`, { 'os-getConsoleOutput': { length: bad } })).status, 400)
  }
})

test('instance actions tell the operations, with their steps as events, even of deleted servers', async () => {
  const { ask, fake, newServer } = createFace()
  const id = await newServer()
  fake.finish(id)
  const deletion = await ask('DELETE', `${SERVERS}/${id}`)
  const requestId = deletion.headers['x-openstack-request-id'] ?? ''
  fake.finish(id, new BatonError('DriverFault', 'no'))
  const list = (await ask('GET', `${SERVERS}/${id}/os-instance-actions`)).body.instanceActions
  assert.equal(
    list.map((a: { action: string; message: string | null }) => [a.action, a.message]),
    [
      ['delete', 'Error'],
      ['create', null],
    ],
  )
  const shown = (await ask('GET', `${SERVERS}/${id}/os-instance-actions/${requestId}`)).body.instanceAction
  assert.equal(shown, {
    action: 'delete',
    instance_uuid: id,
    request_id: requestId,
    user_id: 'default',
    project_id: 'default',
    start_time: '2026-01-31T12:00:04.123000',
    message: 'Error',
    events: [
      {
        event: 'delete_do-it',
        start_time: '2026-01-31T12:00:04.123000',
        finish_time: '2026-01-31T12:00:04.123000',
        result: 'Error',
        traceback: null,
      },
    ],
  })
  assert.is((await ask('GET', `${SERVERS}/${id}/os-instance-actions/req-none`)).status, 404)
  assert.is((await ask('GET', `${SERVERS}/${UNKNOWN}/os-instance-actions`)).status, 404)
  // Pages came with 2.58 (the test of migrations walks them); before, a limit said nothing.
  const { body } = await ask('GET', `${SERVERS}/${id}/os-instance-actions?limit=1`)
  assert.is(body.instanceActions.length, 2)
  assert.equal(Object.keys(body), ['instanceActions'])
})

test.run()
