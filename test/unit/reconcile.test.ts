import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { InstanceBody } from '../../actors/api.ts'
import { compareGuests, SETTLE_MS } from '../../actors/host/reconcile.ts'
import type { GuestReport } from '../../actors/hypervisor/hypervisor.ts'
import { instanceIn } from '../support/instance.ts'

const NOW = 10_000_000
const guest = (more: Partial<GuestReport> = {}): GuestReport => ({ instance: 'i1', power: 'running', order: 5, ...more })

function row(more: Partial<InstanceBody> = {}): InstanceBody {
  const body = instanceIn('active').body()
  if (!body) throw new Error('an active instance has a body')
  return { ...body, updatedAt: NOW - SETTLE_MS, ...more }
}

const asked = (guests: readonly GuestReport[], rows: readonly InstanceBody[]): string[] =>
  compareGuests('h1', guests, rows, NOW).map(q => `${q.ask} ${q.instance}`)

test('what is as believed raises no question', () => {
  assert.equal(asked([guest()], [row()]), [])
  assert.equal(asked([], []), [])
})

test('a guest that is elsewhere by belief, deleted, unknown, or in another power state is asked about', () => {
  assert.equal(asked([guest()], [row({ host: 'h2' })]), ['guestSeen i1'])
  assert.equal(asked([guest()], [row({ host: null })]), ['guestSeen i1'])
  assert.equal(asked([guest()], [row({ vmState: 'deleted' })]), ['guestSeen i1'])
  assert.equal(asked([guest()], []), ['guestSeen i1'])
  assert.equal(asked([guest({ power: 'crashed' })], [row()]), ['guestSeen i1'])
})

test('an instance believed here without a guest is asked about, unless nothing is expected of it', () => {
  assert.equal(asked([], [row()]), ['guestMissing i1'])
  for (const vmState of ['deleted', 'error', 'building'] as const) assert.equal(asked([], [row({ vmState })]), [], vmState)
  assert.equal(asked([], [row({ host: 'h2' })]), [])
})

test('an instance that is changing, or has just changed, is left for the next look', () => {
  for (const moving of [{ operation: 'i1.2' }, { updatedAt: NOW - SETTLE_MS + 1 }]) {
    assert.equal(asked([guest({ power: 'crashed' })], [row(moving)]), [])
    assert.equal(asked([], [row(moving)]), [])
  }
})

test('each guest and each instance is asked about by itself, with the guest as it was reported', () => {
  const stray = guest({ instance: 'i3', power: 'paused', order: 9 })
  const questions = compareGuests('h1', [guest(), stray], [row(), row({ id: 'i2' })], NOW)
  assert.equal(questions, [
    { ask: 'guestSeen', instance: 'i3', guest: stray },
    { ask: 'guestMissing', instance: 'i2' },
  ])
})

test.run()
