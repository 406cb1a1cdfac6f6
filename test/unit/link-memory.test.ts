import * as assert from 'uvu/assert'
import type { Link } from '../../transport/link.ts'
import { createMemoryNetwork, type MemoryNetwork, type MemoryNetworkOptions } from '../../transport/memory-link.ts'
import { inbox, type LinkHarness, linkContract } from './link-contract.ts'

/** Simulated time: what is due first runs first, and what is due at once in the order in which it was scheduled. */
function createSchedule(): { nowMs: number; schedule: MemoryNetworkOptions['schedule']; step(): boolean; runAll(): void } {
  const due = new Map<number, (() => void)[]>()
  const time = {
    nowMs: 0,
    schedule(delayMs: number, fn: () => void) {
      const at = time.nowMs + delayMs
      const together = due.get(at)
      if (together) together.push(fn)
      else due.set(at, [fn])
    },
    step() {
      if (due.size === 0) return false
      time.nowMs = Math.min(...due.keys())
      const together = due.get(time.nowMs)
      together?.shift()?.()
      if (together?.length === 0) due.delete(time.nowMs)
      return true
    },
    runAll() {
      while (time.step());
    },
  }
  return time
}

function createHarness(): LinkHarness {
  const time = createSchedule()
  const faults: unknown[] = []
  const net = createMemoryNetwork({ schedule: time.schedule, onFault: (_, error) => faults.push(error) })
  const links: Link[] = []
  return {
    faults,
    open(node) {
      const link = net.link(node)
      links.push(link)
      return link
    },
    endpoint: () => 'memory:*',
    async until(what, holds) {
      while (!holds()) if (!time.step()) throw new Error(`nothing left to happen, and not yet: ${what}`)
    },
    async close() {
      for (const link of links) await link.close()
    },
  }
}

const test = linkContract('memory link', createHarness)

/** Two nodes, `a` connected to `b`, and a policy for what `a` says. */
async function pair(deliver: (words: string) => readonly number[]): Promise<{
  net: MemoryNetwork
  time: ReturnType<typeof createSchedule>
  a: Link
  b: Link
  say: (...words: string[]) => void
  heard: () => string[]
  endpoint: string
}> {
  const time = createSchedule()
  const net = createMemoryNetwork({ schedule: time.schedule, deliver: (_from, _to, message) => deliver(Buffer.from(message).toString()) })
  const [a, b] = [net.link('a'), net.link('b')]
  const endpoint = await b.listen('memory:b')
  const seen = inbox(b)
  const peer = a.dial(endpoint)
  return {
    net,
    time,
    a,
    b,
    endpoint,
    say: (...words) => {
      for (const w of words) a.send(peer, Buffer.from(w))
    },
    heard: () => seen.map(s => s.words),
  }
}

test('a fast message never overtakes a slow one of the same connection', async () => {
  const { say, heard, time } = await pair(words => [words === 'slow' ? 500 : 1])
  say('slow', 'fast')
  time.step()
  assert.equal(heard(), [], 'the fast one waits')
  time.runAll()
  assert.equal(heard(), ['slow', 'fast'])
  assert.is(time.nowMs, 500)
})

test('loses and duplicates as it is told; a duplicate never comes before its original', async () => {
  const { say, heard, time } = await pair(words => (words === 'lost' ? [] : words === 'twice' ? [30, 10] : words === 'slow' ? [20] : [15]))
  say('slow', 'lost', 'twice', 'late')
  time.runAll()
  assert.equal(heard(), ['slow', 'twice', 'late', 'twice'])
})

test('a paused node hears everything after it resumes', async () => {
  const { net, say, heard, time } = await pair(() => [1])
  net.pause('b')
  say('one', 'two')
  time.runAll()
  assert.equal(heard(), [])
  net.resume('b')
  assert.equal(heard(), [], 'not within the call')
  time.runAll()
  assert.equal(heard(), ['one', 'two'])
})

test('what was under way to a crashed node is lost, what it had said still arrives', async () => {
  const { net, time, a, b, say, heard, endpoint } = await pair(() => [10])
  const answers = inbox(a)
  b.onMessage(peer => b.send(peer, Buffer.from('last words')))
  say('question')
  time.step()
  say('too late')
  net.crash('b')
  time.runAll()
  assert.equal(
    answers.map(s => s.words),
    ['last words'],
  )
  assert.is(a.stats().droppedUnknown, 1)

  const second = net.link('b')
  const seen = inbox(second)
  await second.listen(endpoint)
  say('hello again')
  time.runAll()
  assert.equal(
    seen.map(s => s.words),
    ['hello again'],
  )
  assert.equal(heard(), [])
})

test('a dialler that crashes is unknown to the listener, and its next life is another peer', async () => {
  const { net, time, b, say, endpoint } = await pair(() => [10])
  const seen = inbox(b)
  say('first life')
  time.runAll()
  net.crash('a')
  const [first] = seen
  assert.is(b.send(first?.peer ?? '', Buffer.from('x')), 'unknown')
  const next = net.link('a')
  next.send(next.dial(endpoint), Buffer.from('second life'))
  time.runAll()
  assert.is(seen[1]?.words, 'second life')
  assert.is.not(seen[1]?.peer, first?.peer)
})

test('a handler may crash its own node: nothing more is handed to it', async () => {
  const { net, time, b, say } = await pair(() => [1])
  let heard = 0
  b.onMessage(() => {
    heard++
    net.crash('b')
  })
  say('one', 'two', 'three')
  time.runAll()
  assert.is(heard, 1)
})

test('the bytes belong to the link: changing them after send changes nothing', async () => {
  const { time, a, heard, endpoint } = await pair(() => [1])
  const message = Buffer.from('said')
  a.send(a.dial(endpoint), message)
  message.write('done')
  time.runAll()
  assert.equal(heard(), ['said'])
})

test('one living link per node', () => {
  const net = createMemoryNetwork({ schedule: () => {} })
  net.link('a')
  assert.throws(() => net.link('a'), /living link/)
})

test.run()
