/** Clients: they create instances, act on them and delete them, retry what is transient, and remember what they were promised. */
import type { InstanceAction } from '../../actors/api.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { BatonError, isTransient } from '../../actors/kernel/errors.ts'
import type { Loop } from './loop.ts'
import { createProcess } from './process.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

export interface History {
  /** Acknowledged creates, by instance. */
  readonly created: Map<string, number>
  /** Acknowledged deletes. */
  readonly deleted: Map<string, number>
  /** Acknowledged actions, by request. */
  readonly acted: Map<string, { instance: string; operation: string }>
  /** Answers that no client should ever get. */
  readonly surprises: string[]
  busy: number
}

const FLAVORS = ['tiny', 'tiny', 'tiny', 'small']
const ACTIONS: readonly InstanceAction[] = [
  ...(['stop', 'start', 'reboot', 'pause', 'unpause', 'suspend', 'resume', 'rescue', 'unrescue', 'rebuild'] as const),
  ...([
    'live-migrate',
    'live-migrate',
    'live-migrate',
    'resize',
    'migrate',
    'migrate',
    'confirm-resize',
    'revert-resize',
    'shelve',
    'shelve-offload',
    'unshelve',
  ] as const),
]
/** What is likely to be allowed after it, so that long ways are gone too. */
const THEN: Readonly<Partial<Record<InstanceAction, readonly InstanceAction[]>>> = {
  stop: ['start', 'resize', 'shelve', 'rebuild'],
  start: ['live-migrate', 'stop'],
  pause: ['live-migrate', 'unpause'],
  'live-migrate': ['live-migrate', 'pause', 'stop', 'migrate'],
  suspend: ['resume', 'shelve'],
  rescue: ['unrescue'],
  resize: ['confirm-resize', 'revert-resize'],
  migrate: ['confirm-resize', 'revert-resize'],
  'revert-resize': ['migrate', 'stop'],
  shelve: ['shelve-offload', 'unshelve'],
  'shelve-offload': ['unshelve'],
}
/** A gateway answers within 20 s if it lives; a client gives up a little later and asks again. */
const CLIENT_PATIENCE_MS = 25_000
/** A resize to the size it has is a bad request. */
const EXPECTED = new Set(['Conflict', 'NotFound', 'NoValidHost', 'BadRequest'])
const OPERATOR_EVERY_MS = 700
/** The operator goes on longer than the clients. */
const OPERATOR_MORE_MS = 25_000

export function startClients(loop: Loop, random: Random, world: World, count: number, untilMs: number): History {
  const history: History = { created: new Map(), deleted: new Map(), acted: new Map(), surprises: [], busy: count }

  function client(number: number): void {
    const own = random.fork()
    const { env } = createProcess(`client-${number}`, loop, own, world.log)
    const pause = (ms: number) => new Promise<void>(resolve => env.setTimer(ms, resolve))

    /** Tries until there is an answer that is about the request and not about the way. */
    async function insist<T>(what: string, request: () => Promise<T>): Promise<T | BatonError> {
      for (;;) {
        try {
          return await Promise.race([
            request(),
            pause(CLIENT_PATIENCE_MS).then(() => Promise.reject(new BatonError('DeadlineExceeded', 'the gateway died'))),
          ])
        } catch (error) {
          const fault = error instanceof BatonError ? error : new BatonError('Internal', String(error))
          const gone = error instanceof Error && error.message === 'no gateway runs'
          if (!gone && !isTransient(fault)) {
            if (!EXPECTED.has(fault.code)) history.surprises.push(`${what}: ${fault.code} ${fault.message}`)
            return fault
          }
          await pause(own.int(50, 500))
        }
      }
    }

    /** Wants a live migration over, or wants it not at all; either may come too early or too late. */
    async function meddle(operation: string): Promise<void> {
      await pause(own.int(10, 3000))
      if (own.chance(0.5)) await insist('cancel', () => world.api().cancelOperation({ id: operation }))
      else await insist('force', () => world.api().forceOperation({ id: operation }))
    }

    async function one(): Promise<void> {
      const id = env.uuid()
      const flavor = own.pick(FLAVORS)
      const create = {
        ids: [id],
        name: `n-${id.slice(0, 4)}`,
        project: 'p',
        flavor,
        image: FAKE_IMAGE.id,
        metadata: {},
        reservation: 'r-1',
        requestId: `req-${env.uuid()}`,
      }
      const answer = await insist('create', () => world.api().createInstances(create))
      if (answer instanceof BatonError) return
      history.created.set(id, loop.nowMs())
      let likely: readonly InstanceAction[] = ACTIONS
      for (let i = own.int(0, 5); i > 0; i--) {
        await pause(own.int(10, 1500))
        const requestId = `req-${env.uuid()}`
        const action = own.pick(own.chance(0.7) ? likely : ACTIONS)
        const details = action === 'resize' ? { flavor: own.pick(FLAVORS) } : action === 'rebuild' ? { image: FAKE_IMAGE.id } : {}
        const request = { id, action, mode: own.chance(0.5) ? ('hard' as const) : ('soft' as const), ...details, requestId }
        const acted = await insist(action, () => world.api().actOnInstance(request))
        if (acted instanceof BatonError) continue
        likely = THEN[action] ?? ACTIONS
        history.acted.set(requestId, { instance: id, operation: acted.operation })
        if (action === 'live-migrate' && own.chance(0.4)) await meddle(acted.operation)
      }
      if (own.chance(0.6)) {
        await pause(own.int(0, 1500))
        const requestId = `req-${env.uuid()}`
        const force = own.chance(0.5)
        const gone = await insist('delete', () => world.api().deleteInstance({ id, force, requestId }))
        if (!(gone instanceof BatonError)) history.deleted.set(id, loop.nowMs())
      }
    }

    async function live(): Promise<void> {
      await pause(own.int(0, 1000))
      while (loop.nowMs() < untilMs) {
        await one()
        await pause(own.int(10, 1000))
      }
      history.busy--
    }
    live().catch(error => history.surprises.push(`a client failed: ${error instanceof Error ? error.stack : error}`))
  }

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

  operator()
  if (random.chance(0.5)) maintainer()
  for (let i = 1; i <= count; i++) client(i)
  return history
}
