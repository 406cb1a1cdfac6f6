/** The placement half of the cluster in memory: the real actors of aggregates and groups, folded in place. */
import type { ExplainSchedule, FlavorBody, GroupBody, HostBody, PlacementApi } from '../../actors/api.ts'
import { applyCommand } from '../../actors/kernel/define.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { aggregatesActor } from '../../actors/placement/aggregates.ts'
import { groupActor } from '../../actors/placement/group.ts'
import { specsProblem } from '../../actors/placement/specs.ts'

export interface FakePlacement {
  readonly flavors: Map<string, FlavorBody>
  readonly hosts: Map<string, HostBody>
  now(): number
}

const FROM = { role: 'conductor', node: 'n1' } as const

export function fakePlacement({ flavors, hosts, now }: FakePlacement): PlacementApi {
  let all = aggregatesActor.initial('all')
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
    configureHost: async ({ id }) => known(hosts, 'Host', id),
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
