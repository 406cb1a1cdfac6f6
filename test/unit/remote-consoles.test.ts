/** Remote consoles between a host and a gateway: calls that are lost, come twice and come late; slow readers, deaf guests, tickets. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type ConsoleOpened,
  type ConsoleTicket,
  createRemoteConsoles as createHostConsoles,
  type RemoteConsoles as HostConsoles,
  isRelayed,
  isRemoteConsoleMethod,
  REMOTE_CONSOLE_LIMITS,
} from '../../actors/hypervisor/remote-consoles.ts'
import { createStreamTail } from '../../actors/hypervisor/stream-tail.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { createRemoteConsoles, type HostCall } from '../../supervisors/remote-consoles.ts'
import type { ConsoleEvents, RemoteConsole } from '../../transport/remote-console/console.ts'
import { partsOf, tokenOf } from '../../transport/remote-console/token.ts'
import { createFakeGuest, type FakeGuest } from '../support/fake-guest-stream.ts'
import { type Bench, simulated } from '../support/simulated.ts'

const BY = { user: 'u1', project: 'p1', requestId: 'req-1' }
const A = 'aaaaaaaa-0000-4000-8000-000000000001'

interface Looked {
  readonly console: RemoteConsole
  text(): string
  readonly seen: { missed: number; writer: boolean | null; ended: string | null }
  /** Bytes fetched wait until it is opened again. */
  shut(isShut: boolean): void
}

interface World {
  readonly bench: Bench
  readonly guest: FakeGuest
  readonly host: HostConsoles
  token(kind?: 'serial' | 'vnc'): Promise<string>
  look(token: string): Promise<Looked>
}

function inWorld(
  fn: (world: World) => Promise<void>,
  { call, first = '' }: { call?: (plain: HostCall, bench: Bench) => HostCall; first?: string } = {},
) {
  return simulated(async bench => {
    const { env } = bench
    const guest = createFakeGuest(undefined, first)
    const host = createHostConsoles({ env, driver: guest.driver })
    const plain: HostCall = async (_host, method, args) => {
      if (!isRemoteConsoleMethod(method)) throw new Error(method)
      return host.serve(method, args)
    }
    const gateway = createRemoteConsoles(env, call ? call(plain, bench) : plain)
    await fn({
      bench,
      guest,
      host,
      async token(kind = 'serial') {
        const { ticket } = (await bench.value(host.serve('consoleTicket', { instance: A, kind, by: BY }))) as ConsoleTicket
        return tokenOf('compute-1', ticket)
      },
      async look(token) {
        const got: Uint8Array[] = []
        const seen: Looked['seen'] = { missed: 0, writer: null, ended: null }
        let open: () => void = () => {}
        let gate: Promise<void> | null = null
        const events: ConsoleEvents = {
          bytes: bytes => void got.push(Uint8Array.from(bytes)),
          missed(count) {
            seen.missed += count
          },
          writer(isWriter) {
            seen.writer = isWriter
          },
          end(why) {
            seen.ended = why
          },
          room: () => gate ?? Promise.resolve(),
        }
        const console = await bench.value(gateway.open(token, events), 60_000)
        return {
          ...{ console, seen },
          text: () => Buffer.concat(got).toString('utf8'),
          shut(isShut) {
            open()
            gate = null
            if (!isShut) return
            gate = new Promise(resolve => {
              open = resolve
            })
          },
        }
      },
    })
    host.close()
  })
}

test('typed and answered; what was there before comes first; closed, the guest has its line back', () =>
  inWorld(
    async ({ bench, guest, token, look }) => {
      const line = await look(await token())
      await bench.run(10)
      assert.is(line.text(), 'login: ')
      assert.equal(line.console.opened, { instance: A, kind: 'serial', by: BY, from: 0 })
      line.console.write(Buffer.from('root\r'))
      await bench.run(10)
      const [serial] = guest.opened
      assert.is(serial?.heard(), 'root\r')
      serial?.say('welcome\n')
      await bench.run(10)
      assert.is(line.text(), 'login: welcome\n')
      line.console.close()
      await bench.run(10)
      assert.ok(serial?.isClosed())
    },
    { first: 'login: ' },
  ))

