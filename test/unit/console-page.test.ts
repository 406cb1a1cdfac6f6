/** The page without a browser: how it is served, and the pure parts of what it shows. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { actionsFor } from '../../console/src/actions.ts'
import { ago, duration, mebibytes, percentile } from '../../console/src/format.ts'
import { createOrdered } from '../../console/src/ordered.ts'
import { framesOf, grouped, joined, marksOf } from '../../console/src/replay.ts'
import { hrefOf, parseRoute } from '../../console/src/route.ts'
import { type Frame, frameAt, KEPT_MS, remember, takeovers } from '../../console/src/takeover.ts'
import { readPage } from '../../transport/http/page.ts'
import { createFace } from '../support/http.ts'

const test = suite('console page')
const HTML = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

function built(): string {
  const folder = mkdtempSync(join(tmpdir(), 'baton-page-'))
  mkdirSync(join(folder, 'assets'))
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>Baton</title><script src="/assets/a.js"></script>')
  writeFileSync(join(folder, 'assets/a.js'), 'let a = 1')
  return folder
}

test('a browser gets the page at /, everybody else what was always there', async () => {
  const folder = built()
  const { ask } = createFace({}, { page: readPage(folder) })
  rmSync(folder, { recursive: true })
  const page = await ask('GET', '/', undefined, HTML)
  assert.is(page.status, 200)
  assert.match(page.text, /<title>Baton/)
  const policy = page.headers['content-security-policy'] ?? ''
  assert.match(policy, /default-src 'none'/)
  assert.not.match(policy, /unsafe|\*|https?:/)
  assert.match(page.headers.vary ?? '', /Accept/)
  assert.is((await ask('GET', '/', undefined, { ...HTML, 'if-none-match': page.headers.etag ?? '' })).status, 304)
  for (const accept of ['*/*', 'application/json']) assert.ok((await ask('GET', '/', undefined, { accept })).body.versions)
  const script = await ask('GET', '/assets/a.js')
  assert.equal([script.status, script.text, script.headers['content-type']], [200, 'let a = 1', 'text/javascript; charset=utf-8'])
  assert.is((await ask('GET', '/assets/a.js', undefined, { 'accept-encoding': 'gzip' })).headers['content-encoding'], 'gzip')
  for (const name of ['..%2findex.html', 'b.js', '__proto__']) assert.is((await ask('GET', `/assets/${name}`)).status, 404, name)
})

test('where it is not built, the page says how to', async () => {
  const { ask } = createFace({}, { page: readPage('/nowhere') })
  assert.match((await ask('GET', '/', undefined, HTML)).text, /npm run build/)
})

test('what one looks at stands in the URL, and comes back from it', () => {
  const href = hrefOf('instances', 'a/b ü', { state: 'error', find: '' })
  assert.is(href, '#/instances/a%2Fb%20%C3%BC?state=error')
  assert.equal(parseRoute(href), { view: 'instances', id: 'a/b ü', query: { state: 'error' } })
  assert.equal(parseRoute(''), { view: 'overview', id: null, query: {} })
  assert.equal(parseRoute('#/instances/%E0%A4%A').id, '%E0%A4%A')
})

test('times and amounts for people', () => {
  assert.equal([0, 999, 1500, 12_300, 60_000, 7_200_000, 90_000_000].map(duration), ['0 ms', '999 ms', '1.5 s', '12 s', '1 min', '2 h', '1 d'])
  assert.equal([ago(1000, 1500), ago(0, 61_000), ago(5000, 0)], ['now', '1 min ago', 'in 5 s'])
  assert.equal([mebibytes(512), mebibytes(1536)], ['512 MiB', '1.5 GiB'])
  assert.equal([percentile([], 0.5), percentile([3, 1, 2], 0.5), percentile([1, 2, 3, 4], 0.99)], [null, 2, 4])
})

const frame = (at: number, owners: string): Frame => ({ at, owners: [...owners].map(owner => (owner === '-' ? null : owner)) })
const seen = (...frames: Frame[]): readonly Frame[] => frames.reduce<readonly Frame[]>(remember, [])

test('a take-over is told as one, however many steps it took', () => {
  const frames = seen(frame(0, 'aabb'), frame(1, 'aabb'), frame(10_000, 'a-bb'), frame(10_400, 'bbbb'), frame(60_000, 'abbb'))
  assert.is(frames.length, 4, 'what is the same is kept once')
  assert.equal(takeovers(frames), [
    { at: 60_000, tookMs: 0, moved: 1, from: { b: 1 }, to: { a: 1 } },
    { at: 10_000, tookMs: 400, moved: 2, from: { a: 2 }, to: { b: 2 } },
  ])
  assert.is(frameAt(frames, 10_200), frames[1])
  assert.is(frameAt(frames, -5), frames[0])
})

