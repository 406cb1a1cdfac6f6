/** /baton/v1/guests and /baton/v1/backups, and the commands that ask for them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runHere } from '../support/command.ts'
import { createFace } from '../support/http.ts'

const GUESTS = '/baton/v1/guests'
const BACKUPS = '/baton/v1/backups'

async function activeGuest() {
  const face = createFace()
  const id = await face.newServer()
  face.fake.finish(id)
  return { ...face, id, at: (path = ''): string => `${GUESTS}/${id}${path}` }
}

test('guests are listed and shown, with what may be asked of them', async () => {
  const { ask, id, at } = await activeGuest()
  const { guests } = (await ask('GET', GUESTS)).body
  assert.equal([guests.length, guests[0].id, guests[0].agent, guests[0].status], [1, id, 'up', 'ACTIVE'])
  assert.is((await ask('GET', `${GUESTS}?agent=unknown`)).body.guests.length, 0)
  assert.is((await ask('GET', `${GUESTS}?agent=deaf`)).status, 400)
  assert.equal((await ask('GET', at())).body.guest.about.methods, [{ name: 'freeze', about: 'holds writes' }])
  assert.is((await ask('GET', `${GUESTS}/nobody`)).status, 404)
})

test('exec: what an agent declares, and nothing else', async () => {
  const { ask, at } = await activeGuest()
  assert.equal((await ask('POST', at('/exec'), { method: 'freeze', args: { a: [1] } })).body, { value: { a: [1] } })
  for (const body of [{}, { method: 'backup.read' }, { method: 'Freeze' }, { method: 'freeze', args: [] }, { method: 'freeze', timeoutMs: 0 }]) {
    assert.is((await ask('POST', at('/exec'), body)).status, 400, JSON.stringify(body))
  }
  const refused = await ask('POST', at('/exec'), { method: 'rm' })
  assert.equal([refused.status, /it has freeze/.test(refused.text)], [400, true])
})

test('backups: made, listed, restored, deleted', async () => {
  const { ask, fake, id, at } = await activeGuest()
  const made = await ask('POST', at('/backups'), { backup: { name: 'monday' } })
  assert.equal([made.status, made.body.backup.name, made.body.backup.kind], [202, 'monday', 'full'])
  assert.match(made.body.operation.id, /\.\d+$/)
  assert.is((await ask('POST', at('/backups'), { backup: {} })).status, 409, 'one thing at a time')
  fake.finish(id)
  const { backups } = (await ask('GET', `${BACKUPS}?instance=${id}`)).body
  assert.equal([backups.length, backups[0].id, backups[0].state], [1, made.body.backup.id, 'COMPLETED'])
  assert.is((await ask('GET', `${BACKUPS}/${backups[0].id}`)).body.backup.series, 'by-hand')
  assert.is((await ask('POST', at('/restore'), { backup: backups[0].id })).status, 202)
  fake.finish(id)
  assert.is((await ask('DELETE', `${BACKUPS}/${backups[0].id}`)).status, 204)
  assert.is((await ask('GET', `${BACKUPS}/${backups[0].id}`)).status, 404)
  for (const backup of [{ kind: 'weekly' }, { keep: 0 }, { name: '' }, { more: 1 }]) {
    assert.is((await ask('POST', at('/backups'), { backup })).status, 400, JSON.stringify(backup))
  }
})

test('a schedule is set and taken away', async () => {
  const { ask, at } = await activeGuest()
  const set = await ask('PUT', at('/schedule'), { schedule: { everyMs: 60_000, keep: 2 } })
  assert.equal(set.body.guest.schedule, { fullEvery: 1, everyMs: 60_000, keep: 2 })
  assert.is((await ask('PUT', at('/schedule'), { schedule: null })).body.guest.schedule, null)
  assert.is((await ask('PUT', at('/schedule'), { schedule: { everyMs: 1, keep: 2 } })).status, 400)
})

test('the commands print tables, and JSON for programs', async () => {
  const { app, fake, id, ask } = await activeGuest()
  await app.listen({ host: '127.0.0.1', port: 0 })
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const baton = (args: string) => runHere(args, { BATON_DATA: undefined, BATON_ENDPOINT: `http://127.0.0.1:${port}` })
  try {
    assert.match((await baton('guest list')).out, /INSTANCE +AGENT +STATUS +SERVICE[^\n]*\n[0-9a-f-]{36} +up +ACTIVE +fake/)
    assert.match((await baton(`guest show ${id}`)).out, /METHODS +freeze/)
    assert.equal(JSON.parse((await baton(`guest exec ${id} freeze --args {"a":1} --json`)).out), { a: 1 })
    const bad = await baton(`guest exec ${id} freeze --args nonsense`)
    assert.equal([bad.code, /must be a JSON object/.test(bad.err)], [2, true], bad.err)
    assert.match((await baton(`guest schedule ${id} --every 60 --keep 3`)).out, /a backup every 1h 0m/)
    assert.match((await baton(`guest schedule ${id}`)).err, /--every <minutes> or --off/)
    assert.match((await baton(`guest schedule ${id} --off`)).out, /no backups by themselves/)
    assert.match((await baton(`backup create ${id} --name monday`)).out, /full backup monday \([0-9a-f-]{36}\): running/)
    fake.finish(id)
    assert.match((await baton('backup list')).out, /monday +full +COMPLETED/)
    assert.match((await baton('backup show monday')).out, /SERVICE +fake/)
    assert.match((await baton(`backup restore monday ${id}`)).out, /restore of backup monday/)
    fake.finish(id)
    assert.match((await baton('backup delete monday')).out, /is deleted/)
    assert.equal((await ask('GET', BACKUPS)).body.backups, [])
    assert.match((await baton('backup show monday')).err, /no backup is called "monday"/)
  } finally {
    await app.close()
  }
})

test.run()
