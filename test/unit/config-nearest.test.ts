import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { editDistance, nearest } from '../../supervisors/config/config-nearest.ts'

test('distances of known pairs', () => {
  assert.is(editDistance('', ''), 0)
  assert.is(editDistance('', 'abc'), 3)
  assert.is(editDistance('kitten', 'sitting'), 3)
  assert.is(editDistance('port', 'prot'), 1, 'a swap is one mistake')
})

test('it is a distance: zero only for equals, symmetric, at most the longer text', () => {
  const text = fc.string({ maxLength: 12, unit: fc.constantFrom('a', 'b', 'c') })
  fc.assert(
    fc.property(text, text, (a, b) => {
      const distance = editDistance(a, b)
      assert.is(distance === 0, a === b)
      assert.is(distance, editDistance(b, a))
      assert.ok(distance >= Math.abs(a.length - b.length) && distance <= Math.max(a.length, b.length))
    }),
  )
})

test('the nearest name is found without regard to case, or none is', () => {
  const names = ['http.port', 'http.host', 'log.level']
  assert.is(nearest('http.prot', names), 'http.port')
  assert.is(nearest('HTTP.HOST', names), 'http.host')
  assert.is(nearest('membership', names), null)
  assert.is(nearest('x', []), null)
})

test.run()
