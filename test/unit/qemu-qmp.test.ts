/** The control session with QEMU, and a peer that is broken or hostile. */
import { Duplex } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openSession } from '../../actors/hypervisor/drivers/qemu/qmp.ts'
import { MAX_LINE_BYTES, parseMessage } from '../../actors/hypervisor/drivers/qemu/wire.ts'
import { lineReader } from '../../actors/kernel/lines.ts'
import { eventually, realEnv, rejects } from '../support/driver-contract.ts'

const HELLO = '{"QMP":{"version":{"qemu":{"micro":22,"minor":2,"major":7}},"capabilities":[]}}\n'

interface Asked {
  readonly execute: string
  readonly id: number
}

/** Both ends of a connection: `say` is the peer's, which answers commands with `answer`. */
function peer(answer: (asked: Asked, say: (text: string) => void) => void) {
  const stream = new Duplex({
    read() {},
    write(bytes: Buffer, _encoding, done) {
      for (const line of bytes.toString().split('\n').filter(Boolean)) answer(JSON.parse(line), say)
      done()
    },
  })
  const say = (text: string | Uint8Array): void => {
    if (!stream.destroyed) stream.push(typeof text === 'string' ? Buffer.from(text) : text)
  }
  return { stream, say }
}

const polite = (asked: Asked, say: (text: string) => void): void => say(`{"return":{"did":"${asked.execute}"},"id":${asked.id}}\r\n`)

/** A session that is open, and its peer. */
async function opened(answer = polite) {
  const { stream, say } = peer((asked, tell) => (asked.execute === 'qmp_capabilities' ? polite(asked, tell) : answer(asked, tell)))
  say(HELLO)
  return { qmp: await openSession(realEnv, stream, 200), say, stream }
}

test('lines come whole, however they are cut, and an endless one ends it', () => {
  const read = lineReader(10)
  assert.equal(read.push(Buffer.from('ab')), [])
  assert.equal(read.push(Buffer.from('c\nd\n\ne')), ['abc', 'd', ''])
  assert.equal(read.push(Buffer.from('fghijklmn')), [])
  assert.is(read.push(Buffer.from('o')), null)
  assert.is(read.push(Buffer.from('\nx\n')), null)
  assert.is(lineReader(3).push(Buffer.from('abcd\n')), null)
  const cut = Buffer.from('é\n')
  const letters = lineReader(MAX_LINE_BYTES)
  assert.equal(letters.push(cut.subarray(0, 1)), [])
  assert.equal(letters.push(cut.subarray(1)), ['é'])
})

test('knows four kinds of messages, and nothing else', () => {
  assert.equal(parseMessage(HELLO), { type: 'greeting', version: '7.2.22' })
  assert.equal(parseMessage('{"QMP":{}}'), { type: 'greeting', version: '?.?.?' })
  assert.equal(parseMessage('{"event":"STOP","timestamp":{}}'), { type: 'event', name: 'STOP', data: {} })
  assert.equal(parseMessage('{"return":null,"id":1}'), { type: 'answer', id: 1, value: null })
  assert.equal(parseMessage('{"error":{"desc":"no"},"id":1}'), { type: 'fault', id: 1, message: 'no' })
  assert.equal(parseMessage('{"error":{"desc":"no"}}'), { type: 'fault', id: null, message: 'no' })
  for (const text of ['', '[]', 'null', '7', '{', '{}', '{"return":{}}', '{"return":{},"id":"1"}', '\0\0', '{"event":5}', '"QMP"'])
    assert.is(parseMessage(text), null, text)
})

test('asks, and hears answers in any order', async () => {
  const kept: Asked[] = []
  const { qmp, say } = await opened(asked => void kept.push(asked))
  const [first, second] = [qmp.execute('one'), qmp.execute('two')]
  for (const { execute, id } of kept.toReversed()) say(`{"return":"${execute}","id":${id}}\n`)
  assert.equal(await Promise.all([first, second]), ['one', 'two'])
  assert.is(qmp.version, '7.2.22')
  qmp.close()
  assert.is(qmp.isOpen(), false)
  await rejects('DriverFault', qmp.execute('three'), /we closed it/)
})

test('a refusal is told in the words of QEMU, shortened', async () => {
  const { qmp } = await opened((asked, say) => say(`{"error":{"class":"GenericError","desc":"${'x'.repeat(9000)}"},"id":${asked.id}}\n`))
  await rejects('DriverFault', qmp.execute('cont'), /^QEMU refused cont: x{500}$/)
  assert.ok(qmp.isOpen())
})

test('no hello, no answer: each wait ends', async () => {
  const mute = peer(() => {})
  await rejects('DriverFault', openSession(realEnv, mute.stream, 20), /no hello within 20 ms/)
  assert.ok(mute.stream.destroyed)
  const half = peer(() => {})
  half.say(HELLO)
  await rejects('DriverFault', openSession(realEnv, half.stream, 20), /did not answer qmp_capabilities/)
  const { qmp } = await opened(() => {})
  await rejects('DriverFault', qmp.execute('query-status', {}, 20), /did not answer query-status within 20 ms/)
  assert.ok(qmp.isOpen(), 'late is not lost')
})

test('an answer that comes too late, or to nobody, is dropped; without end they end it', async () => {
  const { qmp, say } = await opened()
  say('{"return":{},"id":99}\n{"error":{},"id":98}\n')
  assert.equal(await qmp.execute('still'), { did: 'still' })
  say('{"return":{},"id":99}\n'.repeat(1_001))
  assert.match(await qmp.closed, /nobody had asked/)
})

test('nonsense, a line without end, or the end of the connection fails what waits', async () => {
  const ways: readonly [string | Uint8Array | null, RegExp][] = [
    ['HTTP/1.1 200 OK\n', /not of its protocol/],
    [new Uint8Array(MAX_LINE_BYTES + 1).fill(97), /line without end/],
    [null, /connection was closed/],
  ]
  for (const [said, why] of ways) {
    const { qmp, say, stream } = await opened(() => {})
    const waiting = rejects('DriverFault', qmp.execute('query-status', {}, 5_000), why)
    if (said === null) stream.destroy()
    else say(said)
    await waiting
    assert.match(await qmp.closed, why)
  }
})

test('a flood of events is handed on and not kept; whoever does not listen is not told', async () => {
  const { qmp, say } = await opened()
  let heard = 0
  const forget = qmp.onEvent(() => heard++)
  say('{"event":"RTC_CHANGE","data":{"offset":1}}\n'.repeat(20_000))
  await eventually('all of them', async () => heard === 20_000)
  forget()
  say('{"event":"STOP"}\n')
  assert.equal(await qmp.execute('query-status'), { did: 'query-status' })
  assert.is(heard, 20_000)
})

test('commands wait in bounded number', async () => {
  const { qmp } = await opened(() => {})
  const waiting = Array.from({ length: 100 }, () => qmp.execute('slow', {}, 5_000).catch(() => 'ended'))
  await rejects('DriverFault', qmp.execute('one more'), /100 commands/)
  qmp.close()
  assert.equal(new Set(await Promise.all(waiting)), new Set(['ended']))
})

test.run()