test('a token is good once, for ten minutes, at its host; the guest being off ends the session with the reason', () =>
  inWorld(async ({ bench, guest, host, token, look }) => {
    const used = await token()
    const line = await look(used)
    assert.is(await bench.code(host.serve('consoleOpen', { ticket: partsOf(used)?.ticket, session: 'another' })), 'NotFound')
    const late = await token()
    await bench.run(REMOTE_CONSOLE_LIMITS.ticketMs + 1)
    assert.is(host.stats().tickets, 0, 'those that nobody used are not kept')
    assert.is(await bench.code(host.serve('consoleOpen', { ticket: partsOf(late)?.ticket, session: 's' })), 'NotFound')
    assert.is(await bench.code(host.serve('consoleOpen', { ticket: 'x'.repeat(65), session: 's' })), 'BadRequest')
    guest.opened[0]?.say('bye\n')
    guest.opened[0]?.end('the guest has been switched off')
    await bench.run(10)
    assert.equal([line.text(), line.seen.ended], ['bye\n', 'the guest has been switched off'])
    const again = await look(await token())
    assert.is(guest.opened.length, 2, 'a new line, not the dead one')
    again.console.close()
    for (const bad of ['', 'x', 'abc.def', `${'A'.repeat(400)}.00000000-0000-4000-8000-000000000000`]) assert.is(partsOf(bad), null)
    assert.equal(partsOf(tokenOf('rack 1/höst', 'a-1'.padEnd(36, '0'))), { host: 'rack 1/höst', ticket: 'a-1'.padEnd(36, '0') })
  }))

test('many look at one line, one has the keyboard, and it can be taken; what the others type goes nowhere', () =>
  inWorld(async ({ bench, guest, token, look }) => {
    const first = await look(await token())
    const second = await look(await token())
    await bench.run(10)
    assert.equal([first.seen.writer, second.seen.writer, guest.opened.length], [true, false, 1])
    second.console.write(Buffer.from('rm -rf /\r'))
    first.console.write(Buffer.from('ls\r'))
    await bench.run(100)
    assert.is(guest.opened[0]?.heard(), 'ls\r')
    guest.opened[0]?.say('all see this')
    await bench.run(10)
    assert.equal([first.text(), second.text()], ['all see this', 'all see this'])
    second.console.take()
    await bench.run(10)
    assert.equal([first.seen.writer, second.seen.writer], [false, true])
    second.console.write(Buffer.from('id\r'))
    await bench.run(10)
    assert.is(guest.opened[0]?.heard(), 'ls\rid\r')
    second.console.close()
    await bench.run(10)
    const third = await look(await token())
    await bench.run(10)
    assert.equal([first.seen.writer, third.seen.writer], [false, true], 'who leaves takes nobody else the keyboard, and leaves it to who comes')
    assert.is(third.text(), 'all see this', 'a newcomer is shown what was before')
    await bench.run(6000)
    first.console.close()
    third.console.close()
    await bench.run(10)
    assert.ok(guest.opened[0]?.isClosed())
  }))

test('a client that does not read: a serial guest never waits, and what was missed is counted; a screen waits, and misses nothing', () =>
  inWorld(async ({ bench, guest, host, token, look }) => {
    const serial = await look(await token())
    const screen = await look(await token('vnc'))
    await bench.run(10)
    for (const looked of [serial, screen]) looked.shut(true)
    const [line, vnc] = guest.opened
    const chunk = 'x'.repeat(10_000)
    // One read of each is under way, and takes what comes first.
    line?.say(chunk)
    vnc?.say(chunk)
    await bench.run(100)
    for (let i = 0; i < 100; i++) {
      line?.say(chunk)
      if (!vnc?.isPaused()) vnc?.say(chunk)
      assert.not(line?.isPaused())
    }
    assert.ok(vnc?.isPaused(), 'at the end of its window')
    await bench.run(3 * REMOTE_CONSOLE_LIMITS.silentMs)
    assert.is(host.stats().sessions, 2, 'they are not taken for gone')
    for (const looked of [serial, screen]) looked.shut(false)
    await bench.run(1000)
    assert.is(serial.text().length + serial.seen.missed, 101 * chunk.length)
    assert.ok(serial.seen.missed >= 101 * chunk.length - REMOTE_CONSOLE_LIMITS.windowBytes - 2 * chunk.length, `${serial.seen.missed}`)
    assert.is(screen.seen.missed, 0)
    assert.ok(screen.text().length >= REMOTE_CONSOLE_LIMITS.windowBytes && !vnc?.isPaused(), 'read, it goes on')
  }))

