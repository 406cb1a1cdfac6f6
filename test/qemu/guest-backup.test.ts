/** Backups by the shell agent of the built image, in real virtual machines: made, read, and put into another one. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SILENT_MS, whyNoBuiltGuest, withGuests } from '../support/built-guests.ts'
import { eventually, guestIn, rejects } from '../support/driver-contract.ts'
import { skipWithout } from '../support/driver-qemu-bench.ts'

const [A, B] = ['aaaaaaaa-0000-4000-8000-000000000001', 'aaaaaaaa-0000-4000-8000-000000000002']
const missing = await whyNoBuiltGuest()

/** What an instance writes before it is ready: its user data is run once. */
const WRITES = `#!/bin/sh
cd /srv/data
dd if=/dev/urandom of=bytes bs=1024 count=200 2>/dev/null
mkdir -p deep/er && echo one >deep/er/one && echo two >two && chmod 600 two && ln -s two link
cat /sys/class/misc/hw_random/rng_current
`

test('files are backed up, in full and what has changed, their guest destroyed, and restored into another one', async () => {
  if (missing !== null) return skipWithout(missing)
  await withGuests(async ({ driver, guests, transfers, spawn, ask, type, backUp }) => {
    await spawn(A, WRITES)
    const written = await driver.consoleLog(A, 20_000)
    assert.match(written, /virtio_rng\.0/, 'its random numbers come from its host')
    assert.match(written, /user data: ended with 0/)
    assert.equal(guests.session(A).belief().hello?.backups, ['full', 'incremental'])
    const full = await backUp(A, 'full-1', 'full')
    assert.ok(full.length > 200 * 1024, `${full.length} bytes of random ones`)
    let seen = ''
    const before = await eventually('what is typed is done', async () => {
      // Its shell may not be there yet to hear it.
      await type(A, 'cd /srv/data; rm -f two; echo three >deep/er/three; chmod 700 deep/er/one; echo four >four')
      const digest = JSON.stringify(await ask(A, 'digest'))
      const isStill = seen === digest
      seen = digest
      return isStill && digest.includes('"files":4') && digest
    })
    const more = await backUp(A, 'more-1', 'incremental', 'full-1')
    assert.ok(more.length < 4096, `${more.length} bytes, without what is the same`)
    await rejects(
      'GuestFailed',
      transfers.backup({ instance: A, backup: 'more-2', kind: 'incremental', parent: 'gone' }, SILENT_MS),
      /gone is not known/,
    )
    await driver.destroy(A, 2)

    await spawn(B)
    assert.match(JSON.stringify(await ask(B, 'digest')), /"files":0/)
    const restore = { instance: B, restore: 'op.7', images: ['full-1', 'more-1'] }
    const begun = performance.now()
    await eventually('the restore', async () => (await transfers.restore(restore, 2000)).done)
    console.log(`${full.length + more.length} bytes restored in ${((performance.now() - begun) / 1000).toFixed(1)} s`)
    assert.is(JSON.stringify(await ask(B, 'digest')), before)
    assert.ok((await transfers.restore(restore, 2000)).done, 'told again it is not done again')
    const memory = await eventually('what it says of its memory', async () => (await driver.diagnostics?.(B))?.guestMemory, 15_000)
    assert.ok(memory.actualMb === 128 && memory.totalMb < 128 && memory.availableMb > 10, JSON.stringify(memory))
    const { malformed, stale, foreign, flooded } = guests.session(B).counters()
    assert.equal({ malformed, stale, foreign, flooded }, { malformed: 0, stale: 0, foreign: 0, flooded: 0 })
    await eventually('it is heard all the time', async () => guests.session(B).belief().heard === true)
    assert.is((await guestIn(driver, B))?.power, 'running')
  })
})

test.run()
