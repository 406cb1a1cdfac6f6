import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { address } from '../../actors/kernel/address.ts'
import { createMemoryDatabase } from '../../persistence/memory.ts'
import { persistenceContract } from './persistence-contract.ts'
import { append, event, node, rejectsWith } from './persistence-fixtures.ts'

/** Time that only moves when told to; answers come in the next microtask, or when `held` statements are let go. */
function world() {
  let now = 1_000_000_000
  const held: (() => void)[] = []
  const control = { hold: false }
  const database = createMemoryDatabase({
    now: () => now,
    delay: fn => {
      if (control.hold) held.push(fn)
      else queueMicrotask(fn)
    },
  })
  const letGo = () => {
    control.hold = false
    for (const fn of held.splice(0)) fn()
  }
  const elapse = async (ms: number) => {
    now += ms
  }
  return { database, control, held, letGo, elapse, setClock: elapse }
}

persistenceContract('memory', async () => {
  const { database, elapse, setClock } = world()
  return { ...database, elapse, setClock, close: async () => {} }
})

const test = suite('memory database')

test('an append waits while the database is down, and goes on by itself', async () => {
  const { database } = world()
  const { incarnation } = await database.membership.join(node('a'))
  const journal = database.journal(incarnation)
  database.setDown(true)
  let done = false
  const appended = journal.append(append('x', [event(1)])).then(() => {
    done = true
  })
  await rejectsWith('Database', journal.load([]))
  await rejectsWith('Database', database.membership.renew(incarnation, 1000, {}))
  assert.is(done, false)
  assert.is(journal.waiting(), 1)
  database.setDown(false)
  await appended
  assert.is((await journal.load([address('instance', 'x')]))[0]?.events.length, 1)
})

test('an answer lost on the way back is found again: written once', async () => {
  const { database, control, held, letGo } = world()
  const { incarnation } = await database.membership.join(node('a'))
  const journal = database.journal(incarnation)
  control.hold = true
  const appended = journal.append(append('x', [event(1)]))
  await Promise.resolve()
  const arrives = held.shift()
  arrives?.()
  assert.is(database.tables.actors.get('instance/x')?.events.length, 1, 'applied, not yet answered')
  database.setDown(true)
  letGo()
  database.setDown(false)
  await appended
  assert.is(database.tables.actors.get('instance/x')?.events.length, 1)
})

test('a statement that was sent counts although its node died; one that waited does not', async () => {
  const { database, control, letGo } = world()
  const { incarnation } = await database.membership.join(node('a'))
  const journal = database.journal(incarnation)
  control.hold = true
  void journal.append(append('sent', [event(1)]))
  await Promise.resolve()
  journal.close()
  letGo()
  await database.membership.renew(incarnation, 1000, {})
  assert.ok(database.tables.actors.has('instance/sent'))
  const second = database.journal(incarnation)
  database.setDown(true)
  void second.append(append('waiting', [event(1)]))
  await rejectsWith('Database', second.load([]))
  second.close()
  database.setDown(false)
  await database.membership.renew(incarnation, 1000, {})
  assert.not.ok(database.tables.actors.has('instance/waiting'))
})

test('after an outage every lease gets a fresh term', async () => {
  const { database, elapse } = world()
  const { membership } = database
  const { incarnation: a } = await membership.join(node('a'))
  const { incarnation: b } = await membership.join(node('b'))
  for (let i = 0; i < 10; i++) {
    await membership.renew(a, 1000, {})
    await elapse(200)
  }
  database.setDown(true)
  database.setDown(false)
  await membership.renew(a, 1000, {})
  await elapse(12_000)
  for (let i = 0; i < 4; i++) {
    await membership.renew(a, 1000, {})
    assert.is(await membership.declareDead(a, b, true), false)
    await elapse(200)
  }
  for (let i = 0; i < 60; i++) {
    await membership.renew(a, 1000, {})
    await elapse(200)
  }
  await membership.renew(a, 1000, {})
  assert.is(await membership.declareDead(a, b, true), true)
})

test.run()
