/**
 * Serves the scheduler of a conductor. A request names things (image, group, other instances); what they are is looked up here,
 * the scheduler decides on plain data, and a server group has its member admitted before the answer leaves. So a step that asks
 * again after a crash is admitted again, with its own rank, and the group knows it for the same.
 */
import type { AggregateBody, Explanation, HostBody, ImageBody, InstanceBody, Placement } from '../../actors/api.ts'
import type { Env } from '../../actors/kernel/env.ts'
import { BatonError, toFault } from '../../actors/kernel/errors.ts'
import type { Views } from '../../actors/kernel/ports.ts'
import type { PickArgs, Picked } from '../../actors/operation/catalogue/placing.ts'
import { ALL } from '../../actors/placement/aggregates.ts'
import type { Resources } from '../../actors/placement/amounts.ts'
import type { GroupView } from '../../actors/placement/rules.ts'
import { aggregateSpecsOf, type Specs, traitsOf } from '../../actors/placement/specs.ts'
import { ANYWHERE, type Demand, type Neighbour } from '../../actors/scheduler/demand.ts'
import type { Scheduler } from '../../actors/scheduler/scheduler.ts'
import type { ActorSystem } from '../hosting/actor-system.ts'
import { createPicks } from '../hosts/picks.ts'

/** How often a member may find that its group has changed since it was looked at. */
const GROUP_ATTEMPTS = 5
/** Hosts offered to a group, which takes the first that keeps its rule. */
const GROUP_CANDIDATES = 100
/** Aggregates are read again so often, because the message that they changed may be lost, ms. */
const REFRESH_MS = 10_000
const MAX_HOSTS = 10_000

export interface PlacementOptions {
  readonly env: Env
  readonly system: ActorSystem
  readonly scheduler: Scheduler
  readonly views: Views
  readonly images: readonly ImageBody[]
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
}

export interface PlacementService {
  /** Reads all hosts and aggregates; before that no pick is right. */
  start(): Promise<void>
  /** Rejects `NoValidHost` with the explanation as its details. */
  pick(args: PickArgs): Promise<Picked>
  explain(args: { size: Resources; extraSpecs?: Specs; image?: ImageBody; placement?: Placement }, all: boolean): Promise<Explanation>
  learnAggregates(row: unknown): void
  /** Aggregates have changed elsewhere. */
  refresh(): void
  stop(): void
}

export function createPlacement({ env, system, scheduler, views, images, call }: PlacementOptions): PlacementService {
  let stopped = false
  let timer = env.setTimer(REFRESH_MS, tick)

  const picks = createPicks({ env, system, scheduler, recorded })

  function tick(): void {
    timer = env.setTimer(REFRESH_MS, tick)
    refresh()
  }

  function refresh(): void {
    readAggregates().catch(error => {
      if (!stopped) env.log.debug({ fault: toFault(error) }, 'aggregates were not read')
    })
  }

  /** All hosts; the aggregates, without which none of them can be judged, are learned on the way. */
  async function recorded(): Promise<HostBody[]> {
    const [rows] = await Promise.all([views.list('host', { limit: MAX_HOSTS }), readAggregates()])
    return rows.map(row => row.body as HostBody)
  }

  async function readAggregates(): Promise<void> {
    const row = await views.get('aggregates', ALL)
    if (row) learnAggregates(row.body)
  }

  function learnAggregates(body: unknown): void {
    scheduler.learnAggregates((body as { aggregates: AggregateBody[] }).aggregates)
  }

  const neighbours = (ids: readonly string[] = []): Promise<Neighbour[]> =>
    Promise.all(
      ids.map(async instance => {
        const row = await views.get('instance', instance)
        return { instance, host: (row?.body as InstanceBody | undefined)?.host ?? null }
      }),
    )

  async function demandOf(
    size: Resources,
    { extraSpecs, image, placement }: { extraSpecs?: Specs; image?: ImageBody; placement?: Placement },
    more: Partial<Demand>,
  ): Promise<Demand> {
    const { vcpus, ramMb, diskGb, custom } = size
    return {
      ...ANYWHERE,
      ...{ vcpus, ramMb, diskGb, ...(custom ? { custom } : {}) },
      driver: image?.driver || null,
      traits: traitsOf(extraSpecs, image?.properties),
      aggregateSpecs: aggregateSpecsOf(extraSpecs),
      zone: placement?.zone ?? null,
      beside: await neighbours(placement?.sameHost),
      apartFrom: await neighbours(placement?.differentHost),
      ...more,
    }
  }

  async function pick(args: PickArgs): Promise<Picked> {
    const { instance, placement, extraSpecs, avoid, host, failed, boots } = args
    for (const where of failed?.hosts ?? []) scheduler.failed(where, `${failed?.operation} ${where}`)
    const image = images.find(i => i.id === args.image) ?? ((await views.get('image', args.image))?.body as ImageBody | undefined)
    const asked = { ...(extraSpecs ? { extraSpecs } : {}), ...(image ? { image } : {}), ...(placement ? { placement } : {}) }
    const demand = await demandOf(args, asked, { avoid, host: host ?? null, imageHosts: boots ? (image?.hosts ?? null) : null })
    return placement?.group === undefined ? picks(demand) : pickMember(args, demand, instance, placement.group)
  }

  /** The group has the last word on which of the candidates it is; its answer may come after it has changed, so it is asked again. */
  async function pickMember({ order, leaving }: PickArgs, demand: Demand, instance: string, id: string): Promise<Picked> {
    const left = leaving === undefined ? {} : { leaving }
    for (let attempt = 1; ; attempt++) {
      const group = (await call('group', id, 'view', { instance, ...left })) as GroupView | null
      const { hosts } = await picks({ ...demand, group }, GROUP_CANDIDATES)
      try {
        const { host } = (await call('group', id, 'admit', { instance, order, hosts, ...left })) as { host: string }
        return { hosts: [host], ...(group?.policy === 'anti-affinity' ? { group: { id, max: group.max } } : {}) }
      } catch (error) {
        if (!(error instanceof BatonError && error.code === 'HostRefused')) throw error
        if (attempt >= GROUP_ATTEMPTS) throw new BatonError('NoValidHost', error.message)
      }
    }
  }

  return {
    async start() {
      for (const host of await recorded()) scheduler.learn(host)
    },
    pick,
    async explain({ size, ...asked }, all) {
      const { placement } = asked
      const id = placement?.group
      const group = id === undefined ? null : ((await call('group', id, 'view', { instance: '-' })) as GroupView | null)
      const demand = await demandOf(size, asked, { group, host: placement?.host ?? null, imageHosts: asked.image?.hosts ?? null })
      return scheduler.explain(demand, all)
    },
    learnAggregates,
    refresh,
    stop() {
      stopped = true
      timer.cancel()
    },
  }
}
