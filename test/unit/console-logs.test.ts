/** The logs of nodes as a topic of the console: each line once, in order, and for admins alone. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ClusterApi, ListLogs, LogLine } from '../../actors/api.ts'
import type { Claims } from '../../actors/identity/api.ts'
import { type Client, claims, inWorld, of } from '../support/console-world.ts'

test('lines of logs come once each, of every node, and go on where a client left; only for who may see everything', () =>
  inWorld(async ({ bench, api, client }) => {
    const log: LogLine[] = []
    const asked: ListLogs[] = []
    const write = (node: string, message: string): void => {
      log.push({ node, seq: log.filter(l => l.node === node).length + 1, at: log.length, level: 'info', message, fields: {} })
    }
    const listLogs: ClusterApi['listLogs'] = async query => {
      asked.push(query)
      const upTo = Object.fromEntries(['n1', 'n2'].map(node => [node, { life: 'l', seq: log.filter(l => l.node === node).length }]))
      return { lines: log.filter(l => l.seq > (query.after?.[l.node]?.seq ?? 0)), upTo, silent: [] }
    }
    Object.assign(api, { listLogs })
    write('n1', 'a')
    const c = client()
    c.session.begin(null)
    c.send({ type: 'subscribe', id: 'l', topic: 'logs', params: { request: 'req-1', node: 'n1', level: 'warn' } })
    await bench.run(1500)
    write('n2', 'b')
    write('n1', 'c')
    await bench.run(3000)
    const items = (of_: Client): unknown[] =>
      of(of_.told, 'items').flatMap(m => (Array.isArray(m.items) ? m.items.map(i => Reflect.get(i, 'message')) : []))
    assert.equal(items(c), ['a', 'b', 'c'])
    assert.equal(asked[0], { node: 'n1', mentions: ['req-1'], level: 'warn', after: {} })
    assert.equal(asked.at(-1)?.after, { n1: { life: 'l', seq: 2 }, n2: { life: 'l', seq: 1 } })
    const last = of(c.told, 'items').at(-1)
    c.session.closed()
    write('n1', 'd')
    const back = client()
    back.session.begin(null)
    back.send({
      type: 'subscribe',
      id: 'l',
      topic: 'logs',
      params: { request: 'req-1', node: 'n1', level: 'warn' },
      resume: { epoch: last?.epoch, version: last?.version },
    })
    await bench.run(3000)
    assert.equal(items(back), ['d'])
    back.send({ type: 'subscribe', id: 'x', topic: 'logs', params: { level: 'loud' } })
    assert.match(String(of(back.told, 'error').at(-1)?.message), /level must be one of debug, info, warn, error/)

    const verify = async (role: string): Promise<Claims> => claims(role, 'p1')
    const member = client({ verify })
    member.session.begin('member')
    const admin = client({ verify })
    admin.session.begin('admin')
    await bench.run(10)
    for (const who of [member, admin]) who.send({ type: 'subscribe', id: 'l', topic: 'logs' })
    await bench.run(1000)
    assert.equal(
      of(member.told, 'error').map(e => e.code),
      ['Forbidden'],
    )
    assert.equal([items(member).length, items(admin).length], [0, 4])
  }))

test.run()
