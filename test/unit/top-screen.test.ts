/** `baton top` as two pure functions: keys to picture, picture and data to lines. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { NodeBody } from '../../actors/api.ts'
import { loadLines } from '../../bin/output/load.ts'
import { draw, firstPicture, linesOf, type Picture, plainText, press } from '../../bin/top/screen.ts'
import type { Data } from '../../bin/top/views.ts'

const node = (id: string, role: NodeBody['role'], shards: number): NodeBody => ({
  ...{ id, role, shards, pid: 1, state: 'up', endpoint: '', version: '0', node: 'v24', load: { cpu: 0.5 } },
})
const queue = (name: string, depth: number) => ({ id: `n/${name}`, node: 'n', queue: name, depth, limit: 100, oldestMs: 0, busiest: null })
const data: Data = {
  cluster: new Map(),
  nodes: new Map([node('c-1', 'conductor', 9), node('c-2', 'conductor', 100), node('h-1', 'compute', 0)].map(n => [n.id, n])),
  shards: new Map(),
  queues: new Map([queue('inboxes', 3), queue('journal', 70), queue('calls', 8)].map(q => [q.id, q])),
  ...{ operations: new Map(), hosts: new Map(), instances: new Map() },
}
const typed = (picture: Picture, ...keys: string[]): Picture => keys.reduce((p, key) => press(p, key, linesOf(p, data)), picture)
const ids = (picture: Picture): string[] => linesOf(picture, data).map(line => line.id)

test('keys choose a view, sort by numbers as numbers, filter, drill and quit', () => {
  assert.equal(ids(firstPicture()), ['c-1', 'c-2', 'h-1'])
  assert.equal(ids(typed(firstPicture(), 's', 's', 's', 'r')), ['c-2', 'c-1', 'h-1'])
  assert.equal(ids(typed(firstPicture(), '3')), ['n/journal', 'n/calls', 'n/inboxes'], 'the fullest queue first')
  assert.equal(ids(typed(firstPicture(), '/', 'C', '-', 'x', '\u007f', '\r')), ['c-1', 'c-2'])
  assert.equal(ids(typed(firstPicture(), '/', 'q', '\u001b')).length, 3, 'a q in the filter does not quit')
  assert.is(typed(firstPicture(), '\u001b[B', '\u001b[B', '\u001b[B', '\u001b[B', '\r').detail, 'h-1')
  assert.is(typed(firstPicture(), '\r', '\u001b').detail, null)
  assert.is(typed(firstPicture(), '\t').view, 'shards')
  assert.ok(typed(firstPicture(), 'q').over)
  assert.ok(typed(firstPicture(), '/', '\u0003').over)
})

test('of a load a person reads what it means; what a node does not say is left out', () => {
  const load = {
    cpu: 0.123,
    rssMb: 181,
    commandsPerS: 34.5,
    inbox: 2,
    commitsWaiting: 1,
    oldestMs: 1234,
    lagMs: 3,
    metricsPort: 9999,
    queueLimit: 20_000,
  }
  const lines = loadLines({ load }).map(([title, text]) => `${title}: ${text}`)
  assert.equal(lines, ['CPU: 12 %', 'MEMORY: 181 MB', 'COMMANDS: 34.5/s', 'QUEUE: 3, oldest 1.2 s', 'EVENT LOOP LATE: 3 ms'])
  assert.equal(loadLines({ load: {} }), [])
  const busy = { ...data, nodes: new Map([['c-1', { ...node('c-1', 'conductor', 9), load }]]) }
  const detail = draw({ ...firstPicture(), detail: 'c-1' }, busy, '', { width: 80, height: 40 }).join('\n')
  assert.match(detail, /^queue +3, oldest 1\.2 s$/m)
  assert.not.match(detail, /metricsPort|queueLimit/)
  assert.match(plainText(busy, ['nodes']), /^c-1 +conductor +up +9 +12 +181 +34\.5 +3 +1234 +- +3 +0$/m)
})

test('the screen keeps its bounds, whatever is in it', () => {
  const evil = { ...data, nodes: new Map([['x', node(`\u001b[2Jx${'y'.repeat(500)}`, 'gateway', 0)]]) }
  for (const height of [1, 3, 8, 40]) {
    const lines = draw(firstPicture(), evil, 'live', { width: 60, height })
    assert.ok(lines.length <= height && lines.every(line => line.length <= 60 && !line.includes('\u001b')))
  }
  const many = { ...data, nodes: new Map(Array.from({ length: 500 }, (_, i) => [`n${i}`, node(`n${String(i).padStart(3, '0')}`, 'compute', 0)])) }
  const far = { ...firstPicture(), cursor: 400 }
  assert.ok(
    draw(far, many, '', { width: 80, height: 20 }).some(line => line.startsWith('> n400')),
    'the chosen row is in sight',
  )
  assert.match(plainText(data, ['queues']), /^\(no figures yet\)\n\nQUEUES\nNODE .*\nn +journal +70 +100 +70 %/)
})

test.run()
