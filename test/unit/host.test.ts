import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { HostBody } from '../../actors/api.ts'
import { type HostInfo, hostActor } from '../../actors/host/host.ts'
import { entries, get } from '../../actors/kernel/bucket-map.ts'
import type { Fault } from '../../actors/kernel/errors.ts'
import { capacityOf, lacks, type Ratios } from '../../actors/placement/amounts.ts'

const RATIOS: Ratios = { vcpu: 4, ram: 1, disk: 1 }
const INFO: HostInfo = { driver: 'fake', pid: 7, version: '0.1.0', vcpus: 2, ramMb: 1024, diskGb: 10 }
const SMALL = { vcpus: 1, ramMb: 256, diskGb: 1 }
const actor = hostActor(RATIOS)

function newHost() {
  let state = actor.initial('h1')
  const host = {
    now: 1_000_000,
    state: () => state,
    send(method: string, args: unknown): { ok?: unknown; fault?: Fault; events: number } {
      const wrong = actor.methods[method]?.check?.(args)
      if (wrong) return { fault: { code: 'BadRequest', message: wrong }, events: 0 }
      const decision = actor.decide(state, { method, args } as Parameters<typeof actor.decide>[1], {
        id: 'h1',
        now: host.now,
        from: { role: 'conductor', node: 'c1' },
      })
      if (!decision.ok) return { fault: decision.fault, events: 0 }
      for (const event of decision.events) state = actor.evolve(state, JSON.parse(JSON.stringify(event)), host.now)
      return { ok: decision.reply?.(state) ?? null, events: decision.events.length }
    },
    claim: (claim: string, order = 1, size = SMALL) => host.send('claim', { claim, order, instance: claim.split('.')[0], ...size }),
    restore: (claim: string, order = 1, size = SMALL) => host.send('restore', { claim, order, instance: claim.split('.')[0], ...size }),
    release: (claim: string, order = 2) => host.send('release', { claim, order }),
    body: () => host.send('get', {}).ok as HostBody,
  }
  return host
}

function registered() {
  const host = newHost()
  host.send('register', INFO)
  return host
}

test('a claim takes room, once, and its release gives it back, once', () => {
  const host = registered()
  assert.is(host.claim('i1.1').events, 1)
  assert.is(host.claim('i1.1').events, 0, 'the same claim again')
  assert.equal([host.body().claims, host.body().vcpusUsed, host.body().ramMbUsed, host.body().diskGbUsed], [1, 1, 256, 1])
  host.release('i1.1')
  const before = host.state()
  assert.is(host.release('i1.1').fault, undefined)
  assert.is(host.state(), before, 'the same release again')
  assert.equal([host.body().claims, host.body().vcpusUsed, host.body().ramMbUsed, host.body().diskGbUsed], [0, 0, 0, 0])
})

test('a release of what was never claimed is fine', () => {
  const host = registered()
  assert.is(host.release('i9.1').fault, undefined)
  assert.is(host.body().ramMbUsed, 0)
})

test('a copy of a claim that comes after its release is refused; a new claim of higher rank is not', () => {
  const host = registered()
  host.claim('i1.1', 3)
  host.release('i1.1', 4)
  assert.is(host.claim('i1.1', 3).fault?.code, 'StaleCommand')
  assert.is(host.claim('i1.1', 4).fault?.code, 'StaleCommand')
  assert.is(host.body().claims, 0)
  assert.is(host.claim('i1.1', 5).fault, undefined)
  assert.is(host.body().claims, 1)
})

test('a claim whose release overtook it on the way is refused too', () => {
  const host = registered()
  host.release('i1.1', 4)
  assert.is(host.claim('i1.1', 3).fault?.code, 'StaleCommand')
})

test('marks of releases are let go when no copy of a claim can be under way any more', () => {
  const host = registered()
  let most = 0
  for (let i = 0; i < 1000; i++) {
    host.release(`i${i}.1`)
    host.now += 1000
    most = Math.max(most, host.state().released.size)
  }
  assert.ok(most <= 200, `${most} marks were kept at once, one a second for 60 s and the sweep behind it`)
  assert.is(host.claim('i999.1', 1).fault?.code, 'StaleCommand', 'the newest is still there')
})

test('the release of an old claim needs no mark', () => {
  const host = registered()
  host.claim('i1.1')
  host.now += 60_000
  host.release('i1.1')
  assert.is(host.state().released.size, 0)
})

test('no room is refused with the resource and its numbers', () => {
  const host = registered()
  const fault = host.claim('i1.1', 1, { vcpus: 1, ramMb: 2048, diskGb: 1 }).fault
  assert.is(fault?.code, 'HostRefused')
  assert.is(fault?.message, 'host h1 has no room: ram (MB): 2048 wanted, 1024 free of 1024')
})

test('processors may be promised several times over, as the ratio says', () => {
  const host = registered()
  const tiny = { vcpus: 1, ramMb: 1, diskGb: 0 }
  for (let i = 0; i < 8; i++) assert.is(host.claim(`i${i}.1`, 1, tiny).fault, undefined)
  assert.match(host.claim('i8.1', 1, tiny).fault?.message ?? '', 'vcpus: 1 wanted, 0 free of 8')
})

