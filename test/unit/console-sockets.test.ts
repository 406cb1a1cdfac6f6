/** The WebSockets of a gateway under clients that break the rules, over real connections: each is told why, and the next is served. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPageWorld, type PageWorld, type PageWorldOptions } from '../support/page-world.ts'
import { dial, within } from '../support/socket.ts'

const test = suite('console sockets')
const WAIT_MS = 5_000
const CONSOLE = 'baton.console.v1'
const GUEST = 'baton.guest.v1'
const ID = '4be6c5d0-8a5f-4a53-9c42-0d3f6d0d2f11'

interface Client {
  readonly socket: WebSocket
  /** Texts, and of binary frames their text. */
  readonly heard: string[]
  /** Resolves when something heard has this in it. */
  until(part: string): Promise<string>
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
}

function connect(url: string, protocols: string[] = []): Client {
  const socket = new WebSocket(url, protocols)
  socket.binaryType = 'arraybuffer'
  const heard: string[] = []
  const looks = new Set<() => void>()
  socket.addEventListener('message', ({ data }) => {
    heard.push(data instanceof ArrayBuffer ? Buffer.from(data).toString('utf8') : String(data))
    for (const look of looks) look()
  })
  const closed = new Promise<{ code: number; reason: string }>(resolve =>
    socket.addEventListener('close', ({ code, reason }) => resolve({ code, reason })),
  )
  const client: Client = {
    ...{ socket, heard },
    get closed() {
      return within(WAIT_MS, 'the connection to be closed', closed)
    },
    until(part) {
      const { promise, resolve } = Promise.withResolvers<string>()
      const look = (): void => {
        const found = heard.find(text => text.includes(part))
        if (found === undefined) return
        looks.delete(look)
        resolve(found)
      }
      looks.add(look)
      look()
      return within(WAIT_MS, `"${part}"; heard ${heard.join(' ').slice(0, 500)}`, promise)
    },
  }
  return client
}

interface Visit {
  readonly world: PageWorld
  readonly ws: string
  /** Somebody who watches, and was greeted. */
  watcher(token?: string): Promise<Client>
  /** The URL of a console of the one instance, as a member of its project asks for it. */
  consoleUrl(type?: 'serial' | 'novnc', token?: string): Promise<{ readonly status: number; readonly url: string; readonly why: string }>
}

async function visiting(options: PageWorldOptions, visit: (visit: Visit) => Promise<void>): Promise<void> {
  const world = await createPageWorld({ hosts: 1, ...options })
  const ws = world.origin.replace('http', 'ws')
  const clients: Client[] = []
  const member = await world.identity.member('mia', 'shop', 'member')
  const asked = { project: 'shop-id', flavor: 'small', image: 'fake', metadata: {}, reservation: 'r', requestId: 'req-made' }
  await world.fake.api.createInstances({ ids: [ID], name: 'shop-front-1', ...asked })
  world.finish(ID)
  world.setInstance(ID, { host: 'compute-1' })
  try {
    await visit({
      world,
      ws,
      async watcher(token = member) {
        const client = connect(`${ws}/console`, [CONSOLE, `baton.token.${token}`])
        clients.push(client)
        await client.until('"hello"')
        return client
      },
      async consoleUrl(type = 'serial', token = member) {
        const answer = await fetch(`${world.origin}/compute/v2.1/servers/${ID}/remote-consoles`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-auth-token': token, 'openstack-api-version': 'compute 2.90' },
          body: JSON.stringify({ remote_console: { protocol: type === 'serial' ? 'serial' : 'vnc', type } }),
        })
        const body = (await answer.json()) as { remote_console?: { url: string } }
        return { status: answer.status, url: body.remote_console?.url ?? '', why: JSON.stringify(body) }
      },
    })
  } finally {
    for (const { socket } of clients) socket.close()
    await world.close()
  }
}

const send = ({ socket }: Client, message: object): void => socket.send(JSON.stringify(message))

/** The first bytes of a WebSocket, by hand. */
const handshake = (path: string, more: readonly string[] = [], protocol = CONSOLE): string =>
  [
    ...[`GET ${path} HTTP/1.1`, 'host: 127.0.0.1', 'upgrade: websocket', 'connection: upgrade', 'sec-websocket-version: 13'],
    ...['sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==', `sec-websocket-protocol: ${protocol}`, ...more, '', ''],
  ].join('\r\n')

