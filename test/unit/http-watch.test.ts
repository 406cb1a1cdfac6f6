/** Operations watched over real connections. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { HttpLimits } from '../../transport/http/limits.ts'
import { createFace, type TestFace } from '../support/http.ts'
import { dial, listen, within } from '../support/socket.ts'

async function serving(limits: Partial<HttpLimits>, body: (face: TestFace, port: number, id: string) => Promise<void>): Promise<void> {
  const face = createFace({ watchPollMs: 10, ...limits })
  const port = await listen(face.app)
  try {
    await body(face, port, await face.newServer())
  } finally {
    await within(4_000, 'the server to close', face.app.close())
  }
}

const watch = (port: number, id: string) => dial(port, `GET /baton/v1/operations/${id}.1/watch HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)

/** The operations in what was received: each line is one chunk. */
const operations = (text: string): { status: string; cancelRequested: boolean }[] =>
  text
    .split('\r\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line).operation)

test('a watch sends the operation now, at each change, and ends with it', () =>
  serving({}, async (face, port, id) => {
    const client = await watch(port, id)
    await client.until(/"cancelRequested":false/)
    assert.match(client.text(), /^HTTP\/1\.1 200 OK.*content-type: application\/x-ndjson/s)
    face.fake.setOperation(`${id}.1`, { cancelRequested: true })
    await client.until(/"cancelRequested":true/)
    face.fake.finish(id)
    const seen = operations(await client.ended)
    assert.equal(
      seen.map(({ status, cancelRequested }) => [status, cancelRequested]),
      [
        ['running', false],
        ['running', true],
        ['done', true],
      ],
    )
  }))

test('an operation that has ended is one line; an unknown one is 404', () =>
  serving({}, async (face, port, id) => {
    face.fake.finish(id)
    assert.equal(
      operations(await (await watch(port, id)).ended).map(({ status }) => status),
      ['done'],
    )
    assert.is((await face.ask('GET', `/baton/v1/operations/${id}.7/watch`)).status, 404)
    assert.is((await face.ask('GET', '/baton/v1/operations/nope/watch')).status, 404)
    assert.is((await face.ask('HEAD', `/baton/v1/operations/${id}.1/watch`)).status, 405)
  }))

test('a watch goes on over a cluster that fails over, and ends when the operation is gone', () =>
  serving({}, async (face, port, id) => {
    const client = await watch(port, id)
    await client.until(/"running"/)
    face.fake.fail('getOperation', new BatonError('Unavailable', 'moving'))
    const polls = face.fake.calls.length
    const since = performance.now()
    while (face.fake.calls.length < polls + 3 && performance.now() - since < 2_000) await new Promise(setImmediate)
    face.fake.heal('getOperation')
    face.fake.setOperation(`${id}.1`, { cancelRequested: true })
    await client.until(/"cancelRequested":true/)
    face.fake.fail('getOperation', new BatonError('NotFound', 'archived'))
    assert.is(operations(await client.ended).length, 2)
  }))

test('watchers are bounded in number, and one that leaves makes room', () =>
  serving({ maxWatchers: 1 }, async (face, port, id) => {
    const first = await watch(port, id)
    await first.until(/"running"/)
    const refused = await face.ask('GET', `/baton/v1/operations/${id}.1/watch`)
    assert.equal([refused.status, refused.headers['retry-after']], [503, '5'])
    first.socket.destroy()
    await first.ended
    const since = performance.now()
    let second = await watch(port, id)
    while (!(await second.until(/HTTP\/1\.1 \d+ /)).includes(' 200 ') && performance.now() - since < 2_000) second = await watch(port, id)
    await second.until(/"running"/)
    second.socket.destroy()
    await second.ended
  }))

test('watchers are bounded in time', () =>
  serving({ watchLifeMs: 50 }, async (_face, port, id) => {
    const text = await (await watch(port, id)).ended
    assert.is(operations(text).length, 1)
    assert.match(text, /\r\n0\r\n\r\n$/)
  }))

test('a watched operation that stands still outlives the idle time of a connection', () =>
  serving({ idleTimeoutMs: 60, watchLifeMs: 400 }, async (_face, port, id) => {
    const began = performance.now()
    await (await watch(port, id)).ended
    assert.ok(performance.now() - began >= 350)
  }))

test('closing the server ends its watches properly', async () => {
  const face = createFace()
  const port = await listen(face.app)
  const id = await face.newServer()
  const client = await watch(port, id)
  await client.until(/"running"/)
  await within(2_000, 'the server to close', face.app.close())
  assert.match(await client.ended, /\r\n0\r\n\r\n$/)
})

test.run()