test('a guest that takes nothing: what is typed waits here, in order, and nothing is lost when it listens again', () =>
  inWorld(async ({ bench, guest, token, look }) => {
    const { console } = await look(await token())
    guest.opened[0]?.takes(3)
    const typed = Array.from({ length: 50 }, (_, i) => `line ${i}\r`).join('')
    for (const key of typed.match(/.{1,7}/gs) ?? []) console.write(Buffer.from(key))
    await bench.run(12_000)
    assert.equal([guest.opened[0]?.heard(), console.unsent()], ['lin', typed.length - 3])
    guest.opened[0]?.takes(Number.POSITIVE_INFINITY)
    await bench.run(1000)
    assert.equal([guest.opened[0]?.heard(), console.unsent()], [typed, 0])
  }))

test('a gateway that is gone: its session ends by itself, and its host is not full for ever', () =>
  inWorld(async ({ bench, guest, host, token }) => {
    const tickets = await Promise.all(Array.from({ length: REMOTE_CONSOLE_LIMITS.sessions + 1 }, () => token('vnc')))
    const open = (token: string, i: number) => host.serve('consoleOpen', { ticket: partsOf(token)?.ticket, session: `s${i}` })
    const codes = await Promise.all(tickets.map((token, i) => bench.code(open(token, i))))
    assert.equal([codes.filter(code => code === 'ok').length, codes.at(-1)], [REMOTE_CONSOLE_LIMITS.sessions, 'Overloaded'])
    await bench.run(REMOTE_CONSOLE_LIMITS.silentMs + 6000)
    assert.equal([host.stats().sessions, guest.opened.every(each => each.isClosed())], [0, true])
    assert.is(await bench.code(host.serve('consoleRead', { session: 's1', from: 0, waitMs: 0 })), 'NotFound')
  }))

test('the agent of the host is started again: the client is told', () =>
  inWorld(async ({ bench, host, token, look }) => {
    const line = await look(await token())
    await bench.run(10)
    host.close()
    await bench.run(10)
    assert.match(line.seen.ended ?? '', 'started again')
  }))

test('what is no call of ours is refused, and a gateway gets no ticket from a host', () =>
  inWorld(async ({ bench, host, token }) => {
    assert.equal(['consoleTicket', 'consoleRead', 'spawn', 'constructor'].map(isRelayed), [false, true, false, false])
    const { ticket } = partsOf(await token()) ?? { ticket: '' }
    const opened = (await bench.value(host.serve('consoleOpen', { ticket, session: 's' }))) as ConsoleOpened
    assert.equal(await bench.value(host.serve('consoleOpen', { ticket, session: 's' })), opened, 'asked again, the same')
    const wrong: [Parameters<HostConsoles['serve']>[0], unknown][] = [
      ['consoleTicket', { instance: A, kind: 'disk', by: BY }],
      ['consoleTicket', { instance: A, kind: 'serial' }],
      ['consoleOpen', { ticket: 'other', session: 7 }],
      ['consoleRead', { session: 's', from: -1, waitMs: 0 }],
      ['consoleRead', { session: 's', from: 0, waitMs: 1e9 }],
      ['consoleWrite', { session: 's', at: 0, bytes: 'text', waitMs: 0 }],
      ['consoleWrite', { session: 's', at: 0, bytes: new Uint8Array(REMOTE_CONSOLE_LIMITS.writeBytes + 1), waitMs: 0 }],
      ['consoleClose', null],
    ]
    for (const [method, args] of wrong) assert.is(await bench.code(host.serve(method, args)), 'BadRequest', `${method} ${JSON.stringify(args)}`)
    assert.is(await bench.code(host.serve('consoleWrite', { session: 's', at: 5, bytes: new Uint8Array(1), waitMs: 0 })), 'Conflict')
    assert.equal(await bench.value(host.serve('consoleClose', { session: 'unknown' })), {})
  }))

