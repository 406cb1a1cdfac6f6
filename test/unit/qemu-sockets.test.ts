/** The sockets that users type into: bytes both ways, and nothing is reached but what QEMU has made. */
import { linkSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openSocket } from '../../actors/hypervisor/drivers/qemu/sockets.ts'
import { eventually, rejects } from '../support/driver-contract.ts'

async function withServer(fn: (path: string, folder: string, connections: Socket[]) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'baton-sockets-'))
  const connections: Socket[] = []
  const server: Server = createServer(socket => connections.push(socket))
  try {
    await new Promise<void>(resolve => server.listen(join(folder, 'serial'), resolve))
    await fn(join(folder, 'serial'), folder, connections)
  } finally {
    for (const socket of connections) socket.destroy()
    server.close()
    rmSync(folder, { recursive: true })
  }
}

test('what was before, then bytes both ways; paused, none come; the end is told once', () =>
  withServer(async (path, _folder, connections) => {
    const stream = await openSocket(path, null, Buffer.from('before '))
    let text = ''
    const ends: string[] = []
    stream.start({
      bytes(bytes) {
        text += Buffer.from(bytes).toString('utf8')
      },
      end: why => ends.push(why),
    })
    const [guest] = connections
    let heard = ''
    guest?.on('data', data => {
      heard += data
    })
    assert.is(stream.write(Buffer.from('typed')), 5)
    guest?.write('and after')
    await eventually('both', async () => text === 'before and after' && heard === 'typed')
    stream.pause()
    guest?.write(' more')
    stream.write(Buffer.from(' again'))
    await eventually('the other way', async () => heard === 'typed again')
    assert.is(text, 'before and after')
    stream.resume()
    await eventually('the rest', async () => text.endsWith(' more'))
    guest?.destroy()
    await eventually('the end', async () => ends.length > 0)
    assert.equal(ends, ['the guest has been switched off'])
  }))

test('a machine that takes nothing: what is written is refused when so much waits', () =>
  withServer(async (path, _folder, connections) => {
    const stream = await openSocket(path, null)
    stream.start({ bytes() {}, end() {} })
    connections[0]?.pause()
    const piece = Buffer.alloc(16 * 1024)
    let taken = 0
    for (let i = 0; i < 1000; i++) taken += stream.write(piece)
    assert.ok(taken < 2 * 1024 * 1024, `${taken}`)
    stream.close()
  }))

test('links, other files, sockets of others and sockets with two names are not opened', () =>
  withServer(async (path, folder, connections) => {
    const at = (name: string): string => join(folder, name)
    symlinkSync(path, at('link'))
    writeFileSync(at('file'), 'secret')
    await rejects('DriverFault', openSocket(at('link'), null), /not the socket of QEMU/)
    await rejects('DriverFault', openSocket(at('file'), null), /not the socket of QEMU/)
    await rejects('DriverFault', openSocket(folder, null), /not the socket of QEMU/)
    await rejects('DriverFault', openSocket(at('nothing'), null), /ENOENT/)
    await rejects('DriverFault', openSocket(path, { uid: 12_345, gid: 12_345 }), /not the socket of QEMU/)
    linkSync(path, at('second'))
    await rejects('DriverFault', openSocket(path, null), /not the socket of QEMU/)
    assert.is(connections.length, 0)
  }))

test.run()
