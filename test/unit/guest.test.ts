/** The conductors' record of an agent: whose word counts, what silence means, and backups that begin by themselves. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { GuestBody } from '../../actors/api.ts'
import { backupBody, chainOf, expired } from '../../actors/guest/backups.ts'
import { driveOf, expectedAgent } from '../../actors/guest/expected.ts'
import { guestActor } from '../../actors/guest/guest.ts'
import { addressKey } from '../../actors/kernel/address.ts'
import { type Held, hold } from '../support/durable.ts'

const ID = '11111111-1111-4111-8111-111111111111'
const ABOUT = { agent: 'a/1', boot: 'b1', service: 'sqlite', methods: [], backups: ['full', 'incremental'] }

const body = (held: Held): GuestBody => held.row()?.body as GuestBody
const shown = (held: Held) => [body(held).agent, body(held).status]

function expected(host = 'h1'): Held {
  const held = hold(guestActor, ID)
  held.send('expect', { host, order: 1_000_003, project: 'p', bootMs: 60_000 })
  return held
}

let number = 0
function report(held: Held, more: object = {}, host = 'h1', order: object = {}): unknown {
  held.from = { role: 'compute', node: host }
  const said = { on: true, heard: true, status: 'ACTIVE', message: null, about: ABOUT, backup: null, ...more }
  const answer = held.send('report', { order: { rank: 1_000_003, life: 1, number: ++number, ...order }, ...said })
  held.from = { role: 'conductor', node: 'c1' }
  return answer
}

function active(): Held {
  const held = expected()
  report(held)
  return held
}

test('expected by its build, NEW until it is heard, ACTIVE when it says so', () => {
  const held = expected()
  assert.equal(shown(held), ['never', 'NEW'])
  assert.equal(report(held, { status: 'BUILDING' }), { taken: true })
  assert.equal(shown(held), ['up', 'BUILDING'])
  report(held)
  assert.equal(shown(held), ['up', 'ACTIVE'])
  assert.equal(held.work(), [], 'nothing is waited for any more')
})

test('never heard within its time is ERROR with the reason; heard after all it is what it says', () => {
  const held = expected()
  held.due()
  assert.equal(shown(held), ['never', 'ERROR'])
  assert.match(body(held).message ?? '', /no heartbeat of the agent within 60 s/)
  report(held)
  assert.equal([...shown(held), body(held).message], ['up', 'ACTIVE', null])
})

test('silence before it was ready is ERROR, silence after it is unknown', () => {
  const early = expected()
  report(early, { status: 'BUILDING' })
  report(early, { status: 'BUILDING', heard: false })
  assert.equal(shown(early), ['unknown', 'ERROR'])
  const late = active()
  report(late, { heard: false })
  assert.equal(shown(late), ['unknown', 'ACTIVE'])
  report(late, { on: false, heard: false })
  assert.is(body(late).agent, 'off')
})

test('a report counts by its order: rank, life, number; whatever the clock says', () => {
  const held = active()
  report(held, { status: 'FAILED' }, 'h1', { number: 0 })
  report(held, { status: 'FAILED' }, 'h1', { life: 0, number: 99 })
  report(held, { status: 'FAILED' }, 'h1', { rank: 1_000_002, life: 9, number: 99 })
  assert.equal(shown(held), ['up', 'ACTIVE'])
  report(held, { status: 'SHUTDOWN' }, 'h1', { rank: 2_000_000, life: 0, number: 0 })
  assert.equal(shown(held), ['up', 'SHUTDOWN'])
})

test('a host that is not known to have it is not believed: the instance is asked, and the next report counts', () => {
  const held = active()
  assert.equal((report(held, { status: 'FAILED' }, 'h2', { rank: 2_000_000 }) as { taken: boolean }).taken, false)
  assert.is(addressKey(held.call().to), `instance/${ID}`)
  held.answer({ vmState: 'active', host: 'h1' })
  assert.equal([body(held).host, shown(held)], ['h1', ['up', 'ACTIVE']])
  report(held, {}, 'h3', { rank: 2_000_000 })
  assert.equal(held.work(), [], 'nobody is asked again so soon')
  held.now += 10_000
  report(held, {}, 'h2', { rank: 2_000_000 })
  held.answer({ vmState: 'active', host: 'h2' })
  report(held, { status: 'SHUTDOWN' }, 'h2', { rank: 2_000_000 })
  assert.equal([body(held).host, body(held).status], ['h2', 'SHUTDOWN'])
})

test('dropped with its instance, and not brought back by what comes late', () => {
  const held = active()
  held.send('drop', { order: 2_000_001 })
  assert.is(held.finished(), true)
  held.send('expect', { host: 'h1', order: 1_000_003, project: 'p', bootMs: 1000 })
  held.from = { role: 'compute', node: 'h1' }
  assert.is(held.code('report', { order: { rank: 1, life: 1, number: 1 }, on: true, heard: true }), 'NotFound')
})

test('a schedule: full, incremental on the newest, full again; put off when the instance is busy', () => {
  const held = active()
  held.send('schedule', { schedule: { everyMs: 3_600_000, keep: 2, fullEvery: 2 } })
  const begun: unknown[] = []
  for (let i = 1; i <= 3; i++) {
    held.due()
    const { args, to } = held.call()
    const { change, requestId } = args as { change: { guest: object; snapshot: { image: string; rotation: number } }; requestId: string }
    assert.is(addressKey(to), `instance/${ID}`)
    begun.push([change.guest, change.snapshot.rotation, requestId])
    if (i === 2) {
      held.refuse('Conflict')
      assert.ok((held.call().notBefore ?? 0) > held.now, 'asked again later, by the same name')
      assert.is((held.call().args as { requestId: string }).requestId, requestId)
    }
    held.answer({ operation: `${ID}.${i}` })
    held.send('backedUp', { backup: change.snapshot.image, kind: i === 2 ? 'incremental' : 'full' })
  }
  assert.equal(begun, [
    [{ kind: 'full', parent: null }, 2, `req-backup-${ID}-1`],
    [{ kind: 'incremental', parent: `${ID}-s1` }, 2, `req-backup-${ID}-2`],
    [{ kind: 'full', parent: null }, 2, `req-backup-${ID}-3`],
  ])
  held.send('schedule', { schedule: null })
  assert.equal(held.work(), [])
})

const image = (id: string, parent: string | null, series = 's') =>
  backupBody({
    ...{ id, name: id, driver: 'guest-agent', sizeBytes: 1, status: 'active', project: 'p', hosts: null, instance: ID, backupType: series },
    ...{
      fault: null,
      createdAt: 1,
      updatedAt: 1,
      properties: { baton_backup: parent ? 'incremental' : 'full', ...(parent ? { baton_backup_parent: parent } : {}) },
    },
  })
const backups = (...list: [string, string | null][]) => list.flatMap(([id, parent]) => image(id, parent) ?? [])

function first<T>([found]: readonly T[]): T {
  if (found === undefined) throw new Error('there is none')
  return found
}

test('retention keeps the newest, and whatever they build on', () => {
  const series = backups(['i3', 'i2'], ['i2', 'f1'], ['f1', null], ['i0', 'f0'], ['f0', null])
  assert.equal(
    expired(series, 1).map(b => b.id),
    ['i0', 'f0'],
  )
  assert.equal(
    expired(series, 4).map(b => b.id),
    [],
    'the fourth needs the fifth',
  )
  const byHand = backups(['mine', 'f0'])
  assert.equal(
    expired(series, 1, byHand).map(b => b.id),
    ['i0'],
    'another series may build on this one',
  )
})

test('a restore needs the whole chain', () => {
  const all = backups(['i2', 'i1'], ['i1', 'f'], ['f', null])
  const known = new Map(all.map(each => [each.id, each]))
  const chain = chainOf(first(all), known)
  assert.equal(Array.isArray(chain) && chain.map(b => b.id), ['f', 'i1', 'i2'])
  known.delete('f')
  assert.equal(chainOf(first(all), known), { missing: 'f' })
  const round = backups(['a', 'b'], ['b', 'a'])
  assert.is(chainOf(first(round), new Map(round.map(each => [each.id, each]))), null)
})

test('what an image says of an agent', () => {
  const of = (properties: Record<string, string>) => expectedAgent({ id: 'm', properties }, 5000)
  assert.equal([of({}), of({ baton_agent: 'optional' })], [null, { required: false, bootMs: 5000 }])
  assert.equal(of({ baton_agent: 'required', baton_agent_timeout_s: '9' }), { required: true, bootMs: 9000 })
  assert.throws(() => of({ baton_agent: 'yes' }), /required, optional/)
  assert.throws(() => of({ baton_agent: 'required', baton_agent_timeout_s: '-1' }), /from 1 to 600/)
  const drive = (properties: Record<string, string>) => driveOf({ id: 'm', properties })
  assert.equal([drive({}), drive({ baton_config_drive: 'openstack' }), drive({ baton_config_drive: 'nocloud' })], [undefined, undefined, 'nocloud'])
  assert.throws(() => drive({ baton_config_drive: 'floppy' }), /openstack or nocloud/)
})

test.run()
