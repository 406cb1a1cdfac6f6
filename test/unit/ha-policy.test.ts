/** What a host has learned to stop by itself: never more than it really does, whatever is lost, late or doubled on the way. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { evolvePolicy, NO_POLICY, offerEvents, type Policy } from '../../actors/host/policy.ts'
import { expiryMs } from '../../actors/host/terms.ts'

const settle = (policy: Policy, wanted: readonly string[], known: number): Policy =>
  offerEvents(policy, wanted, known).reduce((state, event) => evolvePolicy(state, event), policy)

test('an instance is learned when the host says that it is armed with an offer that has it', () => {
  const offered = settle(NO_POLICY, ['a', 'b'], 0)
  assert.equal(offered, { offer: 1, offered: ['a', 'b'], known: 0, learned: [] })
  const learned = settle(offered, ['a', 'b'], 1)
  assert.equal(learned.learned, ['a', 'b'])
  assert.equal(offerEvents(learned, ['a', 'b'], 1), [], 'a heartbeat that says nothing new writes nothing')
})

test('an instance that goes is forgotten before the host is told', () => {
  const learned = settle(settle(NO_POLICY, ['a', 'b'], 0), ['a', 'b'], 1)
  const next = settle(learned, ['b', 'c'], 1)
  assert.equal([next.offer, next.offered, next.learned], [2, ['b', 'c'], ['b']])
})

test('a host in a new life knows nothing until it says so again', () => {
  const learned = settle(settle(NO_POLICY, ['a'], 0), ['a'], 1)
  const reborn = settle(learned, ['a'], 0)
  assert.equal([reborn.offer, reborn.known, reborn.learned], [1, 0, []])
  assert.equal(settle(reborn, ['a'], 1).learned, ['a'])
})

test('a host that another cluster has armed is offered a higher number than it has', () => {
  assert.is(settle(NO_POLICY, [], 7).offer, 8)
})

test('whatever comes in whatever order, what is learned is protected by the host', () => {
  type Step = { readonly want: number } | { readonly beat: 'fresh' | 'stale' } | { readonly answer: boolean } | { readonly rebirth: true }
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ want: fc.integer({ min: 0, max: 7 }) }),
    fc.record({ beat: fc.constantFrom('fresh' as const, 'fresh' as const, 'stale' as const) }),
    fc.record({ answer: fc.boolean() }),
    fc.record({ rebirth: fc.constant(true as const) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      let policy = NO_POLICY
      let wanted: string[] = []
      // The host: what its watchdog is armed with, and what it said with earlier heartbeats.
      let host = { offer: 0, instances: [] as readonly string[] }
      const said: number[] = [0]
      let pending: typeof host | null = null
      for (const now of steps) {
        if ('want' in now) wanted = ['a', 'b', 'c'].filter((_, bit) => now.want & (1 << bit))
        else if ('rebirth' in now) {
          // A life without its record, which no heartbeat outlives: it says so before it is granted anything again.
          said.splice(0, said.length, 0)
          host = { offer: 0, instances: [] }
          pending = null
          policy = settle(policy, wanted, 0)
        } else if ('answer' in now) {
          if (now.answer && pending && pending.offer > host.offer) host = pending
          pending = null
        } else {
          const known = now.beat === 'fresh' ? host.offer : (said[said.length >> 1] ?? 0)
          if (now.beat === 'fresh') said.push(known)
          const armed = known > policy.offer ? policy.offer : known
          policy = settle(policy, wanted, armed)
          if (now.beat === 'fresh') pending = { offer: policy.offer, instances: policy.offered }
        }
        for (const instance of policy.learned) assert.ok(host.instances.includes(instance), `${instance} is learned but not protected`)
      }
    }),
    { numRuns: 500 },
  )
})

test('the term of a conductor ends after that of a host, however their clocks are slewed', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 500, max: 3_600_000 }),
      fc.double({ min: -1 / 12, max: 1 / 12, noNaN: true }),
      fc.double({ min: -1 / 12, max: 1 / 12, noNaN: true }),
      (leaseMs, host, conductor) => {
        // Real time that passes while a clock that runs at `1 + drift` counts so many ms.
        const hostStopsMs = leaseMs / (1 + host)
        const conductorActsMs = expiryMs(leaseMs) / (1 + conductor)
        assert.ok(conductorActsMs > hostStopsMs, `${conductorActsMs} <= ${hostStopsMs}`)
      },
    ),
  )
})

test.run()
