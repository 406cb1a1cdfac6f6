/** The instance of an operation that was set aside is told, until it knows. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { address } from '../../actors/kernel/address.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { createSubjectTeller } from '../../supervisors/hosting/subject-teller.ts'
import { type Bench, simulated } from '../support/simulated.ts'

function start(bench: Bench, answer: (attempt: number) => Promise<unknown>, owns: () => boolean = () => true) {
  const told: unknown[] = []
  const tell = createSubjectTeller({
    env: bench.env,
    owns,
    call(to, method, args) {
      told.push([to.kind, to.id, method, args])
      return answer(told.length)
    },
  })
  return { tell, told }
}

const away = () => Promise.reject(new BatonError('Unavailable', 'moving'))

test('it is told again until it has taken it', () =>
  simulated(async bench => {
    const { tell, told } = start(bench, attempt => (attempt < 4 ? away() : Promise.resolve(null)))
    tell(address('operation', 'i1.3'), 'a defect')
    await bench.run(120_000)
    assert.is(told.length, 4)
    assert.equal(told[0], ['instance', 'i1', 'broken', { operation: 'i1.3', reason: 'a defect' }])
  }))

test('not when the shard has moved, not when there is no such instance, and never about anything but an operation', () =>
  simulated(async bench => {
    let owned = true
    const moved = start(bench, away, () => owned)
    moved.tell(address('operation', 'i1.3'), 'a defect')
    owned = false
    const nobody = start(bench, () => Promise.reject(new BatonError('NotFound', 'no instance')))
    nobody.tell(address('operation', 'i1.3'), 'a defect')
    const host = start(bench, away)
    host.tell(address('host', 'h1'), 'a defect')
    await bench.run(120_000)
    assert.equal([moved.told.length, nobody.told.length, host.told.length], [1, 2, 0])
    // It may have been the operation of an agent of its own.
    assert.equal(nobody.told[1], ['agent', 'i1', 'ended', { operation: 'i1.3', reason: 'a defect' }])
  }))

test('a reason without end, or without words, is one that the instance takes', () =>
  simulated(async bench => {
    const { tell, told } = start(bench, () => Promise.resolve(null))
    tell(address('operation', 'i1.3'), 'x'.repeat(10_000))
    tell(address('operation', 'i1.4'), '')
    await bench.run(10)
    const lengths = told.map(call => (call as [string, string, string, { reason: string }])[3].reason.length)
    assert.ok(
      lengths.every(length => length > 0 && length <= 4096),
      String(lengths),
    )
  }))

test.run()
