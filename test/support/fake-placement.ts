/** The placement half of the cluster in memory: the real actors of aggregates and groups, folded in place. */
import type { ExplainSchedule, FlavorBody, GroupBody, HostBody, InstanceBody, PlacementApi } from '../../actors/api.ts'
import { type HostActorState, hostActor } from '../../actors/host/host.ts'
import { applyCommand } from '../../actors/kernel/define.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { aggregatesActor } from '../../actors/placement/aggregates.ts'
import { NOTHING, plus } from '../../actors/placement/amounts.ts'
import { groupActor } from '../../actors/placement/group.ts'
import { namesActor } from '../../actors/placement/names.ts'
import { resourcesOf, specsProblem } from '../../actors/placement/specs.ts'
import { heldBy } from '../../supervisors/requests/resource-requests.ts'

export interface FakePlacement {
  readonly flavors: Map<string, FlavorBody>
  readonly hosts: Map<string, HostBody>
  readonly instances: ReadonlyMap<string, InstanceBody>
  now(): number
}

const HOST = hostActor({ vcpu: 1, ram: 1, disk: 1 })

/** A host's actor that has registered with what its row says. */
function registered({ id, driver, pid, version, vcpus, ramMb, diskGb, generation = 0 }: HostBody): HostActorState {
  const args = { driver, pid, version, vcpus, ramMb, diskGb }
  return { ...applyCommand(HOST, HOST.initial(id), { method: 'register', args }, { id, now: 0, from: FROM }).state, generation }
}

const FROM = { role: 'conductor', node: 'n1' } as const

export function fakePlacement({ flavors, hosts, instances, now }: FakePlacement): PlacementApi {
  let all = aggregatesActor.initial('all')
  let names = namesActor.initial('all')
  const states = new Map<string, HostActorState>()
  const groups = new Map<string, ReturnType<typeof groupActor.initial>>()

  async function aggregate(method: string, args: object) {
    const command = { method, args } as Parameters<typeof aggregatesActor.decide>[1]
    const { state, reply } = applyCommand(aggregatesActor, all, command, { id: 'all', now: now(), from: FROM })
    all = state
    return reply as never
  }

  async function group(id: string, method: string, args: object): Promise<GroupBody> {
    const command = { method, args } as Parameters<typeof groupActor.decide>[1]
    const { state, reply } = applyCommand(groupActor, groups.get(id) ?? groupActor.initial(id), command, { id, now: now(), from: FROM })
    groups.set(id, state)
    return reply as GroupBody
  }

  function known<T>(rows: ReadonlyMap<string, T>, what: string, id: string): T {
    const row = rows.get(id)
    if (row === undefined) throw new BatonError('NotFound', `${what} ${id} could not be found.`)
    return row
  }

  return {
    listAggregates: () => aggregate('list', {}),
    async getAggregate({ id }) {
      const found = all.aggregates.find(a => a.id === id)
      if (!found) throw new BatonError('NotFound', `there is no aggregate ${id}`)
      return found
    },
    createAggregate: args => aggregate('create', args),
    updateAggregate: args => aggregate('update', args),
    setAggregateMetadata: args => aggregate('setMetadata', args),
    async addAggregateHost(args) {
      known(hosts, 'Host', args.host)
      return aggregate('addHost', args)
    },
    removeAggregateHost: args => aggregate('removeHost', args),
    async deleteAggregate(args) {
      await aggregate('delete', args)
      return {}
    },
    listGroups: async () => {
      const present = [...groups].filter(([, state]) => state.status === 'present')
      return Promise.all(present.map(([id]) => group(id, 'get', {})))
    },
    getGroup: ({ id }) => group(id, 'get', {}),
    createGroup: ({ id, ...args }) => group(id, 'create', args),
    async deleteGroup({ id }) {
      await group(id, 'delete', {})
      return {}
    },
    async setFlavorSpecs({ id, specs }) {
      const flavor = known(flavors, 'Flavor', id)
      const before = flavor.extraSpecs ?? {}
      const missing = Object.keys(specs).find(key => specs[key] === null && !Object.hasOwn(before, key))
      if (missing !== undefined) throw new BatonError('NotFound', `flavor ${id} has no extra spec ${missing}`)
      const extraSpecs = Object.fromEntries(Object.entries({ ...before, ...specs }).filter((item): item is [string, string] => item[1] !== null))
      const wrong = specsProblem(extraSpecs)
      if (wrong) throw new BatonError('BadRequest', wrong)
      flavors.set(id, { ...flavor, extraSpecs })
      return extraSpecs
    },
    async configureHost({ id, ...change }) {
      const body = known(hosts, 'Host', id)
      const before = states.get(id) ?? registered(body)
      const { state, reply } = applyCommand(HOST, before, { method: 'configure', args: change }, { id, now: now(), from: FROM })
      states.set(id, state)
      const { placement, generation } = reply as HostBody
      const after = { ...body, ...(placement ? { placement } : {}), ...(generation === undefined ? {} : { generation }) }
      hosts.set(id, after)
      return after
    },
    async listClaims({ host, instance }) {
      known(hosts, 'Host', host)
      return [...instances.values()]
        .filter(each => each.host === host && (instance === undefined || each.id === instance))
        .map(each => ({ claim: `${each.id}.1`, instance: each.id, resources: resourcesOf(each.flavor), since: each.createdAt }))
    },
    async projectUsage({ project }) {
      const mine = [...instances.values()].filter(each => each.project === project && each.host !== null && each.deletedAt === null)
      return { instances: mine.length, resources: mine.map(heldBy).reduce((a, b) => plus(a, b), NOTHING) }
    },
    placementNames: async () => names,
    async setPlacementName({ present, ...args }) {
      const { state, reply } = applyCommand(namesActor, names, { method: present ? 'add' : 'remove', args }, { id: 'all', now: now(), from: FROM })
      names = state
      return reply as { changed: boolean }
    },
    async explainSchedule({ flavor }: ExplainSchedule) {
      const { ramMb } = known(flavors, 'Flavor', flavor)
      return {
        hosts: 2,
        fitting: 0,
        wanted: `${ramMb} MB`,
        refusedBy: { capacity: 1, up: 1 },
        verdicts: [
          { host: 'c1', fits: false, weight: null, refusals: [{ filter: 'capacity', reason: 'ram (MB): 64 wanted, 0 free of 8192' }] },
          { host: 'c2', fits: false, weight: null, refusals: [{ filter: 'up', reason: 'is down' }] },
        ],
        nearest: ['free 64 ram (MB) on c1'],
      }
    },
  }
}
