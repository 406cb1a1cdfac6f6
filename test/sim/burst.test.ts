/** A burst of builds over hosts that fit exactly so many: the production code of several conductors, each with a picture of its own. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { GroupPolicy, HostBody, InstanceBody } from '../../actors/api.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { NO_LIMITS } from '../../actors/kernel/quota.ts'
import { bodies } from './checkers/checker.ts'
import { createLoop } from './loop.ts'
import { createRandom } from './random.ts'
import { SIM_SETTINGS } from './settings.ts'
import { createWorld, type World, type WorldSize } from './world.ts'

const READY_MS = 4000
/** Simulated time in which everything must be over. */
const OVER_MS = 300_000
const LOOK_EVERY_MS = 1000

interface Burst {
  readonly world: World
  readonly instances: readonly InstanceBody[]
  readonly hosts: readonly HostBody[]
  /** Claims that a host refused, because a scheduler knew it as emptier than it was. */
  readonly refused: number
}

interface Wanted {
  readonly count: number
  readonly size: WorldSize
  readonly seed: number
  readonly group?: GroupPolicy
}

const UNLIMITED = { ...SIM_SETTINGS, quotas: { ...SIM_SETTINGS.quotas, limits: NO_LIMITS } }

async function burst({ count, size, seed, group }: Wanted): Promise<Burst> {
  const loop = createLoop()
  loop.install()
  try {
    const random = createRandom(seed)
    const world = createWorld(loop, random.fork(), { ...size, settings: UNLIMITED, failure: {} }, () => {})
    await loop.runUntil(READY_MS)
    const ids = Array.from({ length: count }, (_, i) => `${seed}-${i}`)
    const api = world.api()
    const placement = group ? { placement: { group } } : {}
    const common = { flavor: 'tiny', image: FAKE_IMAGE.id, project: 'p', metadata: {}, reservation: 'r-1', name: 'n', requestId: 'req-1' }
    let problem: unknown = null
    const begin = async (): Promise<void> => {
      if (group) await api.createGroup({ id: group, name: group, project: 'p', policy: group })
      await api.createInstances({ ids, ...common, ...placement })
    }
    begin().catch(error => {
      problem = error
    })
    const all = () => bodies<InstanceBody>(world, 'instance')
    const over = (): boolean => problem !== null || (all().length === count && all().every(i => i.operation === null))
    for (let at = READY_MS; at < READY_MS + OVER_MS && !over(); at += LOOK_EVERY_MS) await loop.runUntil(at)
    if (problem !== null) throw problem
    const refused = world.commits
      .flatMap(({ entry }) => (entry.actor.kind === 'operation' ? entry.events : []))
      .filter(({ type, data }) => type === 'turnedBack' && JSON.stringify(data).includes('"HostRefused"')).length
    return { world, instances: all(), hosts: bodies<HostBody>(world, 'host'), refused }
  } finally {
    loop.uninstall()
  }
}

const inState = (instances: readonly InstanceBody[], vmState: string): readonly InstanceBody[] => instances.filter(i => i.vmState === vmState)

/** Ten hosts for a hundred tiny instances each. */
const TEN = { conductors: 5, computes: 10, capacity: { vcpus: 25, ramMb: 6400, diskGb: 100 } }

test('1,000 builds at once over hosts that fit exactly 1,000: all run, nothing is promised twice, few claims are refused', async () => {
  const { instances, hosts, refused } = await burst({ count: 1000, size: TEN, seed: 1 })
  assert.is(inState(instances, 'active').length, 1000, JSON.stringify(instances.find(i => i.fault)?.fault))
  for (const { id, claims, vcpusUsed, vcpus, ramMbUsed, ramMb } of hosts) {
    assert.equal([claims, ramMbUsed], [100, ramMb], id)
    assert.ok(vcpusUsed <= vcpus * SIM_SETTINGS.ratios.vcpu, id)
  }
  console.log(`      1,000 builds: ${refused} claims refused`)
  assert.ok(refused < 200, `${refused} claims were refused`)
})

test('1,100: a hundred find no host, and say which filter refused each and what would help', async () => {
  const { instances, hosts, refused } = await burst({ count: 1100, size: TEN, seed: 2 })
  assert.equal([inState(instances, 'active').length, inState(instances, 'error').length], [1000, 100])
  for (const { claims } of hosts) assert.is(claims, 100)
  for (const { fault, host } of inState(instances, 'error')) {
    assert.equal([host, fault?.code], [null, 'NoValidHost'])
    assert.match(fault?.message ?? '', /^no host of 10 fits 1 vcpus, 64 MB ram, 1 GB disk: refused .*\d+ by capacity.*\. Nearest: free 1 vcpus/)
  }
  console.log(`      1,100 builds: ${refused} claims refused`)
})

test('an anti-affinity group of as many members as there are hosts: one on each, though all are built at once', async () => {
  const { instances } = await burst({ count: 8, size: { conductors: 5, computes: 8 }, seed: 3, group: 'anti-affinity' })
  assert.is(new Set(inState(instances, 'active').map(i => i.host)).size, 8)
})

test('one member more than hosts finds none; an affinity group comes together on one', async () => {
  const apart = await burst({ count: 5, size: { conductors: 3, computes: 4 }, seed: 4, group: 'anti-affinity' })
  assert.equal([inState(apart.instances, 'active').length, inState(apart.instances, 'error').length], [4, 1])
  assert.match(inState(apart.instances, 'error')[0]?.fault?.message ?? '', 'refused 4 by group')
  const together = await burst({ count: 6, size: { conductors: 3, computes: 4 }, seed: 5, group: 'affinity' })
  assert.is(inState(together.instances, 'active').length, 6)
  assert.is(new Set(together.instances.map(i => i.host)).size, 1)
})

test.run()
