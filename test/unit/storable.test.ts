/** Text that cannot be stored is refused at the door of an actor and replaced in answers: it never becomes a defect. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isStorable, storable } from '../../actors/kernel/storable.ts'
import { hosted } from '../support/actor-host.ts'
import { simulated } from '../support/simulated.ts'

const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)])

test('NUL, half a surrogate pair, wherever they are, and bottomless nesting', () => {
  for (const value of ['a', 'é\u{1f600}', 0, null, undefined, { a: ['b', { c: 'd' }] }, nested(50)])
    assert.ok(isStorable(value), JSON.stringify(value))
  for (const value of ['\0', 'a\ud800', { a: [{ b: '\0' }] }, { '\udc00': 1 }, nested(200)]) {
    assert.not(isStorable(value), JSON.stringify(value))
    assert.ok(isStorable(storable(value)))
  }
  assert.equal(storable({ a: ['x\0y', 1, null, true], 'n\0': '\ud800' }), { a: ['x\ufffdy', 1, null, true], 'n\ufffd': '\ufffd' })
})

test('a command with such text is refused again and again, and the actor goes on', () =>
  simulated(async bench => {
    const { send, trace, stop } = await hosted(bench)
    for (let i = 0; i < 10; i++) assert.is(await bench.code(send('a', 'want', { key: 'x\0' })), 'BadRequest')
    assert.is(await bench.code(send('a\0', 'add', { n: 2 })), 'BadRequest')
    assert.is(await bench.value(send('a', 'add', { n: 2 })), 2)
    assert.equal(
      trace.filter(line => line.startsWith('poisoned')),
      [],
    )
    stop()
  }))

test('what every object can do is no method of an actor', () =>
  simulated(async bench => {
    const { send, stop } = await hosted(bench)
    for (const method of ['hasOwnProperty', 'toString', 'constructor', '__proto__']) assert.is(await bench.code(send('a', method)), 'UnknownMethod')
    stop()
  }))

test('an answer with such text is taken', () =>
  simulated(async bench => {
    const { send, calls, trace, stop } = await hosted(bench)
    await bench.value(send('a', 'want', { key: 'k' }))
    calls[0]?.resolve({ output: 'binary \0 output \ud800' })
    await bench.run(100)
    assert.equal(await bench.value(send('a', 'get')), { sum: 0, wanted: [], heard: ['k'], done: false })
    assert.not(trace.includes('poisoned counter/a'))
    stop()
  }))

test.run()