test('lacks names the first resource that does not fit, and never a negative room', () => {
  const capacity = capacityOf({ vcpus: 2, ramMb: 100, diskGb: 10 }, { reserved: { vcpus: 0, ramMb: 0, diskGb: 0 }, ratios: RATIOS, custom: {} })
  assert.is(lacks(capacity, { vcpus: 8, ramMb: 0, diskGb: 0 }, { vcpus: 0, ramMb: 100, diskGb: 10 }), null, 'exactly full is not too full')
  assert.is(lacks(capacity, { vcpus: 0, ramMb: 300, diskGb: 0 }, { vcpus: 1, ramMb: 1, diskGb: 99 }), 'ram (MB): 1 wanted, 0 free of 100')
})

test('claims are taken only by a host that has reported, is enabled and is up', () => {
  const silent = newHost()
  assert.match(silent.claim('i1.1').fault?.message ?? '', 'has never reported')
  const disabled = registered()
  disabled.send('setEnabled', { enabled: false, reason: 'disk swap' })
  assert.match(disabled.claim('i1.1').fault?.message ?? '', 'is disabled: disk swap')
  for (const state of ['suspect', 'down', 'fenced', 'gone']) {
    const host = registered()
    host.send('observe', { state })
    assert.is(host.claim('i1.1').fault?.code, 'HostRefused')
    assert.match(host.claim('i1.1').fault?.message ?? '', `is ${state}`)
  }
})

test('a claim held already is confirmed even by a host that takes none now', () => {
  const host = registered()
  host.claim('i1.1')
  host.send('observe', { state: 'down' })
  assert.is(host.claim('i1.1').fault, undefined)
})

test('register: said again nothing changes; a new process or size is recorded; a host that was down is up', () => {
  const host = registered()
  const createdAt = host.body().createdAt
  host.now += 1000
  assert.is(host.send('register', INFO).events, 0)
  host.send('register', { ...INFO, pid: 8, ramMb: 2048 })
  assert.equal([host.body().pid, host.body().ramMb, host.body().createdAt], [8, 2048, createdAt])
  host.send('observe', { state: 'down' })
  assert.is(host.body().state, 'down')
  host.send('register', { ...INFO, pid: 8, ramMb: 2048 })
  assert.is(host.body().state, 'up')
  assert.is(host.body().stateSince, host.now)
})

test('a verdict is recorded once; about a host that never reported there is none', () => {
  const host = registered()
  assert.is(host.send('observe', { state: 'suspect' }).events, 1)
  assert.is(host.send('observe', { state: 'suspect' }).events, 0)
  assert.is(newHost().send('observe', { state: 'down' }).events, 0)
})

test('a host that never reported is not there', () => {
  for (const [method, args] of [
    ['get', {}],
    ['setEnabled', { enabled: false }],
  ] as const)
    assert.is(newHost().send(method, args).fault?.code, 'NotFound')
  assert.is(actor.view(newHost().state(), 'h1'), null)
})

test('malformed arguments are refused at the door, with the name of the field', () => {
  const host = registered()
  for (const [method, args, field] of [
    ['claim', { claim: 'c', order: 1, instance: 'i', vcpus: -1, ramMb: 1, diskGb: 1 }, 'vcpus'],
    ['claim', { claim: 'c', order: 1.5, instance: 'i', vcpus: 1, ramMb: 1, diskGb: 1 }, 'order'],
    ['claim', { claim: '', order: 1, instance: 'i', vcpus: 1, ramMb: 1, diskGb: 1 }, 'claim'],
    ['release', { claim: 'c' }, 'order'],
    ['observe', { state: 'sleepy' }, 'state'],
    ['register', { ...INFO, ramMb: Number.NaN }, 'ramMb'],
  ] as const) {
    assert.match(host.send(method, args).fault?.message ?? '', new RegExp(`^${field} `))
  }
})

test('a copy of a release that comes late does not undo a newer claim of the same operation', () => {
  const host = registered()
  host.claim('i1.1', 1)
  host.release('i1.1', 2)
  host.claim('i1.1', 3)
  host.release('i1.1', 2)
  assert.is(host.body().claims, 1)
  host.release('i1.1', 4)
  assert.is(host.body().claims, 0)
})

const claims = fc.nat(7).map(n => `i${n}.1`)
const size = fc.record({ vcpus: fc.nat(3), ramMb: fc.nat(600), diskGb: fc.nat(6) })
const commands = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('claim' as const), claim: claims, order: fc.nat(20), size }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('release' as const), claim: claims, order: fc.nat(20) }) },
    fc.record({ do: fc.constant('restore' as const), claim: claims, order: fc.nat(20), size }),
    fc.record({ do: fc.constant('observe' as const), state: fc.constantFrom('up', 'suspect', 'down') }),
    fc.record({ do: fc.constant('register' as const) }),
    fc.record({ do: fc.constant('setEnabled' as const), enabled: fc.boolean() }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat(90_000) }),
  ),
  { maxLength: 80 },
)

