import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { Dealer } from 'zeromq'
import { BatonError } from '../../actors/kernel/errors.ts'
import { LINK_LIMITS, type Link } from '../../transport/link.ts'
import { createOutbox, FRAME_LIMITS, unpack } from '../../transport/zeromq-frames.ts'
import { createZeromqLink } from '../../transport/zeromq-link.ts'
import { inbox, type LinkHarness, linkContract } from '../unit/link-contract.ts'

const WAIT_MS = 15_000
const linkModule = JSON.stringify(new URL('../../transport/zeromq-link.ts', import.meta.url).href)

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + WAIT_MS
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${WAIT_MS} ms: ${what}`)
    await delay(2)
  }
}

function createHarness(): LinkHarness {
  const faults: unknown[] = []
  const links: Link[] = []
  return {
    faults,
    until,
    open(node) {
      const link = createZeromqLink({ identity: `${node}#${links.length}`, onFault: error => faults.push(error) })
      links.push(link)
      return link
    },
    endpoint: () => 'tcp://127.0.0.1:*',
    async close() {
      await Promise.all(links.map(link => link.close()))
    },
  }
}

const test = linkContract('zeromq link', createHarness)

/** A listener that echoes, a link that dialled it, and a way to ask whether the two still understand each other. */
async function withPair(body: (listener: Link, endpoint: string, exchange: (words: string) => Promise<void>, net: LinkHarness) => Promise<void>) {
  const net = createHarness()
  try {
    const listener = net.open('listener')
    const endpoint = await listener.listen('tcp://127.0.0.1:*')
    listener.onMessage((peer, message) => listener.send(peer, message))
    const caller = net.open('caller')
    const answers = inbox(caller)
    await body(
      listener,
      endpoint,
      async words => {
        caller.send(caller.dial(endpoint), Buffer.from(words))
        await until(`the answer to ${words}`, () => answers.at(-1)?.words === words)
      },
      net,
    )
  } finally {
    await net.close()
  }
}

/** Writes to the port what no ZeroMQ peer would, and leaves. */
async function attack(endpoint: string, garbage: Uint8Array): Promise<void> {
  const socket = connect(Number(new URL(endpoint).port), '127.0.0.1')
  // The listener may well reset the connection.
  socket.on('error', () => {})
  await once(socket, 'connect')
  const gone = new Promise<void>(resolve => socket.on('close', () => resolve()))
  socket.resume()
  socket.end(garbage)
  await Promise.race([gone, delay(300)])
  socket.destroy()
}

/** The first bytes of a real ZeroMQ connection: signature, version 3.1, mechanism NULL, and READY of a DEALER. */
const greeting = Buffer.concat([Buffer.from('ff00000000000000017f0301', 'hex'), Buffer.from('NULL'.padEnd(20, '\0')), Buffer.alloc(32)])
const ready = Buffer.concat([
  Buffer.from([4, 28, 5]),
  Buffer.from('READY'),
  Buffer.from([11]),
  Buffer.from('Socket-Type'),
  Buffer.from([0, 0, 0, 6]),
  Buffer.from('DEALER'),
])

test('garbage on the port disturbs nobody', async () => {
  await withPair(async (listener, endpoint, exchange, net) => {
    await exchange('before')
    const hugeLength = Buffer.from('027fffffffffffffff', 'hex')
    const attacks: Record<string, Uint8Array> = {
      'random bytes': randomBytes(64 * 1024),
      'an HTTP request': Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      'a truncated greeting': greeting.subarray(0, 20),
      'a greeting of another version': Buffer.concat([Buffer.from('ff00000000000000017f09', 'hex'), randomBytes(53)]),
      'a greeting and no more': greeting,
      'a broken READY': Buffer.concat([greeting, ready.subarray(0, 12), randomBytes(100)]),
      'a frame of 8 EiB': Buffer.concat([greeting, ready, hugeLength, Buffer.alloc(1000)]),
      'a truncated frame': Buffer.concat([greeting, ready, Buffer.from([0, 200, 1, 2, 3])]),
      'a flood of commands': Buffer.concat([greeting, ready, ...Array.from({ length: 1000 }, () => Buffer.from([4, 2, 1, 0x61]))]),
    }
    for (const [name, garbage] of Object.entries(attacks)) {
      await attack(endpoint, garbage)
      await exchange(`after ${name}`)
    }
    assert.equal(net.faults, [])
    assert.is(listener.stats().messagesIn, 1 + Object.keys(attacks).length, 'nothing of it reached a handler')
  })
})

const one = Buffer.from([0, 0, 0, 1, 0x78])

