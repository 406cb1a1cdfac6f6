/** The fence command is a program of somebody else's: what it does with our arguments and our time. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLogger } from '../../actors/kernel/env.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { runFence } from '../../supervisors/hosts/fence.ts'

const failure = (command: readonly string[], timeoutMs = 10_000): Promise<string> =>
  runFence({ command, timeoutMs }, 'h1', silentLogger).then(
    () => 'succeeded',
    error => (error instanceof BatonError ? `${error.code}: ${error.message}` : String(error)),
  )

test('it gets the host in its arguments, and no shell reads them', async () => {
  assert.is(await failure(['/usr/bin/test', '{host};false', '=', 'h1;false']), 'succeeded')
})

test('its exit code decides, and its last words are told', async () => {
  assert.is(
    await failure(['/bin/sh', '-c', 'echo no power supply answers >&2; exit 3']),
    'FenceFailed: the fence command for h1 failed (3): no power supply answers',
  )
  assert.match(await failure(['/nowhere/power-off']), /^FenceFailed: the fence command for h1 failed \(ENOENT\)/)
})

test('one that takes too long is killed and has failed', async () => {
  assert.match(await failure(['/bin/sleep', '60'], 50), /^FenceFailed: the fence command for h1 took longer than 50 ms/)
})

test.run()
