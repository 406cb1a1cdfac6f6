/** What silence amounts to, and when it is rather our own deafness. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createHostDetector, isMassSilence, type Standing, standingOf } from '../../supervisors/hosts/host-detector.ts'

const TERMS = { suspectMs: 3000, downMs: 10_000, expiryMs: 38_000 }

/** Looks twice a second until then. */
function look(detector: ReturnType<typeof createHostDetector>, fromMs: number, untilMs: number) {
  let seen = detector.tick(fromMs)
  for (let ms = fromMs + 500; ms <= untilMs; ms += 500) seen = detector.tick(ms)
  return seen
}

test('silence is suspicious, then down, and lost only when the lease has run out for certain', () => {
  const detector = createHostDetector(TERMS)
  detector.watch('h1', 0)
  const verdicts = [2500, 3000, 9500, 10_000, 37_500, 38_000].map((untilMs, i, all) => look(detector, all[i - 1] ?? 0, untilMs).get('h1'))
  assert.equal(verdicts, [undefined, 'suspect', 'suspect', 'down', 'down', 'lost'])
  detector.heard('h1', 38_200)
  assert.is(look(detector, 38_500, 39_000).get('h1'), undefined)
})

test('a lease that is shorter than the patience for down makes nothing lost before it is down', () => {
  assert.is(createHostDetector({ ...TERMS, expiryMs: 4000 }).lostAfterMs, 10_000)
})

test('an observer that was held up starts listening anew', () => {
  const detector = createHostDetector(TERMS)
  detector.watch('h1', 0)
  look(detector, 0, 2500)
  assert.is(detector.tick(60_000).get('h1'), undefined)
  assert.is(look(detector, 60_500, 63_000).get('h1'), 'suspect')
})

test('who is held up before the first look has not listened either', () => {
  const detector = createHostDetector(TERMS)
  detector.watch('h1', 0)
  assert.is(detector.tick(60_000).get('h1') ?? 'none', 'none')
})

const hosts = (silent: number, heard: number, lostAgo: readonly number[] = []): Standing[] => [
  ...Array.from({ length: silent }, () => ({ silent: true, lostAgoMs: null })),
  ...Array.from({ length: heard }, () => ({ silent: false, lostAgoMs: null })),
  ...lostAgo.map(lostAgoMs => ({ silent: true, lostAgoMs })),
]

test('most hosts silent at once are rather our fault; one of two is not, nor those that were lost long ago', () => {
  const mass = (standings: Standing[], fraction = 0.5): boolean => isMassSilence(standings, fraction, 38_000)
  assert.not(mass(hosts(1, 1)))
  assert.ok(mass(hosts(2, 0)))
  assert.ok(mass(hosts(2, 1)))
  assert.not(mass(hosts(2, 2)))
  assert.ok(mass(hosts(3, 2)))
  assert.not(mass(hosts(1, 2), 0.2), 'one alone is never most')
  assert.not(mass(hosts(1, 1, [60_000])), 'the other was lost a minute ago')
  assert.ok(mass(hosts(1, 1, [1000])), 'a second ago')
})

test('a host of another conductor counts as that says', () => {
  assert.is(standingOf({ state: 'fenced' }, 5000), null)
  assert.equal(standingOf({ state: 'down' }, 5000), { silent: true, lostAgoMs: null })
  const ha = { instances: 1, learned: 1, lostAt: 4000, evacuating: 0, fenceTries: 0 }
  assert.equal(standingOf({ state: 'down', ha }, 5000), { silent: true, lostAgoMs: 1000 })
})

test.run()
