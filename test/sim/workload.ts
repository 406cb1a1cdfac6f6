/** Clients: they create instances, act on them and delete them, retry what is transient, and remember what they were promised. */
import { type ActOnInstance, HA_POLICIES, type InstanceAction } from '../../actors/api.ts'
import { BY_HAND, propertiesOf } from '../../actors/guest/backups.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { startBystanders } from './bystanders.ts'
import { type History, newHistory, printOf } from './history.ts'
import { createPatience } from './insist.ts'
import type { Loop } from './loop.ts'
import { createProcess } from './process.ts'
import { createRandom, type Random } from './random.ts'
import { startRegister } from './register.ts'
import type { World } from './world.ts'

/** Server groups, made when the first member is created; their names are their policies. */
const GROUPS = ['anti-affinity', 'affinity', 'soft-anti-affinity'] as const

/** How agents behave; most do their work. */
const BEHAVIOURS = [
  ...(['works', 'works', 'works', 'works', 'works', 'replays'] as const),
  ...(['silent', 'dies', 'fails', 'flood', 'garbage', 'liar'] as const),
] as const

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
  'guest-backup': ['guest-backup', 'guest-restore', 'reboot'],
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
/** Of some instances the disk is a file of their host. By the id and not by lot, so that what is drawn stays the same. */
const diskOf = (id: string): Record<string, string> => (/^[0-4]/.test(id) ? { 'fake:disk': 'local' } : {})

/** What the clients of one run want; each run leaves out much of what could be wanted (swarm testing). */
export interface WorkloadMix {
  readonly actions: readonly InstanceAction[]
  /** Probabilities: that an instance joins a group, is deleted by its client, and that a client throws old images and disks away. */
  readonly grouped: number
  readonly deleted: number
  readonly tidied: number
  /** Instances that nobody touches. */
  readonly pets: number
  readonly repairs: boolean
  /** Whether somebody empties hosts now and then. */
  readonly maintains: boolean
  /** Whether somebody changes HA policies, and locks and unlocks. */
  readonly decides: boolean
  readonly register: boolean
  /** Whether there are agents in guests, some of which misbehave. */
  readonly agents?: boolean
}

export function drawMix(random: Random): WorkloadMix {
  const share = random.pick([0.25, 0.6, 1])
  return {
    actions: ACTIONS.filter(() => random.chance(share)),
    grouped: random.pick([0, 0.3, 0.3, 0.8]),
    deleted: random.pick([0.2, 0.6, 0.6, 1]),
    tidied: random.pick([0, 0.3, 0.3]),
    pets: random.int(0, 4),
    repairs: random.chance(0.25),
    maintains: random.chance(0.4),
    decides: random.chance(0.3),
    register: random.chance(0.4),
  }
}

/** The same with agents: backups, and what is put back of them. */
export const withAgents = (mix: WorkloadMix, agents: boolean): WorkloadMix =>
  agents ? { ...mix, agents, actions: [...mix.actions, 'guest-backup', 'guest-backup', 'guest-restore'] } : mix

export interface Workload {
  /** One seed per client. */
  readonly clients: readonly number[]
  readonly mix: WorkloadMix
  /** Of whatever else there is beside the clients. */
  readonly random: Random
  readonly untilMs: number
}

