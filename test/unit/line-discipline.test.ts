/** A terminal's line, and the escapes of one that is connected to another. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createLineDiscipline } from '../../actors/hypervisor/drivers/process/line-discipline.ts'
import { createEscapes } from '../../bin/output/escapes.ts'

/** What is sent and shown when all of it is typed. */
function typed(...keys: readonly string[]): [sent: string, shown: string] {
  const line = createLineDiscipline()
  const done = keys.map(key => line.type(Buffer.from(key)))
  const all = (name: 'send' | 'echo') => Buffer.concat(done.map(each => each[name])).toString('utf8')
  return [all('send'), all('echo')]
}

test('a line is shown as it is typed, and sent when it is ended', () => {
  assert.equal(typed('he', 'lp'), ['', 'help'])
  assert.equal(typed('help\r'), ['help\n', 'help\r\n'])
  assert.equal(typed('a\r\nb\n'), ['a\nb\n', 'a\r\nb\r\n'])
})

test('it can be mended before: the last character, a whole one; the whole line; or given up', () => {
  assert.equal(typed('abc\x7f\x08d\r'), ['ad\n', 'abc\b \b\b \bd\r\n'])
  assert.equal(typed('aé', '\x7f', 'b\r'), ['ab\n', 'aé\b \bb\r\n'])
  assert.equal(typed('\x7f\x7fa\r'), ['a\n', 'a\r\n'])
  assert.equal(typed('ab\x15c\r'), ['c\n', 'ab\b \b\b \bc\r\n'])
  assert.equal(typed('rm -rf\x03ls\r'), ['ls\n', 'rm -rf^C\r\nls\r\n'])
})

test('arrow keys and other controls send nothing; a line without end is bounded', () => {
  assert.equal(typed('\x1b[A\x1bOP\x1b[3~a\tb\x00\x04\r'), ['a\tb\n', 'a\tb\r\n'])
  const [sent, shown] = typed('x'.repeat(5000), '\r')
  assert.equal([sent.length, shown.endsWith('\x07\r\n')], [1025, true])
})

test('what the guest writes begins each line at its beginning, however it is cut', () =>
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', '\n', '\r\n', '\r'), { maxLength: 20 }), fc.integer({ min: 1, max: 5 }), (parts, size) => {
      const line = createLineDiscipline()
      const text = parts.join('')
      const cut = text.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? []
      const shown = Buffer.concat(cut.map(part => line.show(Buffer.from(part)))).toString()
      assert.is(shown, text.replace(/\r?\n/g, '\r\n'))
    }),
  ))

test('a ~ at the beginning of a line is for this side; everywhere else it is a ~', () => {
  const escapes = (...keys: readonly string[]) => {
    const take = createEscapes()
    const all = keys.map(take)
    return [all.map(({ send }) => send).join(''), all.flatMap(({ commands }) => commands)]
  }
  assert.equal(escapes('~.', 'x'), ['x', ['leave']])
  assert.equal(escapes('ls ~.\r', '~', 't'), ['ls ~.\r', ['take']])
  assert.equal(escapes('\r~?~.ls'), ['\r', ['help', 'leave']])
  assert.equal(escapes('~~.'), ['~.', []])
  assert.equal(escapes('~x'), ['~x', []])
  assert.equal(escapes('a\n~', '.'), ['a\n', ['leave']])
})

test.run()
