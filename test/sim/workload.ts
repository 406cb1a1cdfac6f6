/** Clients: they create instances, act on them and delete them, retry what is transient, and remember what they were promised. */
import { type ActOnInstance, HA_POLICIES, type InstanceAction } from '../../actors/api.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { address } from '../../actors/kernel/address.ts'
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
  /** Creates and resizes that a quota did not allow. */
  overQuota: number
  /** Answers that no client should ever get. */
  readonly surprises: string[]
  busy: number
}

/** Server groups, made when the first member is created; their names are their policies. */
const GROUPS = ['anti-affinity', 'affinity', 'soft-anti-affinity'] as const
const GROUPED = 0.3

export const newHistory = (busy = 0): History => ({ created: new Map(), deleted: new Map(), acted: new Map(), overQuota: 0, surprises: [], busy })

/** Nobody, for whom room is claimed. */
export const STRAY = 'stray'

const PROJECTS = ['p', 'q']
const FLAVORS = ['tiny', 'tiny', 'tiny', 'small']
const ACTIONS: readonly InstanceAction[] = [
  ...(['stop', 'start', 'reboot', 'pause', 'unpause', 'suspend', 'resume', 'rescue', 'unrescue', 'rebuild'] as const),
  ...(['snapshot', 'backup', 'attach-disk', 'attach-disk', 'detach-disk', 'attach-interface', 'detach-interface'] as const),
  ...(['live-migrate', 'live-migrate', 'live-migrate', 'resize', 'migrate', 'migrate', 'confirm-resize', 'revert-resize'] as const),
  ...(['shelve', 'shelve-offload', 'unshelve'] as const),
]
/** What is likely to be allowed after it, so that long ways are gone too. */
const THEN: Readonly<Partial<Record<InstanceAction, readonly InstanceAction[]>>> = {
  stop: ['start', 'resize', 'shelve', 'rebuild', 'snapshot'],
  start: ['live-migrate', 'stop'],
  pause: ['live-migrate', 'unpause'],
  'live-migrate': ['live-migrate', 'pause', 'stop', 'migrate'],
  backup: ['backup', 'backup', 'stop'],
  'attach-disk': ['detach-disk', 'migrate', 'rebuild', 'attach-disk'],
  'detach-disk': ['attach-disk', 'migrate'],
  'attach-interface': ['detach-interface', 'migrate', 'live-migrate', 'rebuild'],
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
const EXPECTED = new Set(['Conflict', 'NotFound', 'NoValidHost', 'BadRequest', 'Forbidden', 'QuotaExceeded'])
const OPERATOR_EVERY_MS = 700
/** The operator goes on longer than the clients. */
const OPERATOR_MORE_MS = 25_000

export function startClients(loop: Loop, random: Random, world: World, count: number, untilMs: number): History {
  const history = newHistory(count)

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
            if (fault.code === 'QuotaExceeded') history.overQuota++
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
      // With a token the same ids are asked for again, without one there are new ones.
      const repeatable = own.chance(0.5)
      const newIds = () => Array.from({ length: own.chance(0.7) ? 1 : own.int(2, 3) }, () => env.uuid())
      const same = newIds()
      const group = own.chance(GROUPED) ? own.pick(GROUPS) : null
      if (group) await insist('group', () => world.api().createGroup({ id: group, name: group, project: 'p', policy: group }))
      const common = {
        ...(group ? { placement: { group } } : {}),
        name: `n-${same[0]?.slice(0, 4)}`,
        project: group ? 'p' : own.pick(PROJECTS),
        flavor: own.pick(FLAVORS),
        image: await someImage(),
        metadata: {},
        reservation: 'r-1',
        ha: own.pick(HA_POLICIES),
        repeatable,
      }
      const create = () => world.api().createInstances({ ...common, ids: repeatable ? same : newIds(), requestId: `req-${env.uuid()}` })
      const answer = await insist('create', create)
      if (answer instanceof BatonError) return
      for (const { id } of answer) history.created.set(id, loop.nowMs())
      await Promise.all(answer.map(({ id }) => live(id)))
    }

    async function live(id: string): Promise<void> {
      let likely: readonly InstanceAction[] = ACTIONS
      for (let i = own.int(0, 5); i > 0; i--) {
        await pause(own.int(10, 1500))
        const requestId = `req-${env.uuid()}`
        const action = own.pick(own.chance(0.7) ? likely : ACTIONS)
        const details = await detailsOf(id, action)
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

    /** One that comes with Baton, or one that was made of an instance. */
    async function someImage(): Promise<string> {
      if (own.chance(0.7)) return FAKE_IMAGE.id
      const images = await insist('images', () => world.api().listImages({}))
      return images instanceof BatonError ? FAKE_IMAGE.id : own.pick(images).id
    }

    async function detailsOf(id: string, action: InstanceAction): Promise<Omit<ActOnInstance, 'id' | 'action' | 'requestId'>> {
      if (action === 'resize') return { flavor: own.pick(FLAVORS) }
      if (action === 'rebuild') return { image: await someImage() }
      const image = { image: env.uuid(), name: 'made', properties: {} }
      if (action === 'snapshot') return { snapshot: image }
      if (action === 'backup') return { snapshot: { ...image, backupType: own.pick(['daily', 'weekly']), rotation: own.int(0, 2) } }
      // Few names, and some that all clients know: they are to meet.
      const name = own.pick([`${id.slice(0, 8)}-a`, `${id.slice(0, 8)}-b`, 'shared-a', 'shared-b', 'shared-c'])
      if (action === 'attach-disk') return { disk: { id: name } }
      if (action === 'detach-disk') return { disk: { id: await someDiskOf(id, name) } }
      return action === 'attach-interface' || action === 'detach-interface' ? { interface: { id: `${id.slice(0, 8)}-p` } } : {}
    }

    async function someDiskOf(id: string, otherwise: string): Promise<string> {
      const instance = await insist('instance', () => world.api().getInstance({ id }))
      const disks = instance instanceof BatonError ? [] : instance.devices.disks
      return disks.length > 0 ? own.pick(disks).id : otherwise
    }

    /** Throws away what was made. */
    async function tidy(): Promise<void> {
      const images = await insist('images', () => world.api().listImages({}))
      if (!(images instanceof BatonError)) await insist('delete image', () => world.api().deleteImage({ id: own.pick(images).id }))
      const disks = await insist('disks', () => world.api().listDisks({}))
      if (disks instanceof BatonError || disks.length === 0) return
      await insist('delete disk', () => world.api().deleteDisk({ id: own.pick(disks).id }))
    }

    async function goOn(): Promise<void> {
      await pause(own.int(0, 1000))
      while (loop.nowMs() < untilMs) {
        await one()
        if (own.chance(0.3)) await tidy()
        await pause(own.int(10, 1000))
      }
      history.busy--
    }
    goOn().catch(error => history.surprises.push(`a client failed: ${error instanceof Error ? error.stack : error}`))
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

  /** In some runs somebody repairs all the time, whatever goes on: it must do no harm. (It hides what leaks, so not in all.) */
  function repairer(): void {
    const own = random.fork()
    if (!own.chance(0.25)) return
    const { env } = createProcess('repairer', loop, own, world.log)
    const loopOn = (): void => {
      env.setTimer(own.int(200, 6000), () => {
        if (loop.nowMs() >= untilMs + OPERATOR_MORE_MS) return
        // A gateway that dies answers nothing.
        Promise.race([repair(), new Promise<void>(resolve => env.setTimer(CLIENT_PATIENCE_MS, resolve))])
          .catch(() => {})
          .finally(loopOn)
      })
    }
    let strays = 0
    /** Room for nobody: it must be gone in the end, whatever happens to those who are to release it. */
    const leak = async (): Promise<void> => {
      const conductor = own.pick(world.conductors).running
      const args = { claim: `${STRAY}.${++strays}`, instance: STRAY, order: 1_000_000, vcpus: 1, ramMb: 16, diskGb: 1 }
      await conductor?.messenger.call(address('host', own.pick(world.computes).name), 'claim', args, { timeoutMs: 5000 })
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
    for (let i = own.int(0, 4); i > 0; i--) create(env.uuid())
  }

  pets()
  operator()
  repairer()
  if (random.chance(0.5)) maintainer()
  for (let i = 1; i <= count; i++) client(i)
  return history
}
