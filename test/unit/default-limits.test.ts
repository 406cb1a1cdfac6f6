/** The limits of projects that have none of their own: set by the API, over the configuration, and told to projects. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { BatonError } from '../../actors/kernel/errors.ts'
import { NO_LIMITS } from '../../actors/kernel/quota.ts'
import { defaultLimitsActor } from '../../actors/project/default-limits.ts'
import { projectActor } from '../../actors/project/project.ts'
import { recentDefaults } from '../../supervisors/requests/default-limits.ts'
import { hold } from '../support/durable.ts'
import { rejectsWith } from './persistence-fixtures.ts'

const test = suite('default-limits')
const CONFIGURED = { ...NO_LIMITS, instances: 10, cores: 20 }

test('what is set stands over the configuration; what is not given stays', () => {
  const held = hold(defaultLimitsActor(CONFIGURED), 'default')
  assert.equal(held.send('get'), { limits: CONFIGURED, unused: {} })
  held.send('set', { limits: { cores: 5 }, unused: { floating_ips: 3 } })
  held.send('set', { limits: { ram: 100 }, unused: {} })
  assert.equal(held.send('get'), { limits: { ...CONFIGURED, cores: 5, ram: 100 }, unused: { floating_ips: 3 } })
  for (const limits of [{ cores: -2 }, { cores: 1.5 }, { gigabytes: 1 }]) assert.is(held.code('set', { limits, unused: {} }), 'BadRequest')
  const many = Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`u${i}`, 1]))
  assert.is(held.code('set', { limits: {}, unused: many }), 'BadRequest')
})

test('a project goes by the defaults it is told, where it has no limits of its own', () => {
  const held = hold(projectActor({ limits: CONFIGURED, checkMs: 1000 }), 'p')
  const defaults = { ...CONFIGURED, instances: 1, cores: 2 }
  const take = (holder: string) => held.code('reserve', { holders: [`instance/${holder}`], amounts: { instances: 1, cores: 1 }, defaults })
  assert.equal([take('a'), take('b')], ['ok', 'QuotaExceeded'])
  assert.equal((held.send('get', { defaults }) as { defaults: object }).defaults, defaults)
  held.send('setLimits', { limits: { instances: 5 }, defaults })
  assert.equal([take('b'), take('c')], ['ok', 'QuotaExceeded'], 'the cores are still those of all')
  assert.is(held.code('reserve', { holders: [], amounts: {}, defaults: { cores: 1 } }), 'BadRequest', 'all of them or none')
})

test('they are asked for once a second at most; while nobody answers their last word counts, for a while', async () => {
  let nowMs = 0
  let asked = 0
  let fail = false
  const recent = recentDefaults({
    env: { monotonicMs: () => nowMs },
    async call() {
      asked++
      if (fail) throw new BatonError('Unavailable', 'moving')
      return { limits: { ...CONFIGURED, cores: asked }, unused: {} }
    },
  })
  assert.equal(
    (await Promise.all([recent(), recent()])).map(({ cores }) => cores),
    [1, 1],
  )
  nowMs = 999
  assert.is((await recent()).cores, 1)
  nowMs = 1000
  assert.is((await recent()).cores, 2)
  fail = true
  nowMs = 60_000
  assert.equal([(await recent()).cores, asked], [2, 3])
  nowMs = 61_000
  await rejectsWith('Unavailable', recent())
  fail = false
  assert.is((await recent()).cores, 5)
})

test.run()
