/** Requests about what is held where, as Placement asks: hosts are asked for their claims, instances looked at for their projects. */
import type { ClaimBody, InstanceBody, Page, ResourceApi } from '../../actors/api.ts'
import type { HeldClaim } from '../../actors/host/host.ts'
import type { ViewTable } from '../../actors/kernel/define.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { ViewQuery } from '../../actors/kernel/ports.ts'
import { NOTHING, plus, type Resources } from '../../actors/placement/amounts.ts'
import { ALL_NAMES, type PlacementNames } from '../../actors/placement/names.ts'
import { resourcesOf } from '../../actors/placement/specs.ts'

export interface ResourceRequestsOptions {
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  /** Throws `NotFound`. */
  get<T>(table: ViewTable, id: string, what: string): Promise<T>
  list<T>(table: ViewTable, where: ViewQuery['where'], page: Page): Promise<T[]>
}

/** Instances read at a time. */
const PAGE = 1000

/** What an instance holds on hosts: where it is, and where it came from while a resize waits. */
export function heldBy({ host, flavor, origin }: Pick<InstanceBody, 'host' | 'flavor' | 'origin'>): Resources {
  const here = host === null ? NOTHING : resourcesOf(flavor)
  return origin === null ? here : plus(here, { vcpus: origin.vcpus, ramMb: origin.ramMb, diskGb: origin.diskGb })
}

export function resourceRequests({ call, get, list }: ResourceRequestsOptions): ResourceApi {
  return {
    async listClaims({ host, instance }) {
      const { state } = await get<{ state: string }>('host', host, 'host')
      if (state === 'gone') throw new BatonError('NotFound', `there is no host ${host}: it was deleted`)
      const claims = (await call('host', host, 'claims', {})) as Readonly<Record<string, HeldClaim>>
      return Object.entries(claims)
        .filter(([, held]) => instance === undefined || held.instance === instance)
        .map(([claim, { instance: holder, since, vcpus, ramMb, diskGb, custom }]): ClaimBody => {
          return { claim, instance: holder, since, resources: { vcpus, ramMb, diskGb, ...(custom ? { custom } : {}) } }
        })
    },
    async projectUsage({ project }) {
      let resources: Resources = NOTHING
      let instances = 0
      for (let marker: string | undefined; ; ) {
        const page = await list<InstanceBody>('instance', { project, deleted: false }, { limit: PAGE, ...(marker === undefined ? {} : { marker }) })
        for (const instance of page.filter(({ host, origin }) => host !== null || origin !== null)) {
          resources = plus(resources, heldBy(instance))
          instances++
        }
        marker = page.at(-1)?.id
        if (page.length < PAGE) return { instances, resources }
      }
    },
    placementNames: async () => (await call('placement-names', ALL_NAMES, 'get', {})) as PlacementNames,
    setPlacementName: async ({ present, ...name }) =>
      (await call('placement-names', ALL_NAMES, present ? 'add' : 'remove', name)) as { changed: boolean },
  }
}
