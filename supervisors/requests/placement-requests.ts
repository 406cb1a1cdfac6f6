/** Requests about placement: what they name is looked up here, the actors of aggregates, groups, flavors and hosts decide. */
import type {
  AggregateBody,
  ExplainSchedule,
  Explanation,
  FlavorBody,
  GroupBody,
  HostBody,
  ImageBody,
  InstanceBody,
  Page,
  Placement,
  PlacementApi,
} from '../../actors/api.ts'
import { address } from '../../actors/kernel/address.ts'
import type { ViewTable } from '../../actors/kernel/define.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { ViewQuery, Views } from '../../actors/kernel/ports.ts'
import { ALL } from '../../actors/placement/aggregates.ts'
import { GROUP_SHARE, MAX_MEMBERS } from '../../actors/placement/group.ts'
import { resourcesOf } from '../../actors/placement/specs.ts'
import { zoneOfHost, zonesOf } from '../../actors/placement/zones.ts'
import type { PlacementService } from './placement.ts'
import { askedAgain, type Quotas } from './quotas.ts'
import { resourceRequests } from './resource-requests.ts'

export interface PlacementRequestsOptions {
  readonly views: Views
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  readonly explain: PlacementService['explain']
  /** Rejects `NotFound`, or `Conflict` for an image that cannot be booted. */
  bootable(id: string): Promise<ImageBody>
  get<T>(table: ViewTable, id: string, what: string): Promise<T>
  list<T>(table: ViewTable, where: ViewQuery['where'], page: Page): Promise<T[]>
  readonly quotas: Quotas
}

export interface PlacementRequests extends PlacementApi {
  /** Looks whether all that it names exists and takes so many more instances. Rejects before anything is created. */
  checkPlacement(placement: Placement, count: number): Promise<void>
}

export function placementRequests({ views, call, explain, bootable, get, list, quotas }: PlacementRequestsOptions): PlacementRequests {
  const aggregates = async (): Promise<AggregateBody[]> =>
    ((await views.get('aggregates', ALL))?.body as { aggregates: AggregateBody[] } | undefined)?.aggregates ?? []

  const aggregate = (method: string, args: object): Promise<AggregateBody> => call('aggregates', ALL, method, args) as Promise<AggregateBody>

  async function checkZone({ zone, host }: Placement): Promise<void> {
    if (zone === undefined) return
    const all = await aggregates()
    if (!zonesOf(all).includes(zone)) {
      throw new BatonError('BadRequest', `there is no availability zone ${JSON.stringify(zone)}; there are ${zonesOf(all).join(', ')}`)
    }
    if (host !== undefined && zoneOfHost(host, all) !== zone) {
      throw new BatonError('BadRequest', `host ${host} is in zone ${zoneOfHost(host, all)}, not in ${zone}`)
    }
  }

  async function checkHost({ host }: Placement): Promise<void> {
    if (host === undefined) return
    const { enabled, disabledReason, state } = await get<HostBody>('host', host, 'host')
    const why = disabledReason === null ? '' : `: ${disabledReason}`
    if (!enabled) throw new BatonError('Conflict', `host ${host} is disabled${why}; enable it, or let the scheduler choose`)
    if (state === 'down' || state === 'fenced' || state === 'gone') {
      throw new BatonError('Conflict', `host ${host} is ${state}; wait for it, or let the scheduler choose`)
    }
  }

  async function checkNeighbours({ sameHost = [], differentHost = [] }: Placement): Promise<void> {
    const both = sameHost.find(id => differentHost.includes(id))
    if (both !== undefined) throw new BatonError('BadRequest', `instance ${both} cannot be in same_host and in different_host`)
    for (const id of [...sameHost, ...differentHost]) {
      const { vmState } = await get<InstanceBody>('instance', id, 'instance')
      if (vmState === 'deleted') throw new BatonError('NotFound', `instance ${id}, named by a hint, is deleted`)
    }
  }

  async function checkPlacement(placement: Placement, count: number): Promise<void> {
    await checkHost(placement)
    await checkZone(placement)
    await checkNeighbours(placement)
    if (placement.group === undefined) return
    const { members, name } = (await call('group', placement.group, 'get', {})) as GroupBody
    if (members.length + count > MAX_MEMBERS) {
      throw new BatonError('Forbidden', `server group ${name} has ${members.length} members; at most ${MAX_MEMBERS} are allowed`)
    }
  }

  async function explainSchedule({ flavor, image: imageId, placement, all }: ExplainSchedule): Promise<Explanation> {
    const found = (await call('flavor', flavor, 'get', {})) as FlavorBody
    if (placement) {
      // A host that is disabled is no mistake here: that is what is asked about.
      if (placement.host !== undefined) await get('host', placement.host, 'host')
      await checkZone(placement)
      await checkNeighbours(placement)
      if (placement.group !== undefined) await call('group', placement.group, 'get', {})
    }
    const { extraSpecs } = found
    const asked = {
      size: resourcesOf(found),
      ...(extraSpecs ? { extraSpecs } : {}),
      ...(imageId === undefined ? {} : { image: await bootable(imageId) }),
      ...(placement ? { placement } : {}),
    }
    return explain(asked, all ?? false)
  }

  return {
    checkPlacement,
    ...resourceRequests({ call, get, list }),
    listAggregates: aggregates,
    async getAggregate({ id }) {
      const found = (await aggregates()).find(a => a.id === id)
      if (!found) throw new BatonError('NotFound', `there is no aggregate ${id}; \`baton aggregate list\` shows those there are`)
      return found
    },
    createAggregate: args => aggregate('create', args),
    updateAggregate: args => aggregate('update', args),
    setAggregateMetadata: args => aggregate('setMetadata', args),
    async addAggregateHost(args) {
      await get('host', args.host, 'host')
      return aggregate('addHost', args)
    },
    removeAggregateHost: args => aggregate('removeHost', args),
    async deleteAggregate(args) {
      await aggregate('delete', args)
      return {}
    },
    listGroups: ({ project, ...page }) => list('server_group', { deleted: false, ...(project === undefined ? {} : { project }) }, page),
    getGroup: async ({ id }) => (await call('group', id, 'get', {})) as GroupBody,
    async createGroup({ id, ...definition }) {
      const taken = await quotas.take(definition.project, [address('group', id)], GROUP_SHARE)
      try {
        const made = (await call('group', id, 'create', { ...definition, quota: taken.number })) as GroupBody
        taken.confirm()
        return made
      } catch (error) {
        taken.doubt()
        throw askedAgain(error)
      }
    },
    async deleteGroup({ id }) {
      await call('group', id, 'delete', {})
      return {}
    },
    async setFlavorSpecs({ id, specs }) {
      const { extraSpecs } = (await call('flavor', id, 'setSpecs', { specs })) as FlavorBody
      return extraSpecs ?? {}
    },
    configureHost: async ({ id, ...change }) => (await call('host', id, 'configure', change)) as HostBody,
    explainSchedule,
  }
}