test('a copy of an older release does not take room that was claimed again', () => {
  const host = registered()
  host.claim('i1.1', 2)
  host.release('i1.1', 4)
  host.claim('i1.1', 6)
  assert.is(host.release('i1.1', 4).events, 0, 'late')
  assert.is(host.body().claims, 1)
  assert.is(host.release('i1.1', 7).events, 1)
  assert.is(host.body().claims, 0)
})

test('a claim of a state that was written before claims had ranks is released by any', () => {
  const host = registered()
  const old = JSON.parse(JSON.stringify(actor.evolve(host.state(), { type: 'claimed', claim: 'i1.1', of: { instance: 'i1', ...SMALL } }, 1)))
  const decision = actor.decide(
    old,
    { method: 'release', args: { claim: 'i1.1', order: 1 } },
    { id: 'h1', now: 2, from: { role: 'conductor', node: 'c' } },
  )
  assert.ok(decision.ok && decision.events.length === 1)
})

test('room is held again for a guest that is there: on a host that is disabled or silent too, but not beyond what there is', () => {
  const host = registered()
  host.send('setEnabled', { enabled: false })
  host.send('observe', { state: 'down' })
  assert.is(host.restore('i1.1').events, 1)
  assert.is(host.restore('i1.1').events, 0, 'once')
  assert.is(host.restore('i1.1', 1, { ...SMALL, ramMb: 1024 }).events, 1, 'another size, without counting it twice')
  assert.equal([host.body().claims, host.body().ramMbUsed], [1, 1024])
  const refused = host.restore('i2.1')
  assert.is(refused.fault?.code, 'HostRefused')
  assert.match(refused.fault?.message ?? '', 'no room for what i2 uses already: ram (MB): 256 wanted, 0 free of 1024')
  assert.is(newHost().restore('i1.1').fault?.code, 'HostRefused')
})

test('room that a newer command let go of meanwhile is not held again', () => {
  const host = registered()
  host.release('i1.1', 9)
  assert.is(host.restore('i1.1', 8).fault?.code, 'StaleCommand')
  assert.is(host.restore('i1.1', 10).events, 1)
  assert.is(host.restore('i1.1', 9, { ...SMALL, ramMb: 300 }).fault?.code, 'StaleCommand')
})

test('under any sequence, what is promised equals the claims held and never exceeds what there is', () => {
  fc.assert(
    fc.property(commands, script => {
      const host = registered()
      for (const c of script) {
        if (c.do === 'wait') host.now += c.ms
        else if (c.do === 'claim') host.claim(c.claim, c.order, c.size)
        else if (c.do === 'restore') host.restore(c.claim, c.order, c.size)
        else if (c.do === 'release') {
          const before = get(host.state().claims, c.claim)
          host.release(c.claim, c.order)
          const kept = before !== undefined && c.order < (before.order ?? 0)
          assert.is(get(host.state().claims, c.claim), kept ? before : undefined)
        } else host.send(c.do, c.do === 'register' ? INFO : c)
        const body = host.body()
        const held = entries(host.state().claims).map(([, claim]) => claim)
        assert.is(body.claims, held.length)
        for (const [used, key] of [
          [body.vcpusUsed, 'vcpus'],
          [body.ramMbUsed, 'ramMb'],
          [body.diskGbUsed, 'diskGb'],
        ] as const) {
          assert.is(
            used,
            held.reduce((sum, h) => sum + h[key], 0),
          )
        }
        assert.ok(body.vcpusUsed <= 8 && body.ramMbUsed <= 1024 && body.diskGbUsed <= 10)
      }
    }),
    { numRuns: 500 },
  )
})

test('a release that comes late itself takes back nothing of what a later one has said', () => {
  const host = registered()
  const size = { vcpus: 0, ramMb: 0, diskGb: 0 }
  host.release('i3.1', 1)
  host.claim('i3.1', 2, size)
  host.release('i3.1', 0)
  assert.is(get(host.state().claims, 'i3.1')?.order, 2)
  host.release('i3.1', 3)
  host.release('i3.1', 0)
  host.claim('i3.1', 1, size)
  assert.is(get(host.state().claims, 'i3.1'), undefined)
})

test('under any sequence within a minute, no claim comes back behind the release that outranks it', () => {
  fc.assert(
    fc.property(commands, script => {
      const host = registered()
      const outranked = new Map<string, number>()
      for (const c of script) {
        if (c.do === 'release') {
          outranked.set(c.claim, Math.max(outranked.get(c.claim) ?? -1, c.order))
          host.release(c.claim, c.order)
        }
        if (c.do !== 'claim') continue
        const held = get(host.state().claims, c.claim) !== undefined
        const { fault } = host.claim(c.claim, c.order, c.size)
        if (!held && c.order <= (outranked.get(c.claim) ?? -1)) assert.is(fault?.code, 'StaleCommand')
      }
    }),
    { numRuns: 500 },
  )
})

test.run()
