/** The pure parts of Glance's API: ranges, patches, filters, and who may see what. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ImageBody, isVisible } from '../../actors/api.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { compareBy, matches } from '../../actors/image/access.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { filterOf, sortOf } from '../../transport/http/images/filters.ts'
import { changesOf, parsePatch } from '../../transport/http/images/patch.ts'
import { rangeOf } from '../../transport/http/images/range.ts'
import { visibilityAsked } from '../../transport/http/images/visibility.ts'

const test = suite('image-api')

const codeOf = (run: () => unknown): string => {
  try {
    run()
    return 'ok'
  } catch (error) {
    return error instanceof BatonError ? error.code : String(error)
  }
}

test('one range of bytes is served; what is no range is answered with everything', () => {
  const cases: [string | undefined, unknown][] = [
    [undefined, null],
    ['bytes=0-0', { from: 0, to: 1 }],
    ['bytes=5-', { from: 5, to: 10 }],
    ['bytes=5-100', { from: 5, to: 10 }],
    ['bytes=-3', { from: 7, to: 10 }],
    ['bytes=-30', { from: 0, to: 10 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-4', null],
    ['bytes=0-1,3-4', null],
    ['lines=0-1', null],
    ['bytes=-', null],
  ]
  for (const [header, expected] of cases) assert.equal(rangeOf(header, 10), expected, header)
  assert.is(rangeOf('bytes=0-', 0), 'unsatisfiable')
})

test('a patch becomes changes; the last word on a field counts', () => {
  const image = { properties: { color: 'red', 'a/b': '1' } }
  const patch = parsePatch([
    { op: 'replace', path: '/name', value: 'n' },
    { op: 'add', path: '/min_ram', value: 5 },
    { op: 'replace', path: '/color', value: 'blue' },
    { op: 'remove', path: '/a~1b' },
    { op: 'add', path: '/new', value: 'x' },
    { op: 'remove', path: '/new' },
    { op: 'add', path: '/tags', value: ['t'] },
  ])
  assert.equal(
    changesOf(image, patch, () => null),
    { name: 'n', minRamMb: 5, tags: ['t'], setProperties: { color: 'blue' }, unsetProperties: ['a/b', 'new'] },
  )
})

test('a patch that cannot be is refused, each with its reason', () => {
  const change = (ops: unknown) =>
    codeOf(() => changesOf({ properties: { p: '1' } }, parsePatch(ops), field => (field === 'bad' ? 'it is bad' : null)))
  const op = (kind: string, path: unknown, value: unknown = 'x') => [{ op: kind, path, ...(kind === 'remove' ? {} : { value }) }]
  assert.is(change({}), 'BadRequest')
  assert.is(change([null]), 'BadRequest')
  for (const path of ['name', '/', '/a/b', '/~2', 7]) assert.is(change(op('add', path)), 'BadRequest', String(path))
  assert.is(change(op('move', '/p')), 'BadRequest')
  assert.is(change([{ op: 'add', path: '/p' }]), 'BadRequest')
  assert.is(change(op('add', '/bad')), 'BadRequest')
  for (const field of ['status', 'size', 'id', 'owner', 'checksum', 'created_at']) assert.is(change(op('replace', `/${field}`)), 'Forbidden', field)
  assert.is(change(op('remove', '/name')), 'Forbidden')
  assert.is(change(op('replace', '/missing')), 'Conflict')
  assert.is(change(op('remove', '/missing')), 'Conflict')
  assert.is(change(op('remove', '/p')), 'ok')
})

test('filters and sort keys of a query', () => {
  assert.equal(filterOf({ name: 'in:a,"b,c"', status: 'active', tag: ['x', 'y'], size_min: '5', os_hidden: 'True', color: 'red' }), {
    ...{ names: ['a', 'b,c'], statuses: ['active'], tags: ['x', 'y'], sizeMin: 5, hidden: true, properties: { color: 'red' } },
  })
  assert.equal(filterOf({ created_at: 'gte:2026-01-31T12:00:00Z' }).created, [{ operator: 'gte', at: Date.UTC(2026, 0, 31, 12) }])
  for (const query of [
    { visibility: 'x' },
    { size_min: '-1' },
    { protected: 'maybe' },
    { created_at: 'soon' },
    { created_at: 'xx:2026-01-01' },
    { name: 'in:"a' },
  ]) {
    assert.is(
      codeOf(() => filterOf(query)),
      'BadRequest',
      JSON.stringify(query),
    )
  }
  assert.equal(sortOf({ sort: 'name:asc,size' }), [
    { column: 'name', direction: 'asc' },
    { column: 'size', direction: 'desc' },
  ])
  assert.equal(
    sortOf({ sort_key: ['name', 'id'], sort_dir: 'asc' })?.map(s => s.direction),
    ['asc', 'asc'],
  )
  assert.is(sortOf({}), undefined)
  for (const query of [{ sort: 'owner' }, { sort: 'name:up' }, { sort: 'name', sort_key: 'id' }, { sort_key: ['id'], sort_dir: ['asc', 'desc'] }]) {
    assert.is(
      codeOf(() => sortOf(query)),
      'BadRequest',
      JSON.stringify(query),
    )
  }
})

const image = (more: Partial<ImageBody>): ImageBody => ({ ...FAKE_IMAGE, id: 'i', project: 'a', ...more })
const member = (status: 'pending' | 'accepted') => ({ b: { status, createdAt: 0, updatedAt: 0 } })

test('who may see an image, and whose list has it', () => {
  const seen = (more: Partial<ImageBody>) => ['a', 'b', 'c'].filter(project => isVisible(image(more), project)).join('')
  const listed = (more: Partial<ImageBody>, filter = {}) =>
    ['a', 'b', 'c'].filter(project => matches(image(more), filter, { project, admin: false })).join('')
  assert.equal([seen({ visibility: 'private' }), listed({ visibility: 'private' })], ['a', 'a'])
  assert.equal([seen({ visibility: 'public' }), listed({ visibility: 'public' })], ['abc', 'abc'])
  assert.equal([seen({ visibility: 'community' }), listed({ visibility: 'community' })], ['abc', 'a'])
  assert.is(listed({ visibility: 'community' }, { visibility: 'community' }), 'abc')
  const pending = { visibility: 'shared', members: member('pending') } as const
  assert.equal([seen(pending), listed(pending), listed(pending, { memberStatus: 'pending' })], ['ab', 'a', 'ab'])
  assert.is(listed({ visibility: 'shared', members: member('accepted') }), 'ab')
  assert.is(listed({ visibility: 'public', hidden: true }), '')
  assert.is(listed({ visibility: 'public', hidden: true }, { hidden: true }), 'abc')
  assert.ok(matches(image({ visibility: 'private' }), {}, { project: 'c', admin: true }))
  assert.not(isVisible(image({ visibility: 'private' }), null))
})

test('a list has one order, ids last', () => {
  const rows = [image({ id: 'x', name: 'b' }), image({ id: 'y', name: 'a' }), image({ id: 'z', name: 'b' })]
  const order = (direction: 'asc' | 'desc') =>
    [...rows]
      .sort(compareBy([{ column: 'name', direction }]))
      .map(i => i.id)
      .join('')
  assert.equal([order('asc'), order('desc')], ['yxz', 'zxy'])
})

test('the most open visibility of a body decides the rule', () => {
  assert.is(visibilityAsked({ visibility: 'public' }), 'public')
  assert.is(
    visibilityAsked([
      { path: '/visibility', value: 'private' },
      { path: '/visibility', value: 'public' },
    ]),
    'public',
  )
  for (const body of [null, 'x', [], [null], {}, { visibility: 7 }]) assert.is(visibilityAsked(body), null)
})

test.run()
