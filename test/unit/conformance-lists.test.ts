/** What Tempest tells, as one outcome per test, and the lists these are compared with. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { compare, parseExpected, tally, writeExpected } from '../conformance/tempest/expected.ts'
import { outcomesOf, type Told } from '../conformance/tempest/outcomes.ts'

const told = (id: string, status: string, reason = ''): Told => ({ id, status, reason, seconds: 1 })
const IDS = ['a.A.one', 'a.A.two', 'b.B.one', 'c.C.one', 'd.D.one', 'd.D.two']

test('a class that is skipped, fails or cannot be torn down decides about its tests; nothing told is a failure', () => {
  const outcomes = outcomesOf(IDS, [
    told('a.A.one[id-1,smoke]', 'exists'),
    told('a.A.one[id-1,smoke]', 'success'),
    told('a.A.two[id-2]', 'fail', 'Traceback\nBadRequest: no'),
    told('setUpClass (b.B)', 'skip', 'Volume service not enabled.'),
    told('d.D.one', 'success'),
    told('d.D.two', 'success'),
    told('tearDownClass (d.D)', 'fail', 'left over'),
  ])
  assert.equal(
    outcomes.map(o => `${o.id} ${o.status} ${o.reason}`),
    [
      'a.A.one passed ',
      'a.A.two failed Traceback\nBadRequest: no',
      'b.B.one skipped Volume service not enabled.',
      'c.C.one failed Tempest told nothing of it',
      'd.D.one failed left over',
      'd.D.two passed ',
    ],
  )
})

test('what is written down is expected again, reasons by hand stay, and every difference is seen', () => {
  const outcomes = outcomesOf(IDS.slice(0, 3), [
    told('a.A.one', 'success'),
    told('a.A.two', 'skip', 'Neutron is required\nmore'),
    told('b.B.one', 'fail', 'Traceback\nBadRequest: no'),
  ])
  const text = writeExpected(parseExpected('skip a.A.two  # put better by hand\n'), outcomes)
  assert.is(text.split('\n').slice(1).join('\n'), 'pass a.A.one\nskip a.A.two  # put better by hand\nfail b.B.one  # BadRequest: no\n')
  assert.equal(compare(parseExpected(text), outcomes), [])
  assert.equal(compare(parseExpected('pass a.A.two\nskip b.B.one  # no\n'), outcomes), [
    'a.A.two skipped, expected: pass',
    'b.B.one failed, expected: skip (no)',
  ])
  assert.equal(tally(parseExpected(text), outcomes), { passed: 1, skipped: 1, notThere: 1 })
  // What passes though it should not is no pass.
  assert.equal(tally(parseExpected('fail a.A.one  # not there\n'), outcomes), { passed: 0, skipped: 1, notThere: 0 })
  assert.equal(compare(parseExpected(''), outcomes), ['b.B.one failed, and is in no list'])
  assert.throws(() => parseExpected('skip a.A.two'), /no reason/)
  assert.throws(() => parseExpected('passed a.A.two'), /not a line/)
})

test.run()