test('refused before the handshake: another site, another path, a token in the URL, no protocol, nonsense', () =>
  visiting({}, async ({ world, watcher }) => {
    const port = Number(new URL(world.origin).port)
    const evil = ['origin: https://evil.example.org']
    const refused: readonly [string, RegExp][] = [
      [handshake('/console', evil), /403 Forbidden[\s\S]*other web sites/],
      [handshake('/remote-console?token=x', evil, 'binary'), /403 Forbidden[\s\S]*other web sites/],
      [handshake('/elsewhere'), /404 Not Found[\s\S]*\/console and \/remote-console/],
      [handshake('/console?token=secret'), /400 Bad Request[\s\S]*stand in every log/],
      [handshake('/console', [], 'chat'), /400 Bad Request[\s\S]*baton\.console\.v1/],
      [handshake('/remote-console?token=x', [], 'chat'), /400 Bad Request[\s\S]*binary/],
      [handshake('/console').replace('dGhlIHNhbXBsZSBub25jZQ==', 'short'), /400 Bad Request/],
    ]
    for (const [first, words] of refused) assert.match(await (await dial(port, first)).ended, words)
    await watcher()
  }))

test('frames that are too large, binary, broken or cut off end their connection with the reason; others go on', () =>
  visiting({}, async ({ world, watcher }) => {
    const witness = await watcher()
    const large = await watcher()
    large.socket.send('x'.repeat(20_000))
    assert.is((await large.closed).code, 1009)
    const binary = await watcher()
    binary.socket.send(Uint8Array.of(0, 1, 2, 255))
    assert.equal(await binary.closed, { code: 1003, reason: 'binary frames are not spoken here' })
    const port = Number(new URL(world.origin).port)
    // No mask, a reserved bit, an unknown kind of frame, a control frame in pieces, a length beyond all bounds.
    for (const bytes of [
      [0x81, 0x01, 0x41],
      [0xf1, 0x80, 0, 0, 0, 0],
      [0x83, 0x80, 0, 0, 0, 0],
      [0x09, 0x80, 0, 0, 0, 0],
      [0x81, 0xff, ...Array(8).fill(0xff)],
    ]) {
      const raw = await dial(port, handshake('/console'))
      await raw.until(/101 Switching/)
      raw.socket.write(Buffer.from(bytes))
      await raw.ended
    }
    const gone = await dial(port, handshake('/console'))
    gone.socket.destroy()
    send(witness, { type: 'ping' })
    await witness.until('"pong"')
  }))

test('unknown topics and thousands of subscriptions are refused one by one, and then the client is let go', () =>
  visiting({ consoleLimits: { burst: 5000 } }, async ({ watcher }) => {
    const witness = await watcher()
    const client = await watcher()
    for (const topic of ['secrets', '__proto__', 'constructor', '']) send(client, { type: 'subscribe', id: `t-${topic}`, topic })
    await client.until('no topic \\"secrets\\"')
    await client.until('no topic \\"__proto__\\"')
    for (let i = 0; i < 3000; i++) send(client, { type: 'subscribe', id: String(i), topic: 'instances', params: { name: `n-${i}` } })
    const { code, reason } = await client.closed
    assert.equal([code, reason], [1008, 'too many messages that were refused'])
    assert.ok(client.heard.some(text => text.includes('at most 64 subscriptions')))
    send(witness, { type: 'subscribe', id: 'a', topic: 'instances' })
    await witness.until('shop-front-1')
  }))

test("without the right: the cluster, another project's instance and its console are refused, and a console is not given", () =>
  visiting({}, async ({ world, watcher, consoleUrl }) => {
    const reader = await world.identity.member('rob', 'shop', 'reader')
    const stranger = await world.identity.member('sue', 'other', 'member')
    const looks = await watcher(reader)
    for (const topic of ['cluster', 'nodes', 'queues', 'hosts']) {
      send(looks, { type: 'subscribe', id: topic, topic })
      assert.match(await looks.until(`"id":"${topic}"`), /"Forbidden"/)
    }
    const foreign = await watcher(stranger)
    send(foreign, { type: 'subscribe', id: 'c', topic: 'console', params: { id: ID } })
    assert.match(await foreign.until('"id":"c"'), /"NotFound"/)
    const [byReader, byStranger, byNobody] = await Promise.all([
      consoleUrl('serial', reader),
      consoleUrl('serial', stranger),
      consoleUrl('serial', 'x'),
    ])
    assert.equal([byReader.status, byStranger.status, byNobody.status], [403, 404, 401])
    assert.is(world.guest.opened.length, 0)
  }))

