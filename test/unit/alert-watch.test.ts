/** Alerts of a whole cluster on simulated time: fired and cleared once, told once they can be, whichever conductor is killed meanwhile. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CLUSTER } from '../../actors/alerts/alerts.ts'
import type { AlertsBody, Notification } from '../../actors/alerts/body.ts'
import { address, shardOf } from '../../actors/kernel/address.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { createLoop, type Loop } from '../sim/loop.ts'
import { createRandom } from '../sim/random.ts'
import { SIM_SETTINGS } from '../sim/settings.ts'
import { createWorld, type World } from '../sim/world.ts'

interface Bench {
  readonly world: World
  run(ms: number): Promise<void>
  alerts(): Promise<AlertsBody>
  /** The conductor that judges. */
  judge(): string
}

async function inWorld(
  webhook: (n: Notification, conductor: string, world: World) => Promise<void>,
  body: (bench: Bench) => Promise<void>,
): Promise<void> {
  const loop: Loop = createLoop()
  loop.install()
  try {
    const receiver = (n: Notification, conductor: string) => webhook(n, conductor, world)
    const world: World = createWorld(
      loop,
      createRandom(3),
      { conductors: 3, computes: 2, settings: SIM_SETTINGS, probes: { webhook: receiver }, failure: {} },
      () => {},
    )
    const run = (ms: number) => loop.runUntil(loop.nowMs() + ms)
    await run(8000)
    await body({
      world,
      run,
      async alerts() {
        const answer = world.api().listAlerts({})
        await run(1000)
        return answer
      },
      judge() {
        const [owner] = world.conductors.filter(({ up, running }) => up && running?.actors.owns(shardOf(CLUSTER)))
        if (!owner) throw new Error('nobody owns the alerts')
        return owner.name
      },
    })
  } finally {
    loop.uninstall()
  }
}

const codes = (alerts: AlertsBody['firing']): string[] => alerts.map(({ code, subject }) => `${code} ${subject}`)

test('a host falls silent and comes back: one alert, fired and cleared, told in order', async () => {
  const told: string[] = []
  await inWorld(
    async ({ id, alert }) => void told.push(`${id} ${alert.code} ${alert.subject}`),
    async ({ world, run, alerts }) => {
      assert.equal((await alerts()).firing, [])
      const before = world.commits.length
      await run(20_000)
      assert.is(
        world.commits.slice(before).filter(({ entry }) => entry.actor.kind === 'alerts').length,
        0,
        'nothing is written while nothing changes',
      )
      world.powerOff('compute-1')
      await run(10_000)
      const firing = (await alerts()).firing
      assert.equal(codes(firing), ['host-silent host/compute-1'])
      const status = world.api().status({})
      await run(1000)
      assert.match((await status).alerts.join(), /^no heartbeat of compute-1/)
      world.start('compute-1')
      await run(20_000)
      const { firing: now, ended, webhook } = await alerts()
      assert.equal([now.length, codes(ended), webhook.waiting], [0, ['host-silent host/compute-1'], 0])
      assert.equal(told, ['1.fired host-silent host/compute-1', '1.cleared host-silent host/compute-1'])
    },
  )
})

test('the judge is killed between two attempts to tell: another goes on, and each is told at least once, in order', async () => {
  const told: Notification[] = []
  const killed: string[] = []
  await inWorld(
    async (n, conductor, world) => {
      told.push(n)
      if (killed.length >= 2) return
      killed.push(conductor)
      // The first dies with its attempt under way; the next after it was refused, before it can try again.
      if (killed.length === 1) {
        world.kill(conductor)
        return
      }
      throw new BatonError('WebhookFailed', 'the webhook at example.org answered with 500')
    },
    async ({ world, run, alerts, judge }) => {
      world.powerOff('compute-2')
      await run(20_000)
      assert.is(killed.length, 2)
      assert.not.equal(judge(), killed[0], 'its shards were taken over')
      world.start(killed[0] ?? '')
      world.kill(judge())
      await run(20_000)
      const { firing, webhook } = await alerts()
      assert.equal(codes(firing), ['host-silent host/compute-2'])
      assert.equal([webhook.waiting, webhook.delivered, webhook.failure], [0, 1, null])
      assert.equal([...new Set(told.map(({ id }) => id))], ['1.fired'], 'one alert, however many conductors have judged')
      assert.ok(told.length >= 3)
      assert.ok(
        told.some(({ attempt }) => attempt === 1),
        'the refused attempt was counted, and survived',
      )
    },
  )
})

test('what is counted over minutes: a host that comes and goes, and commands for nobody; a take-over does not forget them', () =>
  inWorld(
    async () => {},
    async ({ world, run, alerts, judge }) => {
      for (let i = 0; i < 3; i++) {
        world.freeze('compute-1')
        await run(4000)
        world.thaw('compute-1')
        await run(4000)
        // The next owner has counted, too.
        if (i === 1) world.kill(judge())
      }
      const nobody = world.conductors.find(({ up }) => up)?.running?.messenger.call(address('no-such-kind', 'x'), 'get', {}, { timeoutMs: 1000 })
      nobody?.catch(() => {})
      await run(6000)
      const { firing } = await alerts()
      assert.equal(
        codes(firing).filter(text => text.startsWith('host')),
        ['host-flaps host/compute-1'],
      )
      assert.match(firing.find(({ code }) => code === 'dead-letters')?.message ?? '', /^1 commands? for nobody in ten minutes$/)
      await run(640_000)
      assert.equal((await alerts()).firing, [], 'ten quiet minutes later')
    },
  ))

test.run()
