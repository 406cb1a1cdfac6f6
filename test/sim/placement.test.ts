/** Placement through the production code of several conductors: zones, traits, hints, forced hosts and moves, and what is refused. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ClusterApi, CreateInstances, InstanceBody, Placement } from '../../actors/api.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { createLoop } from './loop.ts'
import { createRandom } from './random.ts'
import { createWorld } from './world.ts'

const READY_MS = 4000
/** Simulated time within which everything is answered and done. */
const WITHIN_MS = 60_000

interface Operator {
  readonly api: ClusterApi
  /** The instance when its operation is over. */
  build(name: string, placement?: Placement, flavor?: string): Promise<InstanceBody>
  act(id: string, action: 'migrate' | 'evacuate', host?: string): Promise<InstanceBody>
  /** The code and message of a refusal. */
  refused(request: Promise<unknown>): Promise<string>
}

async function simulate(script: (operator: Operator) => Promise<void>): Promise<void> {
  const loop = createLoop()
  loop.install()
  try {
    const world = createWorld(loop, createRandom(7), { conductors: 3, computes: 3, failure: {} }, () => {})
    await loop.runUntil(READY_MS)
    const api = world.api()
    const pause = (ms: number) => new Promise<void>(resolve => loop.schedule(ms, resolve))
    async function settled(id: string): Promise<InstanceBody> {
      for (;;) {
        const body = await api.getInstance({ id })
        if (body.operation === null) return body
        await pause(50)
      }
    }
    const create = (name: string, placement: Placement | undefined, flavor: string): CreateInstances => ({
      ids: [name],
      name,
      project: 'p',
      flavor,
      image: FAKE_IMAGE.id,
      metadata: {},
      reservation: 'r',
      requestId: `req-${name}`,
      ...(placement ? { placement } : {}),
    })
    const operator: Operator = {
      api,
      async build(name, placement, flavor = 'tiny') {
        await api.createInstances(create(name, placement, flavor))
        return settled(name)
      },
      async act(id, action, host) {
        await api.actOnInstance({ id, action, requestId: `req-${id}-${action}-${host}`, ...(host === undefined ? {} : { host }) })
        return settled(id)
      },
      async refused(request) {
        try {
          await request
        } catch (error) {
          if (error instanceof BatonError) return `${error.code}: ${error.message}`
          throw error
        }
        throw new Error('it was not refused')
      },
    }
    let outcome: { readonly error?: unknown } | null = null
    script(operator).then(
      () => {
        outcome = {}
      },
      error => {
        outcome = { error }
      },
    )
    await loop.runUntil(READY_MS + WITHIN_MS, () => outcome !== null)
    const ended = outcome as { readonly error?: unknown } | null
    if (ended === null) throw new Error('the script did not come to its end')
    if (ended.error !== undefined) throw ended.error
  } finally {
    loop.uninstall()
  }
}

test('zones: an instance goes to a host of its zone, and a host into one zone only', () =>
  simulate(async ({ api, build, refused }) => {
    const west = await api.createAggregate({ uuid: 'u1', name: 'west', zone: 'west' })
    const east = await api.createAggregate({ uuid: 'u2', name: 'east', zone: 'east' })
    await api.addAggregateHost({ id: west.id, host: 'compute-2' })
    assert.match(await refused(api.addAggregateHost({ id: east.id, host: 'compute-2' })), 'Conflict: host compute-2 is in zone west')
    assert.match(await refused(api.addAggregateHost({ id: east.id, host: 'nowhere' })), 'NotFound: there is no host nowhere')
    for (const name of ['a', 'b', 'c']) assert.is((await build(name, { zone: 'west' })).host, 'compute-2')
    assert.is.not((await build('d', { zone: 'nova' })).host, 'compute-2')
    assert.match(await refused(build('e', { zone: 'north' })), 'BadRequest: there is no availability zone "north"; there are east, nova, west')
    assert.match(await refused(build('e', { zone: 'west', host: 'compute-1' })), 'BadRequest: host compute-1 is in zone nova, not in west')
    const nobody = await build('f', { zone: 'east' })
    assert.equal([nobody.vmState, nobody.fault?.code], ['error', 'NoValidHost'])
    assert.match(nobody.fault?.message ?? '', 'refused 3 by zone. Nearest: ask for zone')
  }))

test('custom resources and traits of a flavor', () =>
  simulate(async ({ api, build }) => {
    await api.createFlavor({ id: 'fpga', name: 'fpga', vcpus: 1, ramMb: 64, diskGb: 1 })
    await api.setFlavorSpecs({ id: 'fpga', specs: { 'resources:CUSTOM_FPGA': '1', 'trait:CUSTOM_SSD': 'required' } })
    const why = await api.explainSchedule({ flavor: 'fpga' })
    assert.equal([why.fitting, why.refusedBy], [0, { traits: 3 }])
    assert.match(why.nearest[0] ?? '', /^add CUSTOM_SSD to the traits of compute-1; and free 1 CUSTOM_FPGA on compute-1/)
    await api.configureHost({ id: 'compute-3', custom: { CUSTOM_FPGA: 1 }, addTraits: ['CUSTOM_SSD'] })
    assert.is((await build('a', undefined, 'fpga')).host, 'compute-3')
    assert.equal((await api.getHost({ id: 'compute-3' })).placement?.customUsed, { CUSTOM_FPGA: 1 })
    assert.match((await build('b', undefined, 'fpga')).fault?.message ?? '', /2 by traits.*1 by capacity|1 by capacity.*2 by traits/)
  }))

test('forced hosts and hints', () =>
  simulate(async ({ api, build, refused }) => {
    assert.is((await build('a', { host: 'compute-3' })).host, 'compute-3')
    assert.is((await build('b', { sameHost: ['a'] })).host, 'compute-3')
    assert.is.not((await build('c', { differentHost: ['a', 'b'] })).host, 'compute-3')
    assert.match(await refused(build('d', { host: 'nowhere' })), 'NotFound: there is no host nowhere')
    assert.match(await refused(build('d', { sameHost: ['nobody'] })), 'NotFound: there is no instance nobody')
    assert.match(await refused(build('d', { sameHost: ['a'], differentHost: ['a'] })), 'BadRequest: instance a cannot be in')
    assert.match(await refused(build('d', { group: 'nobody' })), 'NotFound: there is no server group nobody')
    await api.setHostEnabled({ id: 'compute-1', enabled: false, reason: 'repair' })
    assert.match(await refused(build('d', { host: 'compute-1' })), 'Conflict: host compute-1 is disabled: repair; enable it')
  }))

test('a move obeys the group, also to a host that was asked for', () =>
  simulate(async ({ api, build, act }) => {
    await api.createGroup({ id: 'g', name: 'g', project: 'p', policy: 'anti-affinity' })
    const [a, b] = [await build('a', { group: 'g', host: 'compute-1' }), await build('b', { group: 'g' })]
    assert.is.not(a.host, b.host)
    const refused = await act('a', 'migrate', b.host ?? '')
    assert.equal([refused.host, refused.vmState, refused.fault?.code], ['compute-1', 'active', 'NoValidHost'])
    assert.match(refused.fault?.message ?? '', '1 by group')
    const moved = await act('a', 'migrate')
    assert.equal([moved.vmState, moved.origin?.host, moved.host === b.host], ['resized', 'compute-1', false])
    assert.equal((await api.getGroup({ id: 'g' })).members, ['a', 'b'])
  }))

test.run()