test('whatever becomes of calls, bytes arrive whole, once and in order, both ways', () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 1e6 }),
      fc.array(fc.string({ minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 30 }),
      (seed, words) =>
        inWorld(
          async ({ bench, guest, token, look }) => {
            const line = await look(await token())
            const [serial] = guest.opened
            for (const [i, word] of words.entries()) {
              line.console.write(Buffer.from(word))
              serial?.say(word)
              await bench.run((seed * (i + 1)) % 700)
            }
            await bench.run(60_000)
            assert.equal([serial?.heard(), line.text(), line.seen.missed, line.seen.ended], [words.join(''), words.join(''), 0, null])
          },
          { call: unreliable(seed) },
        ),
    ),
    { numRuns: 40 },
  ))

/** Calls as a messenger makes them over conductors that die: lost on the way there or back and sent again, done twice, late. */
function unreliable(seed: number): (plain: HostCall, bench: Bench) => HostCall {
  let state = seed
  const chance = (): number => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
  return (plain, { env }) => {
    const pause = (ms: number): Promise<void> => new Promise(resolve => env.setTimer(ms, resolve))
    return async (host, method, args, timeoutMs) => {
      for (;;) {
        await pause(chance() * 50)
        if (chance() < 0.2) continue
        const answer = plain(host, method, args, timeoutMs)
        if (chance() < 0.2) {
          answer.catch(() => {})
          await pause(chance() * 300)
          continue
        }
        if (chance() < 0.2) pause(chance() * 500).then(() => plain(host, method, args, timeoutMs).catch(() => {}))
        const value = await answer.catch(error => {
          // A ticket that was used by a call whose answer was lost is known by its session.
          throw error instanceof BatonError ? error : new Error(String(error))
        })
        await pause(chance() * 50)
        return value
      }
    }
  }
}

test('whatever a gateway sends to a host is answered by a refusal, never by a defect', () =>
  inWorld(async ({ bench, host, token }) => {
    const { ticket = '' } = partsOf(await token()) ?? {}
    await bench.value(host.serve('consoleOpen', { ticket, session: 's' }))
    const methods = fc.constantFrom('consoleOpen', 'consoleRead', 'consoleWrite', 'consoleTake', 'consoleClose', 'consoleTicket')
    const args = fc.oneof(
      fc.anything(),
      fc.record({ session: fc.constantFrom('s', 't', ''), from: fc.nat(), at: fc.nat(9), waitMs: fc.nat(9), bytes: fc.uint8Array() }),
    )
    const calls = fc.sample(fc.tuple(methods, args), 300)
    for (const [method, given] of calls) {
      const code = isRemoteConsoleMethod(method) ? await bench.code(host.serve(method, given)) : ''
      assert.ok(['ok', 'BadRequest', 'NotFound', 'Conflict'].includes(code), `${method} ${fc.stringify(given)}: ${code}`)
    }
  }))

test('the tail of a stream: any reads see any pushes by their place', () =>
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 9 }),
          fc.nat(9000).map(length => new Uint8Array(length).fill(length)),
        ),
        { maxLength: 30 },
      ),
      fc.constantFrom(1, 64, 10_000, Number.POSITIVE_INFINITY),
      fc.infiniteStream(fc.nat(100_000)),
      (chunks, limit, anywhere) => {
        const tail = createStreamTail(limit)
        const all = Buffer.concat(chunks)
        let pushed = 0
        for (const chunk of chunks) {
          tail.push(chunk)
          pushed += chunk.length
          const [drop = 0, from = 0, max = 0] = [...anywhere.take(3)].map(place => place % (pushed + 2))
          if (pushed % 3 === 0) tail.drop(drop)
          const { at, bytes } = tail.read(from, max)
          assert.equal([tail.end(), at], [pushed, Math.min(pushed, Math.max(tail.begin(), from))])
          assert.ok(pushed - tail.begin() <= limit)
          assert.equal(Buffer.from(bytes), all.subarray(at, Math.min(pushed, at + max)))
        }
      },
    ),
  ))

test.run()
