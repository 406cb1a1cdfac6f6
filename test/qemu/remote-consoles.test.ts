/** The serial line and the screen of real machines: typed letters are answered, the picture comes, and nothing else is reached by them. */
import { rename, symlink } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { StreamKind } from '../../actors/hypervisor/driver.ts'
import { signal } from '../../actors/hypervisor/drivers/process/proc.ts'
import { eventually, rejects, specOf } from '../support/driver-contract.ts'
import { type QemuBench, qemuBench, skipWithout, whyNoQemu } from '../support/driver-qemu-bench.ts'
import { type Followed, followStream } from '../support/follow-stream.ts'

const A = 'aaaaaaaa-0000-4000-8000-000000000001'
const missing = await whyNoQemu()

function check(what: string, run: (open: (kind: StreamKind) => Promise<Followed>, bench: QemuBench) => Promise<void>): void {
  test(what, async () => {
    if (missing !== null) return skipWithout(missing)
    const bench = await qemuBench()
    try {
      const driver = await bench.open()
      await driver.spawn(specOf(A, bench.image), 1)
      await eventually('it is up', async () => (await driver.consoleLog(A, 5_000)).includes('boot sector is up'))
      await run(kind => followStream(driver, A, kind), bench)
    } finally {
      await bench.dispose()
    }
  })
}

check('serial: what was written before, then an answer to what is typed; the end of the machine is told', async (open, bench) => {
  const first = await open('serial')
  await eventually('the greeting', async () => first.bytes().includes('boot sector is up'))
  first.stream.write(Buffer.from('hello'))
  await eventually('an answer', async () => first.bytes().includes('hello'))
  first.stream.close()
  const second = await open('serial')
  second.stream.write(Buffer.from('again'))
  await eventually('an answer to who comes later', async () => second.bytes().includes('again'))
  signal(await bench.pid(A), 'SIGKILL')
  await eventually('its end', async () => second.ended())
})

check('screen: RFB with a picture on which something stands, for two at a time', async open => {
  const [screen, other] = await Promise.all([open('vnc'), open('vnc')])
  assert.is((await screen.until(12)).toString(), 'RFB 003.008\n')
  assert.is((await other.until(12)).toString(), 'RFB 003.008\n')
  screen.stream.write(Buffer.from('RFB 003.008\n'))
  const [count, type] = (await screen.until(14)).subarray(12)
  assert.equal([count, type], [1, 1], 'no password: who may open it was asked before')
  screen.stream.write(Uint8Array.of(1))
  await screen.until(18)
  screen.stream.write(Uint8Array.of(1))
  const init = (await screen.until(18 + 24)).subarray(18)
  const [width, height] = [init.readUInt16BE(0), init.readUInt16BE(2)]
  const begun = 18 + 24 + init.readUInt32BE(20)
  await screen.until(begun)
  const request = Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  request.writeUInt16BE(width, 6)
  request.writeUInt16BE(height, 8)
  // Raw pixels, as long as nothing else is asked for.
  screen.stream.write(request)
  const size = 4 + 12 + width * height * 4
  const picture = (await screen.until(begun + size)).subarray(begun + 16)
  const light = picture.filter(byte => byte > 0x60).length
  assert.ok(width >= 640 && height >= 350 && light > 100, `${width}x${height}, ${light} light bytes`)
})

check('what a machine that was taken over puts in the place of its socket is not reached', async (open, bench) => {
  const home = bench.runFolder(A)
  let reached = false
  const secret = createServer(() => {
    reached = true
  })
  await new Promise<void>(resolve => secret.listen(join(bench.folder, 'secret'), resolve))
  await rename(join(home, 'serial'), join(home, 'serial.away'))
  await symlink(join(bench.folder, 'secret'), join(home, 'serial'))
  await rejects('DriverFault', open('serial'), /not the socket|ELOOP|too many/i)
  assert.not(reached)
  secret.close()
})

test.run()
