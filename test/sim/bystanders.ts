/** Who is there beside the clients: the operator, somebody who repairs, and instances that nobody touches. */
import { HA_POLICIES } from '../../actors/api.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { address } from '../../actors/kernel/address.ts'
import type { History } from './history.ts'
import { CLIENT_PATIENCE_MS } from './insist.ts'
import type { Loop } from './loop.ts'
import { createProcess } from './process.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

/** Nobody, for whom room is claimed. */
export const STRAY = 'stray'

const OPERATOR_EVERY_MS = 700
/** The operator goes on longer than the clients. */
const OPERATOR_MORE_MS = 25_000
/** How long room may take to leak, and how old a claim is that `baton doctor` looks at. */
const LEAK_MS = 5000
const SETTLED_MS = 5000

export interface Bystanders {
  readonly loop: Loop
  readonly random: Random
  readonly world: World
  readonly history: History
  readonly untilMs: number
  readonly pets: number
  /** Whether somebody repairs all the time. */
  readonly repairs: boolean
  /** Whether somebody empties hosts now and then. */
  readonly maintains: boolean
  /** Whether somebody decides about the instances of others. */
  readonly decides: boolean
}

export function startBystanders({ loop, random, world, history, untilMs, pets: count, repairs, maintains, decides }: Bystanders): void {
  /** Looks after silent hosts: sees which have no power, says so, and has their instances made anew elsewhere. */
  function operator(): void {
    const own = random.fork()
    const { env } = createProcess('operator', loop, own, world.log)
    const look = async (): Promise<void> => {
      const api = world.api()
      for (const { id: host, state } of await api.listHosts({})) {
        if (state !== 'down' && state !== 'fenced') continue
        // Of a host that is merely silent the operator says nothing, and asks all the same: it must be refused.
        if (world.dark.has(host)) await api.fenceHost({ id: host })
        // One by one, or all at once.
        if (own.chance(0.5)) await api.evacuateHost({ id: host, parallel: own.int(1, 4), requestId: `req-${env.uuid()}` })
        for (const { id } of await api.listInstances({ host })) {
          const requestId = `req-${env.uuid()}`
          const { operation } = await api.actOnInstance({ id, action: 'evacuate', requestId })
          history.acted.set(requestId, { instance: id, operation })
        }
      }
    }
    // Whatever is refused or lost is tried again at the next look.
    const loopOn = (): void => {
      env.setTimer(OPERATOR_EVERY_MS, () => {
        if (loop.nowMs() >= untilMs + OPERATOR_MORE_MS) return
        look()
          .catch(() => {})
          .finally(loopOn)
      })
    }
    loopOn()
  }

  /** In some runs somebody repairs all the time, whatever goes on: it must do no harm. (It hides what leaks, so not in all.) */
  function repairer(): void {
    const own = random.fork()
    if (!repairs) return
    const { env } = createProcess('repairer', loop, own, world.log)
    /** Whether a repair has been through that nothing can have been leaked after. */
    let tidy = false
    const loopOn = (): void => {
      env.setTimer(own.int(200, 6000), () => {
        if (loop.nowMs() >= untilMs + OPERATOR_MORE_MS && tidy) return
        const leavesNothing = loop.nowMs() >= untilMs + LEAK_MS + SETTLED_MS
        // A gateway that dies answers nothing.
        Promise.race([repair(), new Promise<never>((_, reject) => env.setTimer(CLIENT_PATIENCE_MS, () => reject(new Error('no answer'))))])
          .then(() => {
            tidy = leavesNothing
          })
          .catch(() => {})
          .finally(loopOn)
      })
    }
    let strays = 0
    /** Room for nobody: it must be gone in the end, whatever happens to those who are to release it. */
    const leak = async (): Promise<void> => {
      const conductor = own.pick(world.conductors).running
      const args = { claim: `${STRAY}.${++strays}`, instance: STRAY, order: 1_000_000, vcpus: 1, ramMb: 16, diskGb: 1 }
      await conductor?.messenger.call(address('host', own.pick(world.computes).name), 'claim', args, { timeoutMs: LEAK_MS })
    }
    const repair = async (): Promise<void> => {
      if (loop.nowMs() < untilMs) await leak().catch(() => {})
      const { repairs } = await world.api().repair({})
      for (const { outcome, finding, detail } of repairs) world.log(`repair: ${outcome} ${finding.code} ${finding.subject}: ${detail}`)
    }
    loopOn()
  }

  /** Empties a host now and then, changes its mind now and then, and lets it take instances again. */
  function maintainer(): void {
    const own = random.fork()
    const { env } = createProcess('maintainer', loop, own, world.log)
    const pause = (ms: number) => new Promise<void>(resolve => env.setTimer(ms, resolve))
    const round = async (): Promise<void> => {
      const { id } = own.pick(await world.api().listHosts({}))
      const requestId = `req-${env.uuid()}`
      const how = { id, parallel: own.int(1, 3), cold: own.chance(0.3), requestId }
      if (own.chance(0.3)) await world.api().setHostMaintenance({ ...how, on: true })
      else await world.api().drainHost(how)
      await pause(own.int(500, 8000))
      if (own.chance(0.3)) await pause(12_000)
      await world.api().undrainHost({ id })
    }
    // Whatever is refused or lost is tried again; and in the end every host takes instances.
    const loopOn = async (): Promise<void> => {
      while (loop.nowMs() < untilMs) {
        await pause(own.int(1000, 6000))
        await Promise.race([round(), pause(CLIENT_PATIENCE_MS)]).catch(() => {})
      }
      for (let left = 20; left > 0; left--) {
        await pause(1000)
        const open = async () => Promise.all((await world.api().listHosts({})).map(({ id }) => world.api().undrainHost({ id })))
        await Promise.race([open(), pause(5000)]).catch(() => {})
      }
    }
    loopOn()
  }

  /** Changes its mind about instances of others: their HA policy, and whether anybody may act on them. */
  function officer(): void {
    const own = random.fork()
    const { env } = createProcess('officer', loop, own, world.log)
    const round = async (): Promise<void> => {
      const api = world.api()
      const instances = await api.listInstances({})
      if (instances.length === 0) return
      const { id } = own.pick(instances)
      if (own.chance(0.5)) await api.setInstanceHa({ id, policy: own.pick(HA_POLICIES) })
      else {
        await api.lockInstance({ id, reason: 'an inventory' })
        await new Promise<void>(resolve => env.setTimer(own.int(100, 1500), resolve))
        await world.api().unlockInstance({ id })
      }
    }
    // Whatever is refused or lost is let be; who stays locked is only not acted on.
    const loopOn = (): void => {
      env.setTimer(own.int(300, 4000), () => {
        if (loop.nowMs() >= untilMs) return
        Promise.race([round(), new Promise<void>(resolve => env.setTimer(CLIENT_PATIENCE_MS, resolve))])
          .catch(() => {})
          .finally(loopOn)
      })
    }
    loopOn()
  }

  /** Instances that are left alone for the whole run, under the strictest policy: whatever happens to their hosts, they run in the end. */
  function pets(): void {
    const own = random.fork()
    const { env } = createProcess('pets', loop, own, world.log)
    const create = (id: string): void => {
      const args = { ids: [id], name: 'pet', project: 'p', flavor: 'tiny', image: FAKE_IMAGE.id, metadata: {}, reservation: 'r-1' }
      const retry = (): void => void env.setTimer(own.int(100, 500), () => create(id))
      const request = async () => world.api().createInstances({ ...args, ha: 'evacuate', requestId: `req-${id}` })
      Promise.race([request(), new Promise((_, reject) => env.setTimer(CLIENT_PATIENCE_MS, () => reject(new Error('no answer'))))])
        .then(() => history.created.set(id, loop.nowMs()))
        .catch(retry)
    }
    for (let i = count; i > 0; i--) create(env.uuid())
  }

  pets()
  operator()
  repairer()
  if (maintains) maintainer()
  if (decides) officer()
}
