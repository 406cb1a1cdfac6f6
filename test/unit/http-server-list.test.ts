/** Lists of servers: filters, order, times of change. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exactName, nameTest } from '../../transport/http/requests/name-pattern.ts'
import { createFace, SERVERS } from '../support/http.ts'

const at = (minor: number) => ({ 'openstack-api-version': `compute 2.${minor}` })

async function three() {
  const face = createFace()
  const a = await face.newServer({ name: 'web-1' }, at(37))
  const b = await face.newServer({ name: 'web-2', tags: ['x', 'y'], description: 'blue' }, at(52))
  const c = await face.newServer({ name: 'db', tags: ['y'], hostname: 'data' }, at(90))
  face.fake.setInstance(b, { host: 'c1', locked: { reason: null } })
  const names = async (query: string, minor = 73): Promise<string> => {
    const { body, status } = await face.ask('GET', `${SERVERS}?${query}`, undefined, at(minor))
    return status === 200 ? body.servers.map((s: { name: string }) => s.name).join(' ') : String(status)
  }
  return { ...face, ids: [a, b, c], names }
}

test('each filter selects what it says', async () => {
  const { names, ids } = await three()
  const expected: [string, string][] = [
    ['', 'db web-2 web-1'],
    ['name=web', 'web-2 web-1'],
    ['name=^b', ''],
    ['name=1$', 'web-1'],
    ['name=%5Edb%24', 'db'],
    ['name=w.*2', 'web-2'],
    ['tags=y', 'db web-2'],
    ['tags=x,y', 'web-2'],
    ['tags-any=x,z', 'web-2'],
    ['not-tags=x,y', 'db web-1'],
    ['not-tags-any=x,y', 'web-1'],
    ['locked=true', 'web-2'],
    ['locked=False', 'db web-1'],
    ['description=lu', 'web-2'],
    ['hostname=data', 'db'],
    ['host=c1', 'web-2'],
    ['node=c1', 'web-2'],
    ['availability_zone=nova', 'web-2'],
    [`uuid=${ids[0]}`, 'web-1'],
    ['task_state=scheduling', 'db web-2 web-1'],
    ['power_state=1', ''],
    ['vm_state=building', 'db web-2 web-1'],
    ['vm_state=nonsense', ''],
    ['ip=10.0.0.1', ''],
    ['name=web&tags=y', 'web-2'],
  ]
  for (const [query, wanted] of expected) assert.is(await names(query), wanted, query)
  assert.is(await names('tags=x', 25), 'db web-2 web-1', 'tags are ignored before 2.26')
  assert.is(await names('nonsense=1', 74), 'db web-2 web-1')
  assert.is(await names('nonsense=1', 75), '400')
})

test('order: by keys and directions; what is none is 400', async () => {
  const { names } = await three()
  assert.is(await names('sort_key=display_name&sort_dir=asc'), 'db web-1 web-2')
  assert.is(await names('sort_key=display_name'), 'web-2 web-1 db')
  assert.is(await names('sort_dir=asc'), 'web-1 web-2 db')
  for (const bad of ['sort_key=colour', 'sort_key=__proto__', 'sort_dir=up', 'sort_key=host&sort_dir=asc&sort_dir=desc']) {
    assert.is(await names(bad), '400', bad)
  }
})

test('changes-since shows the deleted, too; changes-before came with 2.66; wrong times are 400', async () => {
  const { names, fake, ids } = await three()
  fake.setInstance(ids[0] ?? '', { vmState: 'deleted', updatedAt: Date.UTC(2026, 5, 1) })
  assert.is(await names(''), 'db web-2')
  assert.is(await names('changes-since=2026-05-01T00:00:00Z'), 'web-1')
  assert.is(await names('changes-since=2026-01-01'), 'db web-2 web-1')
  assert.is(await names('changes-before=2026-01-01', 65), 'db web-2')
  assert.is(await names('changes-before=2026-01-01', 66), '')
  for (const bad of ['changes-since=yesterday', 'changes-since=2026-13-01', 'changes-since=2026-02-01&changes-before=2026-01-01']) {
    assert.is(await names(bad), '400', bad)
  }
})

test('patterns of names: what is matched, what is refused, and none takes long', () => {
  const matches = (pattern: string, name: string) => nameTest(pattern)(name)
  assert.ok(matches('a.c', 'xabcx') && matches('^a.*z$', 'abcz') && matches('a\\.c', 'a.c') && matches('', 'x') && matches('^$', ''))
  assert.ok(matches('👩.', 'x👩y'))
  assert.not.ok(matches('a\\.c', 'abc') || matches('^b', 'ab') || matches('b$', 'ba') || matches('^$', 'x'))
  assert.ok(matches('a\\$', 'a$b'))
  assert.equal([exactName('^web\\.1$'), exactName('^w.b$'), exactName('web'), exactName('^a\\$')], ['web.1', null, null, null])
  assert.ok(matches('^.*\\-instance\\-[0-9]+$', 'x-instance-42') && matches('^[^a-c]x?$', 'd') && matches('^a+b*$', 'aa') && matches('[a-]$', '-'))
  assert.not.ok(matches('^.*-[0-9]+$', 'x-4y') || matches('^[^a-c]$', 'b') || matches('^a+$', '') || matches('^ab?$', 'abb'))
  assert.is(exactName('^web-[0-9]$'), null)
  for (const bad of ['(a+)+$', 'a|b', '[a', 'a{9}', '*a', 'a**']) assert.throws(() => nameTest(bad), /no pattern known here/)
  assert.not.ok(matches(`${'.*a'.repeat(80)}$`, `${'a'.repeat(254)}b`))
  assert.not.ok(matches(`${'a?'.repeat(80)}${'[a-z]*'.repeat(25)}0`, 'a'.repeat(255)))
})

test.run()
