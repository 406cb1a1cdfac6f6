/** What differs on a host, found by comparing plain values. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { InstanceBody } from '../../actors/api.ts'
import type { HeldClaim } from '../../actors/host/host.ts'
import { compareHost, type HostFacts, SETTLE_MS } from '../../actors/host/reconcile.ts'
import type { GuestReport } from '../../actors/hypervisor/hypervisor.ts'
import type { Views } from '../../actors/kernel/ports.ts'
import { lookAtHost } from '../../supervisors/hosts/host-look.ts'
import { instanceIn } from '../support/instance.ts'

const NOW = 10_000_000
const SIZE = { vcpus: 1, ramMb: 64, diskGb: 1 }
const guest = (more: Partial<GuestReport> = {}): GuestReport => ({ instance: 'i1', power: 'running', order: 5, ...more })
const held = (more: Partial<HeldClaim> = {}): HeldClaim => ({ instance: 'i1', ...SIZE, since: NOW - SETTLE_MS, order: 1, ...more })

/** An active instance on h1 that has its guest and its claim c1 there. */
function row(more: Partial<InstanceBody> = {}): InstanceBody {
  const body = instanceIn('active').body()
  if (!body) throw new Error('an active instance has a body')
  return { ...body, host: 'h1', claim: 'c1', updatedAt: NOW - SETTLE_MS, ...more }
}

const look = (facts: Partial<HostFacts>): string[] =>
  compareHost({ host: 'h1', guests: null, claims: null, rows: [], now: NOW, ...facts }).map(
    d => `${d.code} ${d.instance}${d.claim ? ` ${d.claim}` : ''}`,
  )

const guests = (reported: readonly GuestReport[], rows: readonly InstanceBody[]): string[] => look({ guests: reported, rows })
const claims = (all: Record<string, HeldClaim>, rows: readonly InstanceBody[]): string[] => look({ claims: all, rows })

const ORIGIN = { host: 'h1', claim: 'c0', flavor: 'tiny', ...SIZE }
const RESIZED = { host: 'h2', claim: 'c2', vmState: 'resized', origin: ORIGIN } as const

test('what is as believed is no difference', () => {
  assert.equal(look({ guests: [guest()], claims: { c1: held() }, rows: [row()] }), [])
  assert.equal(look({ guests: [], claims: {}, rows: [] }), [])
})

test('each kind of guest that should not be as it is', () => {
  assert.equal(guests([guest()], [row({ host: 'h2' })]), ['GuestElsewhere i1'])
  assert.equal(guests([guest()], [row({ host: null })]), ['GuestElsewhere i1'])
  assert.equal(guests([guest()], [row({ vmState: 'deleted', host: null })]), ['DeletedGuest i1'])
  assert.equal(guests([guest()], []), ['UnknownGuest i1'])
  assert.equal(guests([guest({ power: 'crashed' })], [row()]), ['PowerState i1'])
  assert.equal(guests([guest({ power: 'crashed' })], [row({ vmState: 'error' })]), [], 'an error is for a person')
})

test('the source of a resize keeps a guest that does not run', () => {
  assert.equal(guests([guest({ power: 'shutdown' })], [row(RESIZED)]), [])
  assert.equal(guests([guest()], [row(RESIZED)]), ['GuestRunsTwice i1'])
  assert.equal(guests([], [row(RESIZED)]), ['VanishedSource i1'])
})

test('an instance without its guest, unless none is expected of it', () => {
  assert.equal(guests([], [row()]), ['VanishedGuest i1'])
  for (const vmState of ['deleted', 'error', 'building'] as const) assert.equal(guests([], [row({ vmState })]), [], vmState)
  assert.equal(guests([], [row({ host: 'h2' })]), [])
})

test('a report says nothing of what has changed since it was made, however late it is compared', () => {
  const young = row({ updatedAt: NOW - SETTLE_MS - 1000 })
  assert.equal(look({ guests: [], rows: [young], seenAt: NOW - 1000 }), ['VanishedGuest i1'])
  assert.equal(look({ guests: [], rows: [young], seenAt: NOW - 1001 }), [])
  assert.equal(look({ guests: [guest({ power: 'paused' })], rows: [young], seenAt: NOW - 1001 }), [])
})