test('a token that ends while its client is connected takes the connection with it; another one carries it on', () =>
  visiting({ consoleLimits: { judgeMs: 20 } }, async ({ world, watcher }) => {
    const [short, kept] = [await watcher(), await watcher()]
    world.identity.pass(1_800_000)
    send(kept, { type: 'auth', token: await world.identity.token('mia', 'mia-password', 'shop') })
    // Nothing says that it was taken, but what was sent after it is answered after it.
    send(kept, { type: 'ping' })
    await kept.until('"pong"')
    world.identity.pass(1_900_000)
    await world.identity.gate.refresh()
    assert.is((await short.closed).code, 4401)
    send(kept, { type: 'subscribe', id: 'a', topic: 'instances' })
    await kept.until('"id":"a"')
  }))

test('a serial console as the clients of Nova speak it: bytes in binary frames, a URL good once, both ends in the audit log', () =>
  visiting({}, async ({ world, ws, consoleUrl }) => {
    const { status, url, why } = await consoleUrl()
    assert.is(status, 200, why)
    assert.ok(url.startsWith(`${ws}/remote-console?token=`), url)
    const client = connect(url, ['binary'])
    await client.until('login: ')
    client.socket.send(Buffer.from('root\r'))
    await client.until('you typed a line')
    assert.not(
      client.heard.some(text => text.includes('"type"')),
      'nothing but what the guest says',
    )
    const again = connect(url, ['binary'])
    assert.equal(await again.closed, { code: 4401, reason: 'this console token was used already, has expired, or never was one; ask for another' })
    client.socket.close()
    await client.closed
    await until('the end in the audit log', () => world.audited.length === 2)
    assert.equal(world.audited, [`WEBSOCKET /remote-console open serial ${ID} mia-id`, `WEBSOCKET /remote-console close serial ${ID} mia-id`])
    await until('the line to be closed', () => world.guest.opened[0]?.isClosed() === true)
  }))

test('tokens that are none, frames too large, texts that mean nothing: each is told; the guest hears none of it', () =>
  visiting({}, async ({ world, ws, consoleUrl }) => {
    for (const token of ['', 'x', '..', `${'A'.repeat(5000)}.b`, 'Y29tcHV0ZS0x.00000000-0000-4000-8000-000000000000', '%00%ff'])
      assert.is((await connect(`${ws}/remote-console?token=${token}`, ['binary']).closed).code, 4401, token)
    const large = connect((await consoleUrl()).url, ['binary'])
    await large.until('login: ')
    large.socket.send(new Uint8Array(100_000))
    assert.is((await large.closed).code, 1009)
    const text = connect((await consoleUrl()).url, [GUEST])
    await text.until('"open"')
    text.socket.send('{"type":"reboot"}')
    assert.is((await text.closed).code, 1003)
    assert.equal(world.guest.opened.map(each => each.heard()).join(''), '')
    assert.match((await consoleUrl('novnc')).url, /\/#\/screen\?token=/)
  }))

test('a guest that takes nothing, and a client that sends without end: what waits is bounded, and all arrives when it listens', () =>
  visiting({}, async ({ world, consoleUrl }) => {
    const client = connect((await consoleUrl()).url, [GUEST])
    await client.until('"keyboard"')
    const [line] = world.guest.opened
    line?.takes(0)
    const piece = new Uint8Array(32 * 1024).fill(0x61)
    const total = 40 * piece.length
    for (let i = 0; i < 40; i++) client.socket.send(piece)
    await until('the socket to be full', () => client.socket.bufferedAmount > 0)
    line?.takes(Number.POSITIVE_INFINITY)
    await until('all of it', () => line?.heard().length === total, 20_000)
    client.socket.close()
  }))

test('as many consoles as there may be, and no more; one that is idle is closed', () =>
  visiting({ remoteLimits: { clients: 2, pingMs: 20, idleMs: 150 } }, async ({ world, consoleUrl }) => {
    const urls = await Promise.all([consoleUrl(), consoleUrl(), consoleUrl()])
    const [first, second] = urls.slice(0, 2).map(({ url }) => connect(url, [GUEST]))
    await Promise.all([first?.until('"keyboard"'), second?.until('"keyboard"')])
    const port = Number(new URL(world.origin).port)
    const third = await dial(port, handshake(urls[2]?.url.slice(urls[2].url.indexOf('/remote')) ?? '', [], GUEST))
    assert.match(await third.ended, /503 Service Unavailable[\s\S]*already 2 consoles/)
    assert.equal(await first?.closed, { code: 4408, reason: 'nothing was typed or written for 30 minutes' })
  }))

async function until(what: string, look: () => boolean, boundMs = WAIT_MS): Promise<void> {
  const endMs = performance.now() + boundMs
  while (!look()) {
    if (performance.now() > endMs) throw new Error(`not within ${boundMs} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

test.run()
