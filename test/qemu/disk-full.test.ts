/** A host whose disk is full, at each thing a guest needs room for: it is said, nothing is half there, and what runs goes on. time limit: 60 s */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, rmdir, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { countingSector } from '../support/boot-sector.ts'
import { eventually, guestIn, rejects, specOf } from '../support/driver-contract.ts'
import { type QemuBench, qemuBench, skipWithout, whyNoQemu } from '../support/driver-qemu-bench.ts'

const A = 'aaaaaaaa-0000-4000-8000-000000000001'
const B = 'bbbbbbbb-0000-4000-8000-000000000002'
const IMAGE = '22222222-0000-4000-8000-000000000003'
const SNAPSHOT = '11111111-0000-4000-8000-000000000001'
/** Room of the host; a guest takes some hundred kB of it, and its image half. */
const ROOM_MB = 24
const IMAGE_BYTES = 8 * 1024 ** 2

const whyNot = (await whyNoQemu()) ?? (process.getuid?.() === 0 ? null : 'only root can make a small disk')

/** Runs on a disk of its own. `fill` takes all that is left of it, `empty` gives it back. */
function check(
  what: string,
  run: (bench: QemuBench, disk: { fill(leaveKb?: number): Promise<void>; empty(): Promise<void> }) => Promise<void>,
): void {
  test(what, async () => {
    if (whyNot !== null) return skipWithout(whyNot)
    const mount = await mkdtemp(join(tmpdir(), 'bq-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${ROOM_MB}m,mode=755`, 'tmpfs', mount])
    const filler = join(mount, 'filler')
    const empty = (): Promise<void> => rm(filler, { force: true })
    try {
      const bench = await qemuBench(mount)
      try {
        await bench.upload(IMAGE, 'raw', Buffer.concat([countingSector(), randomBytes(IMAGE_BYTES - 512)]))
        // What of it fits stays, when the rest does not.
        const fill = async (leaveKb = 0): Promise<void> => {
          await writeFile(filler, Buffer.alloc(ROOM_MB * 1024 ** 2)).catch(() => undefined)
          await truncate(filler, (await stat(filler)).size - leaveKb * 1024)
        }
        await run(bench, { fill, empty })
      } finally {
        await empty()
        await bench.dispose()
      }
    } finally {
      // The last process of a guest may not be quite gone.
      execFileSync('umount', ['--lazy', mount])
      await rmdir(mount)
    }
  })
}

check('a guest is not made by halves, and is made when there is room', async (bench, { fill, empty }) => {
  const driver = await bench.open()
  await fill()
  await driver.spawn(specOf(A, IMAGE), 1).then(
    () => assert.unreachable('there is no room for it'),
    error => assert.match(String(error), /ENOSPC|No space left/),
  )
  assert.equal(await driver.list(), [])
  assert.equal(await bench.pids(), [])
  await empty()
  await driver.spawn(specOf(A, IMAGE), 2)
  await eventually('it counts', async () => (await driver.consoleLog(A, 1_000)).includes('00000005'))
})

check(
  'a guest that writes stands still with the reason on its console, and goes on where it was; its memory and its snapshot are not kept by halves',
  async (bench, { fill, empty }) => {
    const driver = await bench.open()
    await driver.spawn(specOf(A, bench.image), 1)
    await fill()
    await rejects('DriverFault', driver.suspend?.(A, 2) ?? Promise.resolve(), /could not be saved/)
    assert.is((await guestIn(driver, A))?.power, 'running', 'it goes on')
    await driver.snapshot?.(A, 3, SNAPSHOT).then(
      () => assert.unreachable('there is no room for it'),
      error => assert.match(String(error), /No space left|ENOSPC/),
    )
    assert.is((await guestIn(driver, A))?.power, 'running')
    await empty()
    await driver.suspend?.(A, 4)
    await driver.resume?.(A, 5)
    assert.equal(await driver.snapshot?.(A, 6, SNAPSHOT).then(({ sizeBytes }) => sizeBytes > 0), true)
    await driver.destroy(A, 7)

    await driver.spawn(specOf(B, IMAGE), 1)
    await eventually('it counts', async () => (await driver.consoleLog(B, 1_000)).includes('00000005'))
    await driver.stop(B, 2, 0)
    await driver.rebuild?.(specOf(B, IMAGE), 3, false)
    // Enough to be written down, and less than the first piece of its disk.
    await fill(48)
    await driver.start(B, 4)
    await eventually('it stands still', async () => (await guestIn(driver, B))?.power === 'paused')
    await empty()
    await driver.unpause(B, 6)
    await eventually('it goes on', async () => (await driver.consoleLog(B, 5_000)).includes('00000009'))
  },
)

test.run()
