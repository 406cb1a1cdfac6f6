/** Real sockets before a hub with a cluster in memory: many clients, one that reads nothing, many that come at once. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import type { InstanceBody } from '../../actors/api.ts'
import { realEnv } from '../../supervisors/real-env.ts'
import { createHub } from '../../transport/console/hub.ts'
import { type ConsoleLimits, type ConsoleServer, createConsoleServer } from '../../transport/console/server.ts'
import { openDoors } from '../../transport/console/upgrade.ts'
import { createFakeApi } from '../support/fake-api.ts'
import { manyInstances } from '../support/many.ts'

const test = suite('console clients')
const PATIENCE_MS = 20_000
/** Rounds of changes, enough that what the kernel takes for a socket that is not read is full. */
const STIRS = 60
const MAP = { version: 1, owners: [7], members: [{ incarnation: 7, nodeId: 'conductor-1', endpoint: 'x', draining: false }] }

interface World {
  readonly url: string
  readonly server: ConsoleServer
  /** Every row changes once. */
  stir(): void
  /** Number of events behind every row. */
  rev(): number
}

async function inWorld(rows: number, limits: Partial<ConsoleLimits>, visit: (world: World) => Promise<void>): Promise<void> {
  const env = realEnv('console-clients', 'silent')
  const { api } = createFakeApi()
  const { rows: instances } = manyInstances(rows, ['compute-1'], Date.now())
  let rev = 1
  const body = (row: InstanceBody): InstanceBody => ({ ...row, rev, metadata: { filler: 'x'.repeat(500) } })
  const watched = new Proxy(api, {
    get: (target, name) =>
      name === 'listInstances'
        ? async ({ marker, limit = 1000 }: { marker?: string; limit?: number }) => {
            const from = marker === undefined ? 0 : instances.findIndex(({ id }) => id === marker) + 1
            return instances.slice(from, from + limit).map(body)
          }
        : Reflect.get(target, name),
  })
  const hub = createHub({ env, api: watched, map: () => MAP, follow: () => {} })
  const server = createConsoleServer({ ...{ env, hub, api: watched, limits }, about: { gateway: 'g', version: '0' } })
  const http = createServer()
  openDoors(http, [server.door])
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  let seq = 0
  try {
    await visit({
      ...{ server, rev: () => rev, url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/console` },
      stir() {
        rev++
        const at = Date.now()
        hub.changed(
          instances.map(row => ({
            seq: ++seq,
            kind: 'instance',
            id: row.id,
            types: ['changed'],
            at,
            table: 'instance',
            json: JSON.stringify(body(row)),
          })),
        )
      },
    })
  } finally {
    server.close()
    hub.stop()
    http.closeAllConnections()
    http.close()
  }
}

interface Client {
  readonly socket: WebSocket
  /** The newest number of events seen of each row. */
  readonly revs: Map<string, number>
  messages: number
}

async function connect(url: string): Promise<Client> {
  const socket = new WebSocket(url, 'baton.console.v1')
  const client: Client = { socket, revs: new Map(), messages: 0 }
  socket.on('message', data => {
    const message: { set?: { id: string; rev: number }[] } = JSON.parse(String(data))
    client.messages++
    for (const { id, rev } of message.set ?? []) client.revs.set(id, rev)
  })
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'subscribe', id: 'a', topic: 'instances', params: { limit: 10_000 } }))
  return client
}

async function until(what: string, isTrue: () => boolean): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS
  while (!isTrue()) {
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

const has = ({ revs }: Client, rows: number, rev: number): boolean => revs.size === rows && [...revs.values()].every(each => each === rev)

test('one that reads nothing among others: what waits for it is bounded, the others hear all, and it has the newest state when it reads again', () =>
  inWorld(200, {}, async ({ url, server, stir, rev }) => {
    const clients = await Promise.all(Array.from({ length: 6 }, () => connect(url)))
    await until('the first picture', () => clients.every(client => has(client, 200, 1)))
    const [deaf, ...others] = clients
    if (!deaf) throw new Error('a client was expected')
    deaf.socket.pause()
    const seen = deaf.messages
    // Until it is the gateway that has to wait, and far beyond: the kernel takes some MB for a socket that is not read.
    for (let i = 0; i < STIRS; i++) {
      stir()
      await until('the others to hear it', () => others.every(client => has(client, 200, rev())))
    }
    assert.ok(server.stats().waitingBytes > 0, 'it does not read: something waits')
    assert.ok(server.stats().waitingBytes < 512 * 1024, `${server.stats().waitingBytes} bytes wait for a client that does not read`)
    deaf.socket.resume()
    await until('the newest state', () => has(deaf, 200, rev()))
    assert.ok(deaf.messages - seen < STIRS * 3, 'it was told less, not later')
  }))

test('a thousand rows to many at once: a few are told at a time, and all in the end; who changes meanwhile is told after it', () =>
  inWorld(1000, { turns: 2, turnMs: 50 }, async ({ url, stir, rev }) => {
    const clients = await Promise.all(Array.from({ length: 30 }, () => connect(url)))
    stir()
    await until('all rows at all clients', () => clients.every(client => has(client, 1000, rev())))
  }))

test('handshakes are done a few at a time; who goes while it waits is no client, and over the limit one is told to try again', () =>
  inWorld(1, { handshakes: 2, handshakeMs: 30, clients: 40 }, async ({ url, server }) => {
    const comers = Array.from({ length: 60 }, () => new WebSocket(url, 'baton.console.v1'))
    const ends = comers.map(
      socket =>
        new Promise<string>(resolve => {
          socket.once('open', () => resolve('open'))
          socket.once('unexpected-response', (_, answer) => resolve(String(answer.statusCode)))
          socket.once('error', () => resolve('error'))
        }),
    )
    await until('the first of them', () => server.stats().clients > 0)
    assert.ok(server.stats().clients < 20, 'not all at once')
    // The last that was let wait: it is told nothing yet.
    comers[39]?.terminate()
    const outcomes = await Promise.all(ends)
    assert.equal([outcomes.filter(end => end === 'open').length, outcomes.filter(end => end === '503').length], [39, 20])
    assert.is(server.stats().clients, 39)
  }))

test.run()