export function startClients(loop: Loop, world: World, { clients, mix, random, untilMs }: Workload): History {
  const history = newHistory(clients.length)

  function client(number: number, seed: number): void {
    const own = createRandom(seed)
    const { env } = createProcess(`client-${number}`, loop, own, world.log)
    const { pause, insist } = createPatience(env, own, history)

    /** Insists on a request that must be done once when it is accepted, and never when it is refused. */
    async function ask<T>(what: string, requestId: string, request: () => Promise<T>): Promise<T | BatonError> {
      const asked = { refused: false }
      history.asked.set(requestId, asked)
      const answer = await insist(what, request)
      asked.refused = answer instanceof BatonError
      return answer
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
      const group = own.chance(mix.grouped) ? own.pick(GROUPS) : null
      if (group) await insist('group', () => world.api().createGroup({ id: group, name: group, project: 'p', policy: group }))
      const common = {
        ...(group ? { placement: { group } } : {}),
        name: `n-${same[0]?.slice(0, 4)}`,
        project: group ? 'p' : own.pick(PROJECTS),
        flavor: own.pick(FLAVORS),
        image: await someImage(),
        metadata: { ...diskOf(same[0] ?? ''), ...metadataOf(own) },
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
      let likely: readonly InstanceAction[] = mix.actions
      for (let i = mix.actions.length === 0 ? 0 : own.int(0, 5); i > 0; i--) {
        await pause(own.int(10, 1500))
        const requestId = `req-${env.uuid()}`
        const action = own.pick(own.chance(0.7) ? likely : mix.actions)
        const details = await detailsOf(id, action)
        const request = { id, action, mode: own.chance(0.5) ? ('hard' as const) : ('soft' as const), ...details, requestId }
        const acted = await ask(action, requestId, () => world.api().actOnInstance(request))
        if (acted instanceof BatonError) continue
        likely = THEN[action] ?? mix.actions
        history.acted.set(requestId, { instance: id, operation: acted.operation })
        if (action === 'live-migrate' && own.chance(0.4)) await meddle(acted.operation)
        if (details.snapshot && own.chance(mix.tidied)) await regretImage(details.snapshot.image)
      }
      if (own.chance(mix.deleted)) {
        await pause(own.int(0, 1500))
        const requestId = `req-${env.uuid()}`
        const force = own.chance(0.5)
        const gone = await ask('delete', requestId, () => world.api().deleteInstance({ id, force, requestId }))
        if (gone instanceof BatonError) return
        history.deleted.set(id, loop.nowMs())
        if (!force && own.chance(0.4)) await regret(id)
      }
    }

    /** A soft delete is taken back, as far as there is time. */
    async function regret(id: string): Promise<void> {
      await pause(own.int(10, 2500))
      const requestId = `req-${env.uuid()}`
      const back = await ask('restore', requestId, () => world.api().actOnInstance({ id, action: 'restore', requestId }))
      if (back instanceof BatonError) return
      history.deleted.delete(id)
      history.acted.set(requestId, { instance: id, operation: back.operation })
    }

    const metadataOf = (random: Random): Record<string, string> => (mix.agents ? { 'fake:agent': random.pick(BEHAVIOURS) } : {})
    /** An image is thrown away while it is being made, or just after. */
    async function regretImage(id: string): Promise<void> {
      await pause(own.int(0, 300))
      await insist('delete image', () => world.api().deleteImage({ id }))
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
      if (action === 'guest-backup') {
        const properties = propertiesOf('full', null, 'lines')
        return { snapshot: { ...image, properties, backupType: BY_HAND, rotation: own.int(1, 3) }, guest: { kind: 'full', parent: null } }
      }
      if (action === 'guest-restore') {
        const backups = await insist('backups', () => world.api().listBackups({}))
        return { guest: { backups: backups instanceof BatonError || backups.length === 0 ? ['none'] : [own.pick(backups).id] } }
      }
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
      if (!(instance instanceof BatonError)) history.reads.push({ client: `client-${number}`, instance: id, print: printOf(instance) })
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
        if (own.chance(mix.tidied)) await tidy()
        await pause(own.int(10, 1000))
      }
      history.busy--
    }
    goOn().catch(error => history.surprises.push(`a client failed: ${error instanceof Error ? error.stack : error}`))
  }

  startBystanders({ loop, random, world, history, untilMs, pets: mix.pets, repairs: mix.repairs, maintains: mix.maintains, decides: mix.decides })
  if (mix.register) startRegister(loop, random.fork(), world, history, untilMs)
  for (const [i, seed] of clients.entries()) client(i + 1, seed)
  return history
}
