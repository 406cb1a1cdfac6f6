/** Ten thousand hosts are not told to everybody: what the hub makes of selections, searches and orders. */
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

test.run()
