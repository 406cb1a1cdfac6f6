/** Nobody is told of ten thousand hosts or a hundred thousand instances: what the hub makes of selections, searches, orders and pages. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { idsIn, inWorld, of } from '../support/console-world.ts'
import { host } from '../support/placement.ts'

test('hosts are selected, searched and sorted by the hub; nodes by role; what is asked wrongly is told', () =>
  inWorld(async ({ bench, api, client }) => {
    const rows = [
      host('compute-2', { ramMbUsed: 900 }),
      host('compute-10', { state: 'down' }),
      host('Compute-1', { ramMbUsed: 100 }),
      host('other', { mode: 'draining', enabled: false }),
    ]
    api.listHosts = async ({ marker }) => (marker === undefined ? rows.map((row, i) => ({ ...row, createdAt: i, rev: 1 })) : [])
    const c = client()
    c.session.begin(null)
    const asked = [
      { id: 'a', params: { sort: 'attention:desc', limit: 2 } },
      { id: 'b', params: { find: 'COMPUTE', sort: 'id:asc' } },
      { id: 'c', params: { state: 'up', mode: 'enabled' } },
      { id: 'd', params: { sort: 'colour' } },
      { id: 'e', params: { sort: 'id:up' } },
    ]
    for (const each of asked) c.send({ type: 'subscribe', topic: 'hosts', ...each })
    c.send({ type: 'subscribe', id: 'n', topic: 'nodes', params: { role: 'conductor' } })
    c.send({ type: 'subscribe', id: 'm', topic: 'nodes', params: { role: 'king' } })
    await bench.run(1000)
    const shown = (id: string): string[] => idsIn(of(c.told, 'snapshot').find(message => message.id === id))
    const error = (id: string): string => String(of(c.told, 'error').find(message => message.id === id)?.message)
    assert.equal(shown('a'), ['compute-10', 'other'], 'who is down, and who takes nothing new')
    assert.equal(shown('b'), ['Compute-1', 'compute-10', 'compute-2'])
    assert.equal(shown('c'), ['Compute-1', 'compute-2'])
    assert.match(error('d'), /hosts have no column "colour"; there are .*attention/)
    assert.match(error('e'), /asc or desc/)
    assert.match(error('m'), /role must be one of conductor, compute, gateway/)
    const conductors = (await api.listNodes({})).filter(({ role }) => role === 'conductor')
    assert.equal(
      shown('n'),
      conductors.map(({ id }) => id),
    )
  }))

test('a window of instances may begin behind one of them: what changes there is told, what is before it is not', () =>
  inWorld(async ({ bench, api, tell, client }) => {
    const made = { project: 'p1', flavor: 'tiny', image: 'fake', metadata: {}, reservation: 'r', requestId: 'q' }
    for (const name of ['a', 'b', 'c', 'd', 'e']) await api.createInstances({ ids: [`x-${name}`], name: `n-${name}`, ...made })
    const c = client()
    c.session.begin(null)
    const params = { sort: 'name:asc', limit: 2 }
    c.send({ type: 'subscribe', id: 'a', topic: 'instances', params: { ...params, after: 'x-b' } })
    c.send({ type: 'subscribe', id: 'z', topic: 'instances', params: { ...params, after: 'nobody' } })
    await bench.run(1000)
    assert.equal(idsIn(of(c.told, 'snapshot').find(({ id }) => id === 'a')), ['x-c', 'x-d'])
    assert.is(of(c.told, 'error').find(({ id }) => id === 'z')?.code, 'NotFound')
    tell({ id: 'x-new', name: 'n-bb', rev: 1 })
    tell({ id: 'x-old', name: 'n-aa', rev: 1 })
    await bench.run(1000)
    const [delta] = of(c.told, 'delta')
    assert.equal([idsIn(delta), delta?.gone], [['x-new'], ['x-d']])
    assert.is(of(c.told, 'delta').length, 1)
  }))

test.run()
