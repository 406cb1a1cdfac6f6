/** A serial console through a whole cluster on simulated time: every conductor dies in turn, messages are lost and come twice, the host restarts. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { tokenOf } from '../../transport/remote-console/token.ts'
import { createLoop, type Loop } from '../sim/loop.ts'
import { createRandom } from '../sim/random.ts'
import { SIM_SETTINGS } from '../sim/settings.ts'
import { createWorld, type World } from '../sim/world.ts'
import { createFakeGuest, type FakeGuest } from '../support/fake-guest-stream.ts'

const ID = '00000001-0000-4000-8000-000000000000'
const BY = { user: 'u', project: 'p', requestId: 'req-2' }

interface Cluster {
  readonly world: World
  readonly loop: Loop
  readonly guest: FakeGuest
  value<T>(promise: Promise<T>, withinMs?: number): Promise<T>
}

async function inCluster(seed: number, fn: (cluster: Cluster) => Promise<void>): Promise<void> {
  const loop = createLoop()
  loop.install()
  const guest = createFakeGuest((stream, bytes) => stream.say(Buffer.from(bytes).toString('utf8').replaceAll('\r', '\r\n')), 'login: ')
  const { streams, openStream } = guest.driver
  try {
    const consoles = { ...(streams ? { streams } : {}), ...(openStream ? { openStream } : {}) }
    const world = createWorld(loop, createRandom(seed), { conductors: 3, computes: 1, settings: SIM_SETTINGS, flaky: 0, consoles }, () => {})
    const value: Cluster['value'] = async (promise, withinMs = 60_000) => {
      let isDone = false
      const done = promise.finally(() => {
        isDone = true
      })
      done.catch(() => {})
      await loop.runUntil(loop.nowMs() + withinMs, () => isDone)
      if (!isDone) throw new Error('no answer came')
      return done
    }
    await loop.runUntil(loop.nowMs() + 5000)
    const rest = { name: 'n', project: 'p', flavor: 'tiny', image: FAKE_IMAGE.id, metadata: {}, reservation: 'r-1', requestId: 'req-1' }
    await value(world.api().createInstances({ ids: [ID], ...rest }))
    for (let i = 0; i < 100 && (await value(world.api().getInstance({ id: ID }))).vmState !== 'active'; i++) await loop.runUntil(loop.nowMs() + 200)
    await fn({ world, loop, guest, value })
  } finally {
    loop.uninstall()
  }
}

/** Opens the console as a client of the gateway. */
async function open({ world, value }: Cluster) {
  const { host, ticket } = await value(world.api().consoleTicket({ id: ID, kind: 'serial', by: BY }))
  const gateway = world.gateways[0]?.running
  if (!gateway) throw new Error('no gateway runs')
  let text = ''
  let missed = 0
  let ended: string | null = null
  const console = await value(
    gateway.consoles.open(tokenOf(host, ticket), {
      bytes(bytes) {
        text += Buffer.from(bytes).toString('utf8')
      },
      missed(count) {
        missed += count
      },
      writer() {},
      end(why) {
        ended = why
      },
      room: () => Promise.resolve(),
    }),
  )
  return { console, text: () => text, missed: () => missed, ended: (): string | null => ended }
}

test('typed while each conductor is killed in turn, over a network that loses and repeats: answered, once, in order', () =>
  inCluster(7, async cluster => {
    const { world, loop, guest } = cluster
    const line = await open(cluster)
    Object.assign(world.network, { drop: 0.05, duplicate: 0.05 })
    let typed = ''
    for (const { name } of world.conductors) {
      for (const word of ['before', 'while', 'after']) {
        if (word === 'while') world.kill(name)
        const keys = `${word} ${name}\r`
        typed += keys
        line.console.write(Buffer.from(keys))
        await loop.runUntil(loop.nowMs() + 30_000, () => line.text().endsWith(`${word} ${name}\r\n`))
      }
      world.start(name)
      await loop.runUntil(loop.nowMs() + 10_000)
    }
    assert.is(line.text(), `login: ${typed.replaceAll('\r', '\r\n')}`)
    assert.equal([guest.opened.length, guest.opened[0]?.heard(), line.missed(), line.ended()], [1, typed, 0, null])
    line.console.close()
    await loop.runUntil(loop.nowMs() + 60_000, () => guest.opened[0]?.isClosed() === true)
    assert.ok(guest.opened[0]?.isClosed())
  }))

test('the agent of the host is killed and started again: the session ends and says so; another can be opened', () =>
  inCluster(8, async cluster => {
    const { world, loop, value } = cluster
    const line = await open(cluster)
    const { host, ticket } = await value(world.api().consoleTicket({ id: ID, kind: 'serial', by: BY }))
    world.kill('compute-1')
    world.start('compute-1')
    await loop.runUntil(loop.nowMs() + 60_000, () => line.ended() !== null)
    assert.match(line.ended() ?? 'it goes on', 'the agent of its host was started again')
    const lost = cluster.value(world.gateways[0]?.running?.consoles.open(tokenOf(host, ticket), silent) ?? Promise.reject(new Error('no gateway')))
    const fault = await lost.then(
      () => null,
      (error: unknown) => error,
    )
    assert.ok(fault instanceof BatonError && fault.code === 'NotFound', 'tickets end with who gave them')
    const begunMs = loop.nowMs()
    const madeUp = value(world.gateways[0]?.running?.consoles.open(tokenOf('compute-77', ticket), silent) ?? Promise.reject(new Error('no gateway')))
    assert.match(String(await madeUp.catch((error: unknown) => error)), /of no host of this cluster/)
    assert.ok(loop.nowMs() - begunMs < 1000, 'nobody waits for a host that there never was')
    const again = await open(cluster)
    again.console.write(Buffer.from('here again\r'))
    await loop.runUntil(loop.nowMs() + 20_000, () => again.text().includes('here again'))
    assert.match(again.text(), 'here again\r\n')
  }))

const silent = { bytes() {}, missed() {}, writer() {}, end() {}, room: () => Promise.resolve() }

test.run()
