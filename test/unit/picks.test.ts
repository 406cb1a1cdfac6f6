import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { HostBody } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { createScheduler } from '../../actors/scheduler/scheduler.ts'
import { createActorSystem } from '../../supervisors/actor-system.ts'
import { createPicks } from '../../supervisors/picks.ts'
import { type Bench, simulated } from '../support/simulated.ts'

const REQUEST = { vcpus: 1, ramMb: 100, diskGb: 1, avoid: [], driver: 'fake' }
const HOST: HostBody = {
  id: 'a',
  state: 'up',
  enabled: true,
  disabledReason: null,
  mode: 'enabled',
  operation: null,
  driver: 'fake',
  vcpus: 4,
  ramMb: 1000,
  diskGb: 10,
  vcpusUsed: 0,
  ramMbUsed: 0,
  diskGbUsed: 0,
  claims: 0,
  pid: 1,
  version: '0',
  createdAt: 0,
  stateSince: 0,
}

function picksOver({ env }: Bench, recorded: () => Promise<readonly HostBody[]>) {
  const scheduler = createScheduler({ random: () => 0, ratios: { vcpu: 1, ram: 1, disk: 1 } })
  const looks: number[] = []
  const system = createActorSystem('picks')
  const pick = createPicks({
    env,
    system,
    scheduler,
    recorded: () => {
      looks.push(env.monotonicMs())
      return recorded()
    },
  })
  return { scheduler, pick, looks, stop: () => system.stop() }
}

test('a host that no summary told of is found in the record', () =>
  simulated(async bench => {
    const { pick, looks, stop } = picksOver(bench, async () => [HOST])
    assert.equal(await bench.value(pick(REQUEST)), { hosts: ['a'] })
    assert.is(looks.length, 1)
    stop()
  }))

test('what is known is not looked up', () =>
  simulated(async bench => {
    const { scheduler, pick, looks, stop } = picksOver(bench, async () => [])
    scheduler.learn(HOST)
    assert.equal(await bench.value(pick(REQUEST)), { hosts: ['a'] })
    assert.equal(looks, [])
    stop()
  }))

test('many that fit nowhere are one look a second', () =>
  simulated(async bench => {
    const { pick, looks, stop } = picksOver(bench, async () => [{ ...HOST, ramMb: 10 }])
    const codes = await Promise.all(Array.from({ length: 50 }, () => bench.code(pick(REQUEST))))
    assert.equal([...new Set(codes)], ['NoValidHost'])
    assert.is(looks.length, 1)
    await bench.run(1000)
    assert.is(await bench.code(pick(REQUEST)), 'NoValidHost')
    assert.is(looks.length, 2)
    stop()
  }))

test('without the record there is no verdict', () =>
  simulated(async bench => {
    let away = true
    const { pick, stop } = picksOver(bench, async () => {
      if (away) throw new BatonError('Unavailable', 'the database is away')
      return [HOST]
    })
    assert.is(await bench.code(pick(REQUEST)), 'Unavailable')
    away = false
    assert.equal(await bench.value(pick(REQUEST)), { hosts: ['a'] })
    stop()
  }))

test.run()
