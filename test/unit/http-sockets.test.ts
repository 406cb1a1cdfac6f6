/** Over real connections: clients that are slow, broken or many, and a server that closes under them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { FlavorBody } from '../../actors/api.ts'
import type { HttpLimits } from '../../transport/http/limits.ts'
import { createFace, SERVERS, type TestFace, tiny } from '../support/http.ts'
import { dial, listen, within } from '../support/socket.ts'

const CLOSE_MS = 4_000

async function serving(limits: Partial<HttpLimits>, body: (face: TestFace, port: number) => Promise<void>): Promise<void> {
  const face = createFace(limits)
  const port = await listen(face.app)
  try {
    await body(face, port)
  } finally {
    await within(CLOSE_MS, 'the server to close', face.app.close())
  }
}

const healthy = async (port: number): Promise<void> => {
  const answer = await fetch(`http://127.0.0.1:${port}/healthz`, { headers: { connection: 'close' } })
  assert.is(answer.status, 200)
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`

test("what is no HTTP gets a 400 in Nova's shape with a request id, and the server goes on", () =>
  serving({}, async (_face, port) => {
    for (const garbage of [
      '\u0000\u0001\u0002\r\n\r\n',
      'garbage\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
    ]) {
      const client = await dial(port, garbage)
      const text = await client.ended
      assert.match(text, /^HTTP\/1\.1 400 Bad Request\r\n/)
      assert.match(text, /x-openstack-request-id: req-/)
      assert.match(text, /\{"badRequest":\{"code":400,/)
    }
    await healthy(port)
  }))

test('headers over the limit get 431', () =>
  serving({ headerBytes: 2_048 }, async (_face, port) => {
    const client = await dial(port, `GET / HTTP/1.1\r\nHost: x\r\nA: ${'y'.repeat(3_000)}\r\n\r\n`)
    assert.match(await client.ended, /^HTTP\/1\.1 431 .*\{"computeFault":\{"code":431,/s)
    await healthy(port)
  }))

test('a body over the limit gets its 413, with a length and in chunks', () =>
  serving({}, async (face, port) => {
    const body = new Uint8Array(2 * 1024 * 1024).fill(32)
    const whole = await fetch(`http://127.0.0.1:${port}${SERVERS}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    assert.is(whole.status, 413)
    assert.match(await whole.text(), /^\{"overLimit":\{"code":413,/)
    const chunked = await dial(port, `POST ${SERVERS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`)
    chunked.socket.write(`${body.length.toString(16)}\r\n`)
    chunked.socket.write(body)
    assert.match(await chunked.until(/\r\n\r\n\{.*\}/s), /^HTTP\/1\.1 413 /)
    chunked.socket.destroy()
    assert.equal(face.fake.calls, [])
    await healthy(port)
  }))

test('slow senders of headers and of bodies are cut off', () =>
  serving({ requestTimeoutMs: 200 }, async (face, port) => {
    const head = await dial(port, 'GET / HTTP/1.1\r\nHost: x\r\n')
    const body = await dial(port, `POST ${SERVERS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"ser`)
    assert.match(await head.ended, /^HTTP\/1\.1 408 .*"code":408/s)
    assert.match(await body.ended, /^HTTP\/1\.1 408 /)
    assert.equal(face.fake.calls, [])
    await healthy(port)
  }))

test('a body in chunks without an end is cut off, however busily it trickles, and headers have a shorter time', () =>
  serving({ requestTimeoutMs: 400, headersTimeoutMs: 100 }, async (face, port) => {
    const begun = `POST ${SERVERS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`
    const endless = await dial(port, begun)
    const trickle = setInterval(() => endless.socket.write('1\r\n \r\n'), 20)
    const head = await dial(port, 'GET / HTTP/1.1\r\nHost: x\r\n')
    assert.match(await head.ended, /^HTTP\/1\.1 408 /)
    assert.match(await endless.ended, /^HTTP\/1\.1 408 /)
    clearInterval(trickle)
    assert.equal(face.fake.calls, [])
    await healthy(port)
  }))

test('who was refused cannot go on sending for ever either', () =>
  serving({ requestTimeoutMs: 300 }, async (_face, port) => {
    const client = await dial(port, 'POST /nope HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n')
    const trickle = setInterval(() => client.socket.write('1\r\n \r\n'), 20)
    await client.ended
    clearInterval(trickle)
    await healthy(port)
  }))

test('a client that leaves in the middle of its body is no defect', () =>
  serving({}, async (face, port) => {
    const client = await dial(port, `POST ${SERVERS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"ser`)
    client.socket.destroy()
    await client.ended
    await healthy(port)
    assert.equal(
      face.lines.filter(({ level }) => level === 'error'),
      [],
    )
  }))

test('connections over the limit are closed, the others are served', () =>
  serving({ maxConnections: 2 }, async (_face, port) => {
    const [first, second] = [await dial(port), await dial(port)]
    const third = await dial(port)
    assert.is(await third.ended, '')
    first.socket.write(get('/healthz'))
    await first.until(/"status":"ok"/)
    first.socket.destroy()
    second.socket.destroy()
  }))

test('many requests in one write are all answered, in order', () =>
  serving({}, async (_face, port) => {
    const client = await dial(port, get('/healthz').repeat(50) + get('/nope'))
    const text = await client.until(/404 Not Found.*\{.*\}/s)
    assert.is(text.match(/HTTP\/1\.1 200 OK/g)?.length, 50)
    client.socket.destroy()
  }))

test('close finishes replies, refuses what comes new, and says so in readyz', async () => {
  const face = createFace()
  const { fake, app } = face
  const flavor = Promise.withResolvers<FlavorBody>()
  const asked = Promise.withResolvers<void>()
  fake.api.getFlavor = ({ id }) => {
    asked.resolve()
    return id === 'tiny' ? flavor.promise : Promise.reject(new Error('not asked for'))
  }
  const draining = Promise.withResolvers<void>()
  app.addHook('preClose', async () => draining.resolve())
  const port = await listen(app)
  const slow = await dial(port, get('/compute/v2.1/flavors/tiny'))
  // Two that have begun a request but not ended it: their connections count as busy.
  const ready = await dial(port, 'GET /readyz HTTP/1.1\r\nHost: x\r\n')
  const late = await dial(port, `GET ${SERVERS} HTTP/1.1\r\nHost: x\r\n`)
  await within(1_000, 'the call', asked.promise)
  const closed = app.close()
  await within(1_000, 'the drain', draining.promise)
  ready.socket.write('\r\n')
  late.socket.write('\r\n')
  assert.match(await ready.ended, /^HTTP\/1\.1 503 .*this node is shutting down/s)
  assert.match(await late.ended, /^HTTP\/1\.1 503 .*retry-after: 1.*serviceUnavailable/s)
  flavor.resolve({ id: 'tiny', name: 'tiny', vcpus: 1, ramMb: 1, diskGb: 1, createdAt: 0 })
  const reply = await slow.ended
  assert.match(reply, /^HTTP\/1\.1 200 OK/)
  assert.match(reply, /connection: close/i)
  assert.match(reply, /"id":"tiny"/)
  await within(CLOSE_MS, 'the server to close', closed)
})

test('a client that does nothing cannot hold up a close', async () => {
  const { app } = createFace({ drainMs: 100 })
  const port = await listen(app)
  const client = await dial(port, 'GET / HTTP/1.1\r\nHost: x\r\n')
  await healthy(port)
  await within(CLOSE_MS, 'the server to close', app.close())
  await client.ended
})

test('an answer of the api that comes after its client left harms nobody', () =>
  serving({}, async (face, port) => {
    const flavor = Promise.withResolvers<FlavorBody>()
    const asked = Promise.withResolvers<void>()
    face.fake.api.getFlavor = () => {
      asked.resolve()
      return flavor.promise
    }
    const client = await dial(port, get('/compute/v2.1/flavors/tiny'))
    await within(1_000, 'the call', asked.promise)
    client.socket.destroy()
    await client.ended
    flavor.reject(new Error('too late'))
    await healthy(port)
    const answer = await face.ask('POST', SERVERS, tiny())
    assert.is(answer.status, 202)
  }))

test.run()
