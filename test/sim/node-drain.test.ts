/** A request to drain names the life of the node that it means. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { address } from '../../actors/kernel/address.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { createLoop } from './loop.ts'
import { createRandom } from './random.ts'
import { createWorld } from './world.ts'

const READY_MS = 6000
const ASKING_MS = 5000

test('a copy of a drain that comes to the next life of its conductor drains nobody', async () => {
  const loop = createLoop()
  loop.install()
  try {
    const world = createWorld(loop, createRandom(1), { conductors: 2, computes: 1 }, () => {})
    await loop.runUntil(READY_MS)
    const [asker, asked] = world.conductors
    const before = asked?.running?.incarnation
    world.kill('conductor-2')
    world.start('conductor-2')
    await loop.runUntil(READY_MS * 3)
    const ask = async (incarnation: number | undefined): Promise<unknown> => {
      const seen: unknown[] = []
      const drain = asker?.running?.messenger.call(address('node', 'conductor-2'), 'drain', { incarnation }, { timeoutMs: ASKING_MS })
      drain?.then(
        answer => seen.push(answer),
        error => seen.push(error),
      )
      await loop.runUntil(loop.nowMs() + ASKING_MS, () => seen.length > 0)
      return seen[0]
    }
    const refused = await ask(before)
    assert.ok(refused instanceof BatonError && refused.code === 'Conflict', String(refused))
    const now = asked?.running?.incarnation
    assert.is.not(now, before)
    assert.equal(await ask(now), { state: 'draining' })
  } finally {
    loop.uninstall()
  }
})

test.run()
