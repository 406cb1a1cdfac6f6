/**
 * What every adapter of the `Link` port must do. `test/unit/link-memory.test.ts` and `test/cluster/link-zeromq.test.ts` run it.
 * `until` lets the adapter's time pass (simulated or real, bounded) until something holds.
 */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BatonError } from '../../actors/kernel/errors.ts'
import { LINK_LIMITS, type Link, type Peer } from '../../transport/link.ts'

export interface LinkHarness {
  /** A new life of the node. */
  open(node: string): Link
  /** An endpoint to listen on, never given twice. */
  endpoint(): string
  /** Throws when `holds` does not become true. */
  until(what: string, holds: () => boolean): Promise<void>
  /** What message handlers threw. */
  readonly faults: unknown[]
  /** Closes everything. */
  close(): Promise<void>
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
const bytes = (words: string): Uint8Array => Buffer.from(words)

/** Records what a link receives. */
export function inbox(link: Link): { peer: Peer; words: string }[] {
  const seen: { peer: Peer; words: string }[] = []
  link.onMessage((peer, message) => seen.push({ peer, words: text(message) }))
  return seen
}

export function linkContract(name: string, createHarness: () => LinkHarness): ReturnType<typeof suite> {
  const test = suite(name)

  /** Runs a test with a harness that is closed whatever happens. */
  const check = (what: string, body: (net: LinkHarness) => Promise<void>): void => {
    test(what, async () => {
      const net = createHarness()
      try {
        await body(net)
      } finally {
        await net.close()
      }
    })
  }

  check('keeps the order of 10,000 messages both ways', async net => {
    const a = net.open('a')
    const b = net.open('b')
    const count = LINK_LIMITS.sendQueue
    const peer = a.dial(await b.listen(net.endpoint()))
    const echoed = inbox(a)
    const seen: string[] = []
    b.onMessage((from, message) => {
      seen.push(text(message))
      b.send(from, message)
    })
    const sent = Array.from({ length: count }, (_, i) => `message ${i}`)
    for (const words of sent) assert.is(a.send(peer, bytes(words)), 'sent')
    await net.until('all echoes are back', () => echoed.length === count)
    assert.equal(seen, sent)
    assert.equal(
      echoed.map(e => e.words),
      sent,
    )
    assert.ok(
      echoed.every(e => e.peer === peer),
      'answers come from the handle that was dialled',
    )
    const { messagesIn, messagesOut, bytesOut, queued } = a.stats()
    assert.equal([messagesIn, messagesOut, queued], [count, count, 0])
    assert.is(
      bytesOut,
      sent.reduce((sum, words) => sum + words.length, 0),
    )
  })

  check('tells two diallers apart', async net => {
    const hub = net.open('hub')
    const endpoint = await hub.listen(net.endpoint())
    const callers = ['left', 'right'].map(node => net.open(node))
    const inboxes = callers.map(inbox)
    hub.onMessage((from, message) => hub.send(from, bytes(`${text(message)} heard`)))
    for (const [i, link] of callers.entries()) for (let n = 0; n < 100; n++) link.send(link.dial(endpoint), bytes(`${i}.${n}`))
    await net.until('both have 100 answers', () => inboxes.every(seen => seen.length >= 100))
    for (const [i, seen] of inboxes.entries())
      assert.equal(
        seen.map(s => s.words),
        Array.from({ length: 100 }, (_, n) => `${i}.${n} heard`),
      )
  })

  check('carries messages of one byte and of the largest size, unchanged', async net => {
    const a = net.open('a')
    const b = net.open('b')
    const got: Buffer[] = []
    b.onMessage((_, message) => got.push(Buffer.from(message)))
    const peer = a.dial(await b.listen(net.endpoint()))
    const messages = [Buffer.from([0]), Buffer.alloc(LINK_LIMITS.maxMessageBytes, 'baton'), Buffer.from([255])]
    for (const message of messages) assert.is(a.send(peer, message), 'sent')
    await net.until('all three are there', () => got.length === 3)
    assert.ok(messages.every((message, i) => got[i]?.equals(message)))
  })

  check('drops and counts what is empty or too large, and goes on', async net => {
    const a = net.open('a')
    const b = net.open('b')
    const seen = inbox(b)
    const peer = a.dial(await b.listen(net.endpoint()))
    assert.is(a.send(peer, new Uint8Array(LINK_LIMITS.maxMessageBytes + 1)), 'full')
    assert.is(a.send(peer, new Uint8Array(0)), 'full')
    assert.is(a.send(peer, bytes('good')), 'sent')
    await net.until('the good one arrives', () => seen.length === 1)
    assert.is(seen[0]?.words, 'good')
    assert.is(a.stats().malformed, 2)
  })

  check('says full at the limit of a queue, serves others meanwhile, and recovers', async net => {
    const a = net.open('a')
    const b = net.open('b')
    const c = net.open('c')
    const endpoint = net.endpoint()
    const vacant = await b.listen(endpoint)
    await b.close()
    const nobody = a.dial(vacant)
    for (let i = 0; i < LINK_LIMITS.sendQueue; i++) assert.is(a.send(nobody, bytes(`${i}`)), 'sent')
    assert.is(a.send(nobody, bytes('one too many')), 'full')
    assert.is(a.stats().droppedFull, 1)
    assert.is(a.stats().queued, LINK_LIMITS.sendQueue)

    const seenByC = inbox(c)
    a.send(a.dial(await c.listen(net.endpoint())), bytes('still serving'))
    await net.until('another peer is served', () => seenByC.length === 1)

    const late = net.open('b')
    const seen = inbox(late)
    assert.is(await late.listen(vacant), vacant)
    await net.until('what waited arrives', () => seen.length === LINK_LIMITS.sendQueue)
    assert.is(a.send(nobody, bytes('room again')), 'sent')
    await net.until('the queue is open again', () => seen.at(-1)?.words === 'room again')
    assert.is(a.stats().queued, 0)
  })

  check('bounds a queue by bytes too', async net => {
    const a = net.open('a')
    const b = net.open('b')
    const vacant = await b.listen(net.endpoint())
    await b.close()
    const large = new Uint8Array(LINK_LIMITS.maxMessageBytes)
    const fits = Math.floor(LINK_LIMITS.sendQueueBytes / large.length)
    const results = Array.from({ length: fits + 1 }, () => a.send(a.dial(vacant), large))
    assert.equal(results, [...Array.from({ length: fits }, () => 'sent'), 'full'])
  })

  check('does not know who was never there, nor whom it hung up on', async net => {
    const a = net.open('a')
    const b = net.open('b')
    const endpoint = await b.listen(net.endpoint())
    assert.is(a.send('nobody', bytes('x')), 'unknown')
    const peer = a.dial(endpoint)
    assert.is(a.dial(endpoint), peer, 'the same endpoint is the same handle')
    a.hangUp(peer)
    a.hangUp(peer)
    assert.is(a.send(peer, bytes('x')), 'unknown')
    assert.is(a.stats().droppedUnknown, 2)
  })

  check('makes a fresh connection after hanging up', async net => {
    const a = net.open('a')
    const b = net.open('b')
    const endpoint = await b.listen(net.endpoint())
    const seen = inbox(b)
    const first = a.dial(endpoint)
    a.send(first, bytes('first'))
    await net.until('the first message arrives', () => seen.length === 1)
    a.hangUp(first)
    const second = a.dial(endpoint)
    assert.is.not(second, first)
    a.send(second, bytes('second'))
    await net.until('the second message arrives', () => seen.length === 2)
    assert.is.not(seen[1]?.peer, seen[0]?.peer, 'the listener sees another peer')
    const answers = inbox(a)
    b.send(seen[1]?.peer ?? '', bytes('welcome'))
    await net.until('the answer comes on the second connection', () => answers.length === 1)
    assert.equal(answers, [{ peer: second, words: 'welcome' }])
    await net.until('the first peer has become unknown', () => b.send(seen[0]?.peer ?? '', bytes('lost')) === 'unknown')
  })

  check('reaches a restarted listener through the old handle, and hints at the break', async net => {
    const a = net.open('a')
    const b = net.open('b')
    const endpoint = await b.listen(net.endpoint())
    const before = inbox(b)
    const breaks: Peer[] = []
    a.onDisconnect?.(peer => breaks.push(peer))
    const peer = a.dial(endpoint)
    a.send(peer, bytes('before'))
    await net.until('the first life hears', () => before.length === 1)
    await b.close()
    await net.until('the break is noticed', () => breaks.length === 1)
    assert.equal(breaks, [peer])

    const again = net.open('b')
    const after = inbox(again)
    await again.listen(endpoint)
    assert.is(a.send(peer, bytes('after')), 'sent')
    await net.until('the second life hears', () => after.length === 1)
    assert.is(after[0]?.words, 'after')
    const answers = inbox(a)
    again.send(after[0]?.peer ?? '', bytes('here again'))
    await net.until('the answer comes to the old handle', () => answers.length === 1)
    assert.equal(answers, [{ peer, words: 'here again' }])
    assert.is(before.length, 1)
  })

  check('forgets a dialler that has gone', async net => {
    const a = net.open('a')
    const b = net.open('b')
    const seen = inbox(b)
    a.send(a.dial(await b.listen(net.endpoint())), bytes('hello'))
    await net.until('the dialler is known', () => seen.length === 1)
    await a.close()
    await net.until('it is unknown', () => b.send(seen[0]?.peer ?? '', bytes('are you there')) === 'unknown')
    assert.ok(b.stats().droppedUnknown >= 1)
    assert.is(b.stats().queued, 0)
  })

  check('refuses an endpoint that is in use', async net => {
    const endpoint = await net.open('a').listen(net.endpoint())
    try {
      await net.open('b').listen(endpoint)
      assert.unreachable('two listeners on one endpoint')
    } catch (error) {
      assert.instance(error, BatonError)
      assert.is(error instanceof BatonError && error.code, 'PortInUse')
    }
  })

  check('survives a handler that throws', async net => {
    const a = net.open('a')
    const b = net.open('b')
    let heard = 0
    b.onMessage(() => {
      if (++heard === 1) throw new Error('handler failed')
    })
    const peer = a.dial(await b.listen(net.endpoint()))
    a.send(peer, bytes('one'))
    a.send(peer, bytes('two'))
    await net.until('both were handed over', () => heard === 2)
    assert.equal(
      net.faults.map(f => f instanceof Error && f.message),
      ['handler failed'],
    )
  })

  check('is silent after close', async net => {
    const a = net.open('a')
    const b = net.open('b')
    const endpoint = await b.listen(net.endpoint())
    const seen = inbox(b)
    const peer = a.dial(endpoint)
    a.send(peer, bytes('x'))
    await net.until('they are connected', () => seen.length === 1)
    await a.close()
    await a.close()
    assert.is(a.send(peer, bytes('x')), 'unknown')
    assert.is(a.send(a.dial(endpoint), bytes('x')), 'unknown')
    try {
      await a.listen(net.endpoint())
      assert.unreachable('a closed link listens')
    } catch (error) {
      assert.is(error instanceof BatonError && error.code, 'Unavailable')
    }
  })

  return test
}
