import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createDetector, type Detector } from '../../supervisors/membership/detector.ts'

const SUSPECT_MS = 900
const TICK_MS = 150
/** What a newcomer gets before it must have been heard. */
const FIRST_TERM_MS = 3 * SUSPECT_MS

/** An observer that ticks regularly while those in `pinging` are heard at every tick, with the suspicions they send. */
function observe(peers: readonly number[]) {
  const detector = createDetector({ suspectMs: SUSPECT_MS })
  let now = 0
  detector.watch(peers, now)
  return {
    detector,
    now: () => now,
    /** Runs until `untilMs`; answers with the last verdict and when somebody was first found dead. */
    run(untilMs: number, pinging: Readonly<Record<number, readonly number[]>>) {
      let deadAtMs: number | null = null
      let verdict = detector.tick(now)
      while (now < untilMs) {
        now += TICK_MS
        for (const [peer, suspects] of Object.entries(pinging)) detector.heard(Number(peer), suspects, now)
        verdict = detector.tick(now)
        if (verdict.dead.length > 0) deadAtMs ??= now
      }
      return { ...verdict, deadAtMs }
    },
    pause(ms: number) {
      now += ms
      return detector.tick(now)
    },
  }
}

test('while everybody is heard, nobody is suspect', () => {
  const { suspects, dead } = observe([2, 3]).run(60_000, { 2: [], 3: [] })
  assert.equal([suspects, dead], [[], []])
})

test('one observer alone suspects, and declares nobody dead while there is another to ask', () => {
  const world = observe([2, 3])
  world.run(5000, { 2: [], 3: [] })
  const { suspects, deadAtMs } = world.run(20_000, { 2: [] })
  assert.equal(suspects, [3])
  assert.is(deadAtMs, null)
})

test('two observers who agree declare the silent one dead, once the term is over', () => {
  const world = observe([2, 3])
  world.run(4950, { 2: [], 3: [] })
  const { dead, deadAtMs } = world.run(6000, { 2: [3] })
  assert.equal(dead, [3])
  assert.is(deadAtMs, 4950 + SUSPECT_MS)
})

test('in a cluster of two the only observer decides alone', () => {
  const world = observe([2])
  world.run(4950, { 2: [] })
  assert.is(world.run(8000, {}).deadAtMs, 4950 + SUSPECT_MS)
})

test('an observer cut off from all others suspects them all and declares nobody dead', () => {
  const world = observe([2, 3, 4])
  world.run(5000, { 2: [], 3: [], 4: [] })
  const { suspects, deadAtMs } = world.run(60_000, {})
  assert.equal(suspects, [2, 3, 4])
  assert.is(deadAtMs, null)
})

test('suspicions that the silent had sent before they fell silent do not count', () => {
  const world = observe([2, 3, 4])
  world.run(5000, { 2: [4], 3: [4], 4: [] })
  assert.is(world.run(60_000, {}).deadAtMs, null)
})

test('suspicion is taken back as soon as the peer is heard', () => {
  const world = observe([2, 3])
  world.run(5000, { 2: [], 3: [] })
  world.run(7000, { 2: [] })
  assert.equal(world.run(7200, { 2: [3], 3: [] }).suspects, [])
})

test('an observer that was held up does not trust its own ears', () => {
  const world = observe([2])
  world.run(5000, { 2: [] })
  const woken = world.pause(30_000)
  assert.equal([woken.suspects, woken.dead], [[], []])
  assert.equal(world.run(world.now() + SUSPECT_MS - TICK_MS, {}).dead, [], 'it listens a full term anew')
  assert.equal(world.run(world.now() + 2 * TICK_MS, {}).dead, [2])
})

test('a newcomer gets a longer first term', () => {
  const world = observe([2])
  assert.is(world.run(FIRST_TERM_MS - TICK_MS, {}).deadAtMs, null)
  assert.is(world.run(FIRST_TERM_MS + TICK_MS, {}).deadAtMs, FIRST_TERM_MS)
})

test('once heard, the long first term is over', () => {
  const world = observe([2])
  world.detector.heard(2, [], 0)
  assert.is(world.run(FIRST_TERM_MS, {}).deadAtMs, SUSPECT_MS)
})

test('a broken connection cuts what is left of the term to a third; whoever lives is heard before that', () => {
  const dead = observe([2])
  dead.run(4950, { 2: [] })
  dead.detector.disconnected(2, dead.now())
  assert.is(dead.run(8000, {}).deadAtMs, 4950 + SUSPECT_MS / 3)

  const alive = observe([2])
  alive.run(4950, { 2: [] })
  alive.detector.disconnected(2, alive.now())
  alive.run(5100, {})
  assert.is(alive.run(60_000, { 2: [] }).deadAtMs, null)
})

test('a newcomer that hears nothing of one whom another suspects agrees after one term, and says nothing of it to others', () => {
  const world = observe([2, 3])
  const { suspects, deadAtMs } = world.run(SUSPECT_MS, { 2: [3] })
  assert.is(deadAtMs, SUSPECT_MS)
  assert.equal(suspects, [], 'else two newcomers could convince each other')
})

test('a newcomer does not agree about one that it has heard, or with one that it does not hear', () => {
  const heard = observe([2, 3])
  heard.detector.heard(3, [], 0)
  assert.is(heard.run(SUSPECT_MS - TICK_MS, { 2: [3] }).deadAtMs, null)

  const deaf = observe([2, 3])
  deaf.detector.heard(2, [3], 0)
  assert.is(deaf.run(60_000, {}).deadAtMs, null)
})

test('a newcomer that was held up listens for a term before it agrees', () => {
  const world = observe([2, 3])
  world.run(TICK_MS, {})
  world.pause(SUSPECT_MS)
  assert.is(world.run(world.now() + SUSPECT_MS, { 2: [3] }).deadAtMs, TICK_MS + 2 * SUSPECT_MS)
})

test('an observer that was held up still knows that the connection broke', () => {
  const world = observe([2])
  world.run(4950, { 2: [] })
  world.detector.disconnected(2, world.now())
  assert.equal(world.pause(SUSPECT_MS).dead, [])
  assert.is(world.run(world.now() + SUSPECT_MS, {}).deadAtMs, 4950 + SUSPECT_MS + SUSPECT_MS / 3)
})

test('who is no longer watched is forgotten, and strangers are not listened to', () => {
  const detector: Detector = createDetector({ suspectMs: SUSPECT_MS })
  detector.watch([2, 3], 0)
  detector.watch([3], 100)
  detector.heard(2, [3], 200)
  detector.disconnected(2, 200)
  assert.is(detector.lastHeardMs(2), undefined)
  assert.equal(detector.tick(200).suspects, [])
  detector.heard(3, [], 300)
  detector.watch([3], 400)
  assert.is(detector.lastHeardMs(3), 300, 'watching on changes nothing')
})

test('the vote of a peer about somebody who is heard here kills nobody', () => {
  const { dead, suspects } = observe([2, 3, 4]).run(10_000, { 2: [4], 3: [4], 4: [] })
  assert.equal([suspects, dead], [[], []])
})

test.run()
