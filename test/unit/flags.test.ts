import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { usageOf } from '../support/flags.ts'

test('the usage of a program is the comment at its head', () => {
  assert.is(usageOf('/** `npm run x`: all of it. */\nconst a = 1 /* no */\n'), '`npm run x`: all of it.')
  assert.is(usageOf('/**\n * First.\n *\n *     npm run x -- --seed 1\n */\n/** Not this. */\n'), 'First.\n\n    npm run x -- --seed 1')
  assert.is(usageOf('const a = 1\n/** Not at its head. */\n'), '')
})

test.run()
