/** The host's side of the lease: how long it runs, which commands it lets start a guest, and what the watchdog does when it ends. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createHostLease } from '../../actors/hypervisor/lease.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { createGuard } from '../../supervisors/watchdog/guard.ts'
import { type LeaseRecord, type PolicyRecord, startWatchdog, type Word } from '../../supervisors/watchdog/watchdog.ts'
import { simulated } from '../support/simulated.ts'

function leaseAt(instances: readonly string[] = ['a']) {
  const clock = { ms: 1000 }
  return { clock, lease: createHostLease(() => clock.ms, { expiresAtMs: 0, instances }) }
}

const expired = (act: () => void): void => assert.throws(act, (error: unknown) => error instanceof BatonError && error.code === 'LeaseExpired')

test('a lease runs from the sending of the heartbeat that counts, however late the answer is', () => {
  const { clock, lease } = leaseAt()
  lease.sending(1)
  clock.ms = 4000
  assert.is(lease.granted(1, 2000), 3000)
  assert.not(lease.valid(), 'it was over before the answer came')
  lease.sending(2)
  assert.is(lease.granted(2, 2000), 6000)
  assert.is(lease.granted(1, 2000), 6000, 'an older answer takes nothing back')
  assert.is(lease.granted(99, 2000), null, 'a heartbeat that was never sent')
})

test('a guest is started with a lease that ran without a gap since the command began', () => {
  const { clock, lease } = leaseAt()
  lease.sending(1)
  lease.granted(1, 2000)
  const permit = lease.permit('a')
  permit()
  clock.ms = 3000
  expired(permit)
  lease.sending(2)
  lease.granted(2, 2000)
  expired(permit)
  lease.permit('a')()
})

test('a guest that is not protected needs no lease, unless it was when the command began or is when it starts', () => {
  const { clock, lease } = leaseAt(['a'])
  const [before, other] = [lease.permit('a'), lease.permit('b')]
  lease.protect(['b'])
  clock.ms = 10_000
  expired(before)
  expired(other)
  lease.permit('c')()
})

function bed(now: () => number) {
  const record: { lease: LeaseRecord | null; policy: PolicyRecord | null; words: readonly Word[] } = { lease: null, policy: null, words: [] }
  const started: ((offer: number) => void)[] = []
  const guard = createGuard(
    {
      bootMs: now,
      lease: () => record.lease,
      policy: () => record.policy,
      words: () => record.words,
      forget(word) {
        record.words = record.words.filter(each => each !== word)
      },
      writeLease: lease => {
        record.lease = lease
      },
      writePolicy: policy => {
        record.policy = policy
      },
      start: onArmed => started.push(onArmed),
    },
    7,
  )
  return { record, started, guard }
}

test('a policy is taken only with a lease, only a newer one, and there is a watchdog only while there is one', () => {
  let nowMs = 1000
  const { record, started, guard } = bed(() => nowMs)
  const policy = { offer: 2, instances: ['a'] }
  guard.lease.sending(1)
  guard.granted({ leaseMs: 2000, policy })
  assert.is(record.policy, null, 'without a lease it would stop its guests at once')
  guard.granted({ leaseMs: 2000, upTo: 1, policy })
  assert.equal([record.policy, record.lease], [policy, { life: 7, expiresAtMs: 3000, offer: 2 }])
  assert.is(started.length, 1)
  assert.is(guard.tend(), 0)
  started[0]?.(2)
  assert.is(guard.tend(), 2)
  guard.granted({ leaseMs: 2000, policy: { offer: 1, instances: [] } })
  assert.is(record.policy?.offer, 2, 'from a conductor that does not know that it is dead')
  nowMs = 1500
  guard.granted({ leaseMs: 2000, policy: { offer: 3, instances: [] } })
  assert.is(guard.tend(), 3, 'nothing to protect is easily armed')
})

test('each stop is news once, and is known until the guest runs again', () => {
  const { record, guard } = bed(() => 1000)
  record.words = [{ instance: 'a', atMs: 5 }]
  assert.equal(guard.stopped(), [{ instance: 'a', isNew: true }])
  assert.equal(guard.stopped(), [{ instance: 'a', isNew: false }])
  record.words = [...record.words, { instance: 'a', atMs: 9 }]
  guard.forget(new Set(['a']))
  assert.equal(guard.stopped(), [{ instance: 'a', isNew: true }], 'it was started, and stopped again')
  guard.forget(new Set(['a']))
  assert.equal(guard.stopped(), [])
})

test('the watchdog stops what it is to stop when the lease ends, again and again, and ends when nobody is left', () =>
  simulated(async bench => {
    const running = new Set(['a', 'b', 'c'])
    const word: string[] = []
    const done: string[] = []
    const armed: number[] = []
    let agent = true
    let refuse = true
    const lease: LeaseRecord = { life: 1, expiresAtMs: bench.env.monotonicMs() + 3000, offer: 1 }
    startWatchdog({
      env: bench.env,
      life: 1,
      bootMs: () => bench.env.monotonicMs(),
      lease: () => lease,
      policy: () => ({ offer: 1, instances: ['a', 'b'] }),
      async stop(instance) {
        if (instance === 'b' && refuse) throw new BatonError('DriverFault', 'it will not die')
        return running.delete(instance)
      },
      leaveWord: ({ instance }) => word.push(instance),
      onArmed: offer => armed.push(offer),
      agentIsGone: () => !agent,
      onDone: why => done.push(why),
    })
    await bench.run(2900)
    assert.equal([[...running], armed], [['a', 'b', 'c'], [1]])
    agent = false
    await bench.run(400)
    assert.equal([[...running], done], [['b', 'c'], []], 'one that will not die is tried again, and the watchdog stays')
    running.add('a')
    refuse = false
    await bench.run(200)
    assert.equal([...running], ['c'], 'what an agent had still in its hand')
    assert.equal([word, done], [['a', 'b', 'a'], ['nothing is left to watch']])
  }))

test('the watchdog leaves when a newer agent has brought its own', () =>
  simulated(async bench => {
    const done: string[] = []
    let life = 1
    startWatchdog({
      env: bench.env,
      life: 1,
      bootMs: () => 0,
      lease: () => ({ life, expiresAtMs: 1000, offer: 1 }),
      policy: () => ({ offer: 1, instances: ['a'] }),
      stop: () => Promise.reject(new Error('nothing is to be stopped')),
      leaveWord: () => {},
      onArmed: () => {},
      agentIsGone: () => true,
      onDone: why => done.push(why),
    })
    await bench.run(500)
    assert.equal(done, [])
    life = 2
    await bench.run(200)
    assert.is(done.length, 1)
  }))

test.run()
