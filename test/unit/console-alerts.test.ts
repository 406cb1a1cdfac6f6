/** Alerts and the last hour as a client of the console is told of them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BatonError } from '../../actors/kernel/errors.ts'
import { idsIn, inWorld, of } from '../support/console-world.ts'

test('alerts are rows: those that fire, and those that are over', () =>
  inWorld(async ({ bench, api, client }) => {
    const alert = { code: 'host-silent', severity: 'critical', subject: 'host/h1', message: 'm', remedy: 'r', firedAt: 5, clearedAt: null } as const
    const webhook = { waiting: 0, delivered: 0, givenUp: 0, failure: null }
    api.listAlerts = async () => ({ firing: [{ ...alert, id: 2 }], ended: [{ ...alert, id: 1, clearedAt: 9 }], webhook })
    const c = client()
    c.session.begin(null)
    c.send({ type: 'subscribe', id: 'a', topic: 'alerts' })
    await bench.run(1000)
    assert.equal(idsIn(of(c.told, 'snapshot')[0]), ['1', '2'])
    api.listAlerts = async () => ({ firing: [], ended: [{ ...alert, id: 2, clearedAt: 8 }], webhook })
    await bench.run(5000)
    const [delta] = of(c.told, 'delta')
    assert.equal([idsIn(delta), delta?.gone], [['2'], ['1']])
  }))

test('the last hour: who asks for the same is told the same, one question at a time, and a refusal is no end', () =>
  inWorld(async ({ bench, api, client }) => {
    let asked = 0
    api.clusterHistory = async ({ after, epoch }) => {
      asked++
      if (epoch === 'gone') throw new BatonError('Unavailable', 'no conductor answers')
      return { epoch: 'c1/1', isWhole: after === undefined, samples: [{ at: (after ?? 0) + 1 }], more: false }
    }
    const clients = [client(), client(), client()]
    for (const c of clients) {
      c.session.begin(null)
      c.send({ type: 'history', id: 'h1', after: 7, epoch: 'c1/1' })
      c.send({ type: 'history', id: 'h2' })
    }
    await bench.run(100)
    assert.is(asked, 1)
    for (const c of clients) {
      assert.equal(of(c.told, 'history'), [{ type: 'history', id: 'h1', epoch: 'c1/1', isWhole: false, samples: [{ at: 8 }], more: false }])
      assert.equal(
        of(c.told, 'error').map(e => [e.id, e.code]),
        [['h2', 'Overloaded']],
      )
    }
    const [c] = clients
    c?.send({ type: 'history', id: 'h3', after: 7, epoch: 'gone' })
    await bench.run(2000)
    c?.send({ type: 'history', id: 'h4', after: 7, epoch: 'c1/1' })
    await bench.run(100)
    assert.equal([of(c?.told ?? [], 'error').at(-1)?.code, of(c?.told ?? [], 'history').at(-1)?.id, asked], ['Unavailable', 'h4', 3])
  }))

test.run()
