import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { HostBody } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { createActorSystem } from '../../supervisors/hosting/actor-system.ts'
import { createPicks } from '../../supervisors/hosts/picks.ts'
import { DEMAND, host, schedulerOf } from '../support/placement.ts'
import { type Bench, simulated } from '../support/simulated.ts'

const HOST = host('a')

function picksOver({ env }: Bench, recorded: () => Promise<readonly HostBody[]>) {
  const scheduler = schedulerOf([])
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
    assert.equal(await bench.value(pick(DEMAND)), { hosts: ['a'] })
    assert.is(looks.length, 1)
    stop()
  }))

test('what is known is not looked up', () =>
  simulated(async bench => {
    const { scheduler, pick, looks, stop } = picksOver(bench, async () => [])
    scheduler.learn(HOST)
    assert.equal(await bench.value(pick(DEMAND)), { hosts: ['a'] })
    assert.equal(looks, [])
    stop()
  }))

test('many that fit nowhere are one look a second', () =>
  simulated(async bench => {
    const { pick, looks, stop } = picksOver(bench, async () => [{ ...HOST, ramMb: 10 }])
    const codes = await Promise.all(Array.from({ length: 50 }, () => bench.code(pick(DEMAND))))
    assert.equal([...new Set(codes)], ['NoValidHost'])
    assert.is(looks.length, 1)
    await bench.run(1000)
    assert.is(await bench.code(pick(DEMAND)), 'NoValidHost')
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
    assert.is(await bench.code(pick(DEMAND)), 'Unavailable')
    away = false
    assert.equal(await bench.value(pick(DEMAND)), { hosts: ['a'] })
    stop()
  }))

test.run()