test('frames that are none of ours are counted and dropped', async () => {
  await withPair(async (listener, endpoint, exchange, net) => {
    const stranger = new Dealer({ linger: 0 })
    try {
      stranger.connect(endpoint)
      const bad: Buffer[][] = [
        [Buffer.alloc(0)],
        [Buffer.from([0, 0, 0, 0])],
        [Buffer.from([0, 0, 0, 9, 1])],
        [Buffer.from([0, 0, 1])],
        [Buffer.from([255, 255, 255, 255, 1])],
        [one, one],
        Array.from({ length: 500 }, () => one),
        [Buffer.concat(Array.from({ length: FRAME_LIMITS.messages + 1 }, () => one))],
      ]
      for (const parts of bad) await stranger.send(parts)
      await until('all are counted', () => listener.stats().malformed === bad.length)
      assert.is(listener.stats().messagesIn, FRAME_LIMITS.messages, 'only those within the limit of the last frame were handed over')
      await stranger.send(one)
      await until('the stranger may still speak', () => listener.stats().messagesIn === FRAME_LIMITS.messages + 1)

      // ZeroMQ itself ends the connection on a frame over the limit; the stranger reconnects.
      await stranger.send(Buffer.alloc(LINK_LIMITS.maxMessageBytes + 1000))
      await exchange('after an oversized frame')
      await until('the stranger is back', () => {
        void stranger.send(one).catch(() => {})
        return listener.stats().messagesIn > FRAME_LIMITS.messages + 2
      })
      assert.equal(net.faults, [])
    } finally {
      stranger.close()
    }
  })
})

test('a peer that does not read fills its own queue only', async () => {
  await withPair(async (listener, endpoint, exchange) => {
    const lazy = new Dealer({ linger: 0, receiveHighWaterMark: 1 })
    try {
      lazy.connect(endpoint)
      let lazyPeer = ''
      listener.onMessage((peer, message) => {
        if (message.length === 1) lazyPeer = peer
        else listener.send(peer, message)
      })
      await lazy.send(one)
      await until('the lazy one is known', () => lazyPeer !== '')
      // More than fits into the sockets' buffers, so that it must wait in the outbox.
      const chunk = 256 * 1024
      let accepted = 0
      const numbered = (): Buffer => {
        const message = Buffer.alloc(chunk)
        message.writeUInt32BE(accepted)
        return message
      }
      await until('its queue is full', () => {
        while (listener.send(lazyPeer, numbered()) === 'sent') accepted++
        return listener.stats().messagesOut > 0 && listener.stats().queued * chunk > LINK_LIMITS.sendQueueBytes - 8 * chunk
      })
      assert.is(listener.send(lazyPeer, numbered()), 'full')
      await exchange('others are served')

      const seen: number[] = []
      while (seen.length < accepted) {
        const parts = await Promise.race([lazy.receive(), delay(WAIT_MS, null, { ref: false })])
        const [frame] = parts ?? []
        if (!frame) throw new Error(`only ${seen.length} of ${accepted} arrived`)
        assert.ok(unpack(frame, message => seen.push(Buffer.from(message).readUInt32BE())))
      }
      assert.equal(
        seen,
        Array.from({ length: accepted }, (_, i) => i),
        'in order, none lost',
      )
      assert.is(listener.send(lazyPeer, numbered()), 'sent')
    } finally {
      lazy.close()
    }
  })
})

test('PortInUse names the port and what to do', async () => {
  await withPair(async (_, endpoint, __, net) => {
    const port = Number(new URL(endpoint).port)
    try {
      await net.open('second').listen(endpoint)
      assert.unreachable()
    } catch (error) {
      assert.instance(error, BatonError)
      if (!(error instanceof BatonError)) return
      assert.is(error.code, 'PortInUse')
      assert.match(error.message, new RegExp(`port ${port}.*choose another`))
      assert.is(error.details?.port, port)
    }
  })
})

test('endpoints that cannot be are refused', async () => {
  const net = createHarness()
  const link = net.open('a')
  const refused = async (what: () => unknown): Promise<unknown> => {
    try {
      await what()
    } catch (error) {
      return error instanceof BatonError ? error.code : error
    }
    return 'nothing thrown'
  }
  try {
    const tooLong = `ipc:///${'x'.repeat(200)}`
    for (const endpoint of ['', 'nonsense', 'tcp://127.0.0.1', 'tcp://127.0.0.1:99999', 'tcp://127.0.0.1:x', 'pigeon://loft:1', tooLong]) {
      assert.is(await refused(() => link.dial(endpoint)), 'ConfigInvalid', `dial ${endpoint}`)
      assert.is(await refused(() => link.listen(endpoint)), 'ConfigInvalid', `listen ${endpoint}`)
    }
    assert.is(await refused(() => link.dial('tcp://127.0.0.1:*')), 'ConfigInvalid', 'any port is for listeners')
  } finally {
    await net.close()
  }
})

