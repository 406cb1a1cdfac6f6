/** The trace of an operation over the death of its conductor, in a whole cluster on simulated time. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { TracedSpan } from '../../actors/api.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { shardOf } from '../../actors/kernel/address.ts'
import { createTracer } from '../../supervisors/observe/tracer.ts'
import { createLoop } from '../sim/loop.ts'
import { createRandom } from '../sim/random.ts'
import { SIM_SETTINGS } from '../sim/settings.ts'
import { createWorld, type World } from '../sim/world.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const CLIENT = 'b7ad6b7169203331'
const ID = '00000001-0000-4000-8000-000000000000'

/** Every node writes its spans here. */
function traceAll(world: World, nowMs: () => number): TracedSpan[] {
  const spans: TracedSpan[] = []
  for (const { name, process } of [...world.conductors, ...world.computes]) {
    const tracing = createTracer({ sample: 0, nowMs, random: () => 0, sink: span => void spans.push({ ...span, node: name }) })
    Object.assign(process.env, { tracing })
  }
  return spans
}

test('whoever takes an operation over goes on with its trace: its later steps hang below the same span, and nothing is told twice', async () => {
  const loop = createLoop()
  loop.install()
  try {
    const world = createWorld(loop, createRandom(5), { conductors: 3, computes: 3, settings: SIM_SETTINGS, flaky: 0 }, () => {})
    const spans = traceAll(world, loop.nowMs)
    await loop.runUntil(loop.nowMs() + 5000)
    const owner = world.conductors.find(c => c.running?.actors.owns(shardOf(ID)))?.name ?? ''
    const rest = { name: 'n', project: 'p', flavor: 'tiny', image: FAKE_IMAGE.id, metadata: {}, reservation: 'r-1', requestId: 'req-1' }
    const accepted = world.api().createInstances({ ids: [ID], ...rest, by: { trace: `00-${TRACE}-${CLIENT}-01` } })
    accepted.catch(() => {})
    const of = (name: string): TracedSpan[] => spans.filter(s => s.name === name)
    await loop.runUntil(loop.nowMs() + 30_000, () => of('step claim').length > 0)
    assert.equal(
      of('step claim').map(s => s.node),
      [owner],
    )
    world.kill(owner)
    await loop.runUntil(loop.nowMs() + 60_000, () => of('operation build').length > 0)

    const [operation, ...others] = of('operation build')
    assert.equal([operation?.parentId, operation?.error, others], [CLIENT, null, []])
    assert.ok(operation && operation.node !== owner, 'another ended it')
    const steps = spans.filter(s => s.name.startsWith('step '))
    assert.ok(steps.every(s => s.parentId === operation?.spanId && s.traceId === TRACE))
    assert.equal(new Set(steps.map(s => s.spanId)).size, steps.length)
    const [spawn] = of('step spawn')
    assert.is(spawn?.node, operation?.node)
    // What the host did for it, whoever of the two had sent it.
    const served = of('compute.spawn').filter(s => s.kind === 'server')
    assert.ok(served.length > 0 && served.every(s => s.node.startsWith('compute-') && s.attributes['baton.from']))
    const senders = new Map(spans.map(s => [s.spanId, s]))
    for (const { parentId } of served) {
      const call = senders.get(parentId ?? '')
      // The first sender died before it could tell of its call; the second has.
      assert.ok(call === undefined || call.parentId === spawn?.spanId, 'the command hangs below the step')
    }
    assert.ok(spans.every(s => s.traceId === TRACE))
  } finally {
    loop.uninstall()
  }
})

test.run()