test('an hour is kept, and the frame that was true at its beginning', () => {
  const frames = seen(frame(0, 'a'), frame(1000, 'b'), frame(KEPT_MS + 500, 'c'), frame(KEPT_MS + 2000, 'd'))
  assert.equal(
    frames.map(({ at }) => at),
    [1000, KEPT_MS + 500, KEPT_MS + 2000],
  )
})

test('actions are those of the state and of the role', () => {
  const session = (...roles: string[]) => ({ token: 't', user: 'u', project: 'p', roles, expiresAt: null })
  const active = { vmState: 'active', taskState: null, locked: null, host: 'h', origin: null } as const
  const labels = (roles: string[], change = {}) => actionsFor(session(...roles), { ...active, ...change }).map(({ label }) => label)
  assert.equal(labels(['reader']), [])
  assert.equal(labels(['member'], { taskState: 'rebooting' }), ['Delete'])
  assert.ok(labels(['member']).includes('Stop') && !labels(['member']).includes('Start') && !labels(['member']).includes('Migrate'))
  assert.ok(labels(['admin']).includes('Migrate'))
  assert.equal(labels(['member'], { vmState: 'error', host: null }), ['Delete'])
  assert.equal(labels(['member'], { locked: { reason: null } }), [])
})

test('a list in order: whatever changes, it is what sorting all of it would be', () => {
  const change = fc.record({
    set: fc.array(fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd', 'e'), size: fc.nat(5) })),
    gone: fc.array(fc.constantFrom('a', 'b', 'c')),
  })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), changes => {
      const bySize = (a: { size: number }, b: { size: number }): number => b.size - a.size
      const ordered = createOrdered<{ id: string; size: number }>(bySize)
      const truth = new Map<string, { id: string; size: number }>()
      for (const { set, gone } of changes) {
        const last = new Map(set.map(row => [row.id, row]))
        for (const id of gone) truth.delete(id)
        for (const row of last.values()) truth.set(row.id, row)
        const expected = [...truth.values()].sort((a, b) => bySize(a, b) || (a.id < b.id ? -1 : 1))
        assert.equal(ordered.change([...last.values()], gone), expected)
      }
      assert.is(ordered.change([], []), ordered.change([], []), 'nothing different is the same list')
    }),
  )
})

test('the last hour: samples are joined, what is older becomes one, and marks stand at what happened', () => {
  const T = 1_700_000_000_000
  const owners = (...of: number[]) => ({ names: ['c1', 'c2'], of })
  const first = joined([], {
    isWhole: true,
    samples: [
      { at: T, owners: owners(0, 0), ended: [1, 0] },
      { at: T + 1000, ended: [2, 0] },
    ],
  })
  const next = joined(first, {
    isWhole: false,
    samples: [
      { at: T + 2000, owners: owners(0, -1) },
      { at: T + 3000, owners: owners(0, 1) },
    ],
  })
  assert.equal(
    framesOf(next).map(({ at, owners: of }) => [at - T, of]),
    [
      [0, ['c1', 'c1']],
      [2000, ['c1', null]],
      [3000, ['c1', 'c2']],
    ],
  )
  const late = joined(next, { isWhole: false, samples: [{ at: T + KEPT_MS + 1500 }] })
  assert.equal(late[0], { at: T + 1000, owners: owners(0, 0), ended: [2, 0] }, 'what was before an hour ago is where it begins')
  assert.is(late.length, 4)
  assert.equal(joined(late, { isWhole: true, samples: [{ at: 5 }] }), [{ at: 5 }], 'another memory replaces this one')

  const alert = { code: 'host-silent', severity: 'critical', subject: 'host/h1', message: 'm', remedy: 'r' } as const
  const marks = marksOf(next, [
    { ...alert, id: '1', firedAt: T - 5000, clearedAt: T + 500 },
    { ...alert, id: '2', firedAt: T + 2500, clearedAt: null },
  ])
  assert.equal(
    marks.map(({ at, kind }) => [at - T, kind]),
    [
      [500, 'cleared'],
      [2000, 'takeover'],
      [2500, 'fired'],
    ],
    'what was before the first sample cannot be replayed',
  )
  assert.match(marks[1]?.text ?? '', /1 shard from c1/)
  const close = [0, 10, 400, 15].map((at, i) => ({ at, kind: i === 3 ? 'takeover' : 'fired', text: `t${i}` }) as const)
  assert.equal(
    grouped(close, 20).map(({ at, text }) => [at, text]),
    [
      [0, 't0; t1'],
      [400, 't2'],
      [15, 't3'],
    ],
  )
})

test.run()