test('talks over ipc, and does not push a living listener aside', async () => {
  const net = createHarness()
  const path = join(tmpdir(), `baton-link-${process.pid}.sock`)
  try {
    const a = net.open('a')
    const b = net.open('b')
    const endpoint = await b.listen(`ipc://${path}`)
    assert.is(endpoint, `ipc://${path}`)
    const seen = inbox(b)
    a.send(a.dial(endpoint), Buffer.from('over ipc'))
    await until('it arrives', () => seen.length === 1)
    try {
      await a.listen(endpoint)
      assert.unreachable()
    } catch (error) {
      assert.is(error instanceof BatonError && error.code, 'PortInUse')
    }
    await b.close()
    const again = net.open('b')
    // ZeroMQ lets go of the endpoint a moment after `close` has resolved.
    let listening = ''
    await until('the endpoint is free; a left-over file is no listener', async () => {
      listening ||= await again.listen(endpoint).catch(() => '')
      return listening === endpoint
    })
  } finally {
    await net.close()
    rmSync(path, { force: true })
  }
})

/** A process that listens on the endpoint and echoes. */
async function spawnEcho(endpoint: string): Promise<{ child: ChildProcess; endpoint: string }> {
  const script = `
    import { createZeromqLink } from ${linkModule}
    const link = createZeromqLink({ identity: 'echo#' + process.pid })
    link.onMessage((peer, message) => link.send(peer, message))
    process.send(await link.listen(${JSON.stringify(endpoint)}))
    process.on('disconnect', () => process.exit())
  `
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const [concrete] = await once(child, 'message')
  return { child, endpoint: String(concrete) }
}

test('waits for a frozen listener, notices a killed one, and finds the next', async () => {
  const net = createHarness()
  const children: ChildProcess[] = []
  try {
    const first = await spawnEcho('tcp://127.0.0.1:*')
    children.push(first.child)
    const link = net.open('a')
    const answers = inbox(link)
    let breaks = 0
    link.onDisconnect?.(() => breaks++)
    const peer = link.dial(first.endpoint)
    const exchange = async (words: string): Promise<void> => {
      await until(`an answer to ${words}`, () => {
        if (answers.at(-1)?.words === words) return true
        // What was said into a broken connection is lost, so say it again; a few times is enough.
        if (link.stats().queued === 0) link.send(peer, Buffer.from(words))
        return false
      })
    }
    await exchange('hello')
    first.child.kill('SIGSTOP')
    // More than it takes in while it stands still: its input is full when it goes on.
    for (let i = 0; i < 1000; i++) link.send(peer, Buffer.alloc(1000, i))
    first.child.kill('SIGCONT')
    await exchange('thawed')
    assert.is(breaks, 0)
    first.child.kill('SIGKILL')
    await until('the death is seen', () => breaks === 1)
    const second = await spawnEcho(first.endpoint)
    children.push(second.child)
    await exchange('next life')
    assert.ok(answers.every(answer => answer.peer === peer))
    assert.equal(net.faults, [])
  } finally {
    for (const child of children) child.kill('SIGKILL')
    await net.close()
  }
})

test('a process that closes its links exits by itself', async () => {
  const script = `
    import { createZeromqLink } from ${linkModule}
    process.on('unhandledRejection', error => { console.log('unhandled', error); process.exit(3) })
    const [a, b, c] = ['a', 'b', 'c'].map(identity => createZeromqLink({ identity }))
    const endpoint = await b.listen('tcp://127.0.0.1:*')
    b.onMessage((peer, message) => b.send(peer, message))
    // Nobody listens on port 1: closing must not wait for what can never leave.
    c.send(c.dial('tcp://127.0.0.1:1'), Buffer.from('x'))
    const never = createZeromqLink({ identity: 'never' })
    void never.listen('tcp://127.0.0.1:*').catch(error => console.log(error.code))
    void never.close()
    a.onMessage(async () => {
      await Promise.all([a, b, c].map(link => link.close()))
      console.log('closed')
    })
    a.send(a.dial(endpoint), Buffer.from('x'))
  `
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', data => (output += data))
  const guard = setTimeout(() => child.kill('SIGKILL'), WAIT_MS)
  const [code, signal] = await once(child, 'exit')
  clearTimeout(guard)
  assert.equal({ output: output.trim().split('\n').sort(), code, signal }, { output: ['Unavailable', 'closed'], code: 0, signal: null })
})

test('the outbox packs up to its limits and keeps order', () => {
  const outbox = createOutbox()
  const sizes = [1, FRAME_LIMITS.bytes - 100, 50, 100, LINK_LIMITS.maxMessageBytes, 1, ...Array.from({ length: 5000 }, (_, i) => 1 + (i % 40))]
  const messages = sizes.map((size, i) => Buffer.alloc(size, i))
  for (const message of messages) assert.ok(outbox.push(message))
  const got: Buffer[] = []
  for (let batch = outbox.take(); batch; batch = outbox.take()) {
    assert.ok(batch.messages <= FRAME_LIMITS.messages)
    assert.ok(batch.messages === 1 || batch.frame.length <= FRAME_LIMITS.bytes)
    assert.ok(unpack(Buffer.from(batch.frame), message => got.push(Buffer.from(message))))
  }
  assert.is(got.length, messages.length)
  assert.ok(messages.every((message, i) => got[i]?.equals(message)))
  assert.is(outbox.size, 0)
})

test.run()