test('a look that has to wait for the database compares what was reported before with what had changed before', async () => {
  let clock = NOW
  const views: Views = {
    get: async () => null,
    list: async (_, { where }) => (where?.host === 'h1' ? [{ table: 'instance', id: 'i1', columns: {}, body: row({ updatedAt: NOW - 500 }) }] : []),
    count: async () => 0,
    countBy: async () => new Map(),
  }
  const call = async () => {
    clock += 20_000
    return {}
  }
  const { differences } = await lookAtHost({ views, call, now: () => clock }, 'h1', { guests: [], ageMs: 0 })
  assert.equal(differences, [])
})

test('room held for an instance that does not exist, is deleted, or has its room elsewhere', () => {
  assert.equal(claims({ c1: held() }, []), ['ClaimOfNobody i1 c1'])
  assert.equal(claims({ c1: held() }, [row({ vmState: 'deleted', host: null, claim: null })]), ['ClaimOfNobody i1 c1'])
  assert.equal(claims({ c9: held() }, [row({ host: 'h2' })]), ['SecondClaim i1 c9'])
  assert.equal(claims({ c1: held(), c9: held() }, [row()]), ['SecondClaim i1 c9'])
  assert.equal(claims({ c0: held() }, [row(RESIZED)]), [], 'both ends of a resize hold room')
})

test('room that is not held, or of another size', () => {
  assert.equal(claims({}, [row()]), ['NoClaim i1 c1'])
  assert.equal(claims({ c1: held({ instance: 'i2' }) }, [row()]), ['ClaimOfNobody i2 c1', 'NoClaim i1 c1'], 'the same name, for another')
  assert.equal(claims({}, [row(RESIZED)]), ['NoClaim i1 c0'])
  assert.equal(claims({ c1: held({ ramMb: 128 }) }, [row()]), ['ClaimSize i1 c1'])
  assert.equal(claims({ c0: held({ diskGb: 7 }) }, [row(RESIZED)]), ['ClaimSize i1 c0'])
})

test('a row that names no claim is one of before rows did', () => {
  assert.equal(claims({ any: held() }, [row({ claim: null })]), [])
  assert.equal(claims({}, [row({ claim: null })]), ['NoClaim i1'])
})

test('what is changing, has just changed, or has an open operation is left for the next look', () => {
  const wrong = { guests: [guest({ power: 'crashed' })], claims: { c9: held() } } as const
  assert.is(look({ ...wrong, rows: [row()] }).length, 3, 'power, a second claim, and none of its own')
  for (const moving of [{ operation: 'i1.2' }, { updatedAt: NOW - SETTLE_MS + 1 }]) {
    assert.equal(look({ ...wrong, rows: [row(moving)] }), [])
    assert.equal(look({ guests: [], claims: {}, rows: [row(moving)] }), [])
  }
  assert.equal(look({ ...wrong, rows: [row()], busy: new Set(['i1']) }), [])
  assert.equal(claims({ c1: held({ since: NOW - SETTLE_MS + 1 }) }, []), [], 'a claim is there before the row that tells of it')
})

test('what was not seen is not missing', () => {
  assert.equal(look({ rows: [row()] }), [])
})

test('a difference says what is believed and what is seen', () => {
  const [difference] = compareHost({ host: 'h1', guests: [guest({ power: 'paused' })], claims: null, rows: [row()], now: NOW })
  assert.is(difference?.believed, 'active on h1, running')
  assert.is(difference?.seen, 'a guest on h1, paused')
  const [claim] = compareHost({ host: 'h1', guests: null, claims: { c1: held({ since: 77 }) }, rows: [], now: NOW })
  assert.equal([claim?.believed, claim?.seen, claim?.since], ['no such instance', 'claim c1 on h1, 1 vcpus, 64 MB, 1 GB', 77])
})

test.run()
