/** What guests of QEMU move by: the door between hosts, progress in bytes, and which machines fit. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { PassThrough } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseShape, whyNotHere } from '../../actors/hypervisor/drivers/qemu/shape.ts'
import { checkGrows } from '../../actors/hypervisor/drivers/qemu/storage.ts'
import { memoryTransfer, mirrorOf, progressOf } from '../../actors/hypervisor/drivers/qemu/transfer.ts'
import { call, carry, createDoor } from '../../actors/hypervisor/drivers/qemu/tunnel.ts'
import { realEnv, rejects } from '../support/driver-contract.ts'

const GB = 1024 ** 3

async function withDoor(run: (door: ReturnType<typeof createDoor>) => Promise<void>): Promise<void> {
  const door = createDoor(realEnv, '127.0.0.1')
  try {
    await run(door)
  } finally {
    door.close()
  }
}

test('who has the key of a move is let in, says what for, and bytes go both ways', () =>
  withDoor(async door => {
    const sent = randomBytes(300_000)
    const at = await door.invite('m1', async (channel, stream) => {
      for await (const bytes of stream) {
        stream.end(Buffer.concat([Buffer.from(`${channel} ${bytes}:`), sent]))
        return void (await once(stream, 'finish'))
      }
    })
    const stream = await call(realEnv, at, 'file disk 7')
    stream.write('go on')
    assert.is(Buffer.compare(await buffer(stream), Buffer.concat([Buffer.from('file disk 7 go on:'), sent])), 0)
  }))

test('who has not is not: another key, another move, one that is over, no TLS at all', () =>
  withDoor(async door => {
    let served = 0
    const serve = async (): Promise<void> => void served++
    const one = await door.invite('m1', serve)
    const two = await door.invite('m2', serve)
    for (const wrong of [
      { ...one, key: two.key },
      { ...one, move: 'm3' },
      { ...one, key: randomBytes(32).toString('hex') },
    ])
      await rejects('DriverFault', call(realEnv, wrong, 'memory'), /cannot be reached for this move/)
    door.dismiss('m1')
    await rejects('DriverFault', call(realEnv, one, 'memory'))
    const plain = createConnection(two.port, two.host)
    plain.end('memory\n')
    plain.on('error', () => {})
    await once(plain, 'close')
    assert.is(served, 0)
  }))

test('an invitation replaces the one before it, and whoever came with that is sent away', () =>
  withDoor(async door => {
    const stay = async (_channel: string, stream: PassThrough | NodeJS.ReadWriteStream): Promise<void> => void (await once(stream, 'close'))
    const before = await door.invite('m', stay)
    const caller = await call(realEnv, before, 'memory')
    caller.resume()
    await call(realEnv, before, 'memory').then(other => other.resume())
    const after = await door.invite('m', stay)
    await once(caller, 'close')
    await rejects('DriverFault', call(realEnv, before, 'memory'))
    assert.is(after.port, before.port, 'one port for all')
    ;(await call(realEnv, after, 'memory')).destroy()
  }))

test('a tunnel carries what was said before its end, and breaks with either of its ends', async () => {
  await withDoor(async door => {
    const last = randomBytes(2_000_000)
    const came: Buffer[] = []
    const at = await door.invite('m', async (_channel, stream) => {
      for await (const bytes of stream) came.push(bytes)
    })
    // Its other direction is closed at once, as a QEMU does that has sent all.
    const near = new PassThrough({ allowHalfOpen: false })
    const carried = carry(near, await call(realEnv, at, 'memory'))
    near.end(last)
    await carried
    assert.is(Buffer.compare(Buffer.concat(came), last), 0)
  })
  const [a, b] = [new PassThrough(), new PassThrough()]
  const carried = carry(a, b)
  b.destroy(new Error('gone'))
  await carried
  assert.ok(a.destroyed)
  // The other host was gone before QEMU had connected: it must hear that, or it would wait for ever.
  const late = new PassThrough()
  await carry(late, b)
  assert.ok(late.destroyed)
})

test('what QEMU says of a transfer becomes bytes, and it has converged when the rest fits into the time a guest may stand still', () => {
  const ram = { total: 1000, transferred: 600, remaining: 100, 'dirty-sync-count': 2, mbps: 8 }
  const at = (status: string, more: object = {}) => memoryTransfer({ status, ram: { ...ram, ...more } })
  const far = (memory: ReturnType<typeof at>, downtimeMs: number) => progressOf(memory, null, 5000, false, downtimeMs).converged
  // 8 Mbit a second are 1000 bytes a ms.
  assert.equal(
    [far(at('active'), 1), far(at('active', { remaining: 1001 }), 1), far(at('active', { 'dirty-sync-count': 1 }), 1)],
    [true, false, false],
  )
  assert.equal([far(at('pre-switchover'), 0), far(at('completed'), 0), far(at('setup'), 1), far(memoryTransfer({}), 9)], [true, true, true, false])
  assert.equal(memoryTransfer({ status: 'failed', 'error-desc': 'broken pipe' }).reason, 'broken pipe')
  assert.is(memoryTransfer(null).state, 'none')
  assert.is(at('toString').state, 'active', 'a word nobody knows')
  const mirror = mirrorOf([{ device: 'other' }, { device: 'mirror', len: 10, offset: 4, ready: false }])
  const { diskTotalBytes, diskProcessedBytes, diskRemainingBytes, memoryRemainingBytes, converged } = progressOf(
    memoryTransfer({}),
    mirror,
    5000,
    true,
    9,
  )
  assert.equal([diskTotalBytes, diskProcessedBytes, diskRemainingBytes, memoryRemainingBytes, converged], [10, 4, 6, 5000, false])
})

test('a machine goes on only where it looks the same', () => {
  const shape = { accelerator: 'kvm', cpu: 'A', slots: {}, kernel: null, diskBytes: 1, paused: false }
  assert.is(whyNotHere(shape, { accelerator: 'kvm' }, 'A'), null)
  assert.match(whyNotHere(shape, { accelerator: 'kvm' }, 'B') ?? '', /its processor is A, and that of this host is B/)
  assert.match(whyNotHere(shape, { accelerator: 'tcg' }, 'A') ?? '', /migrate it cold instead/)
  assert.equal(parseShape(shape), shape)
  assert.throws(() => parseShape({ fake: 1 }), /has not said what the machine looks like/)
})

test('a disk grows and never shrinks', () => {
  checkGrows({ instance: 'i', diskGb: 2 }, GB)
  checkGrows({ instance: 'i', diskGb: 1 }, GB)
  checkGrows({ instance: 'i', diskGb: 0 }, GB)
  assert.throws(() => checkGrows({ instance: 'i', diskGb: 1 }, GB + 1), /has 2 GB and cannot shrink to 1 GB/)
})

test.run()
