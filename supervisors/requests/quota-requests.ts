/** Requests about a project's quotas: its actor decides; a check compares what it has entered with what holders say they hold. */
import type { ClusterApi, InstanceBody } from '../../actors/api.ts'
import { address, addressKey, parseAddress } from '../../actors/kernel/address.ts'
import type { Views } from '../../actors/kernel/ports.ts'
import { type Amounts, amountsOf, type DefaultLimits, type QuotaBody, type QuotaDifference, sameAmounts } from '../../actors/kernel/quota.ts'
import { DEFAULT_LIMITS } from '../../actors/project/default-limits.ts'
import { ENTRIES_PAGE, type Entry } from '../../actors/project/project.ts'

export interface QuotaRequestsOptions {
  readonly views: Views
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
}

type Entered = Entry & { readonly holder: string }

/** Differences a check answers with, and looks into, at most. */
const DIFFERENCES_MAX = 1000

type Requests = Pick<ClusterApi, 'getQuota' | 'setQuota' | 'resetQuota' | 'checkQuota' | 'getDefaultLimits' | 'setDefaultLimits'>

export function quotaRequests({ views, call }: QuotaRequestsOptions): Requests {
  const entriesOf = async (project: string, args: object): Promise<readonly Entered[]> =>
    ((await call('project', project, 'entries', { limit: ENTRIES_PAGE, ...args })) as { entries: readonly Entered[] }).entries

  const getDefaultLimits = async (): Promise<DefaultLimits> => (await call('default-limits', DEFAULT_LIMITS, 'get', {})) as DefaultLimits

  /** With the default limits as they are now. */
  const ofProject = async (project: string, method: string, args: object): Promise<QuotaBody> =>
    (await call('project', project, method, { ...args, defaults: (await getDefaultLimits()).limits })) as QuotaBody

  async function allEntries(project: string): Promise<Map<string, Amounts>> {
    const found = new Map<string, Amounts>()
    for (let after = ''; ; ) {
      const page = await entriesOf(project, { after })
      for (const { holder, amounts } of page) found.set(holder, amounts)
      const last = page.at(-1)
      if (!last || page.length < ENTRIES_PAGE) return found
      after = last.holder
    }
  }

  /** What the living instances of a project seem to hold; a resize shows only to the instance itself. */
  async function instancesOf(project: string): Promise<Map<string, Amounts>> {
    const found = new Map<string, Amounts>()
    for (let marker: string | undefined; ; ) {
      const page = await views.list('instance', { where: { project, deleted: false }, limit: ENTRIES_PAGE, ...(marker ? { marker } : {}) })
      for (const { id, body } of page) found.set(addressKey(address('instance', id)), amountsOf((body as InstanceBody).flavor))
      marker = page.at(-1)?.id
      if (marker === undefined || page.length < ENTRIES_PAGE) return found
    }
  }

  /** What looked different is asked of both sides; one after the other, so what changes just now may still be reported. */
  async function lookInto(project: string, holder: string): Promise<QuotaDifference[]> {
    const { kind, id } = parseAddress(holder)
    const { held } = (await call(kind, id, 'holds', { project })) as { held: Amounts | null }
    const [entry] = await entriesOf(project, { only: [holder] })
    const entered = entry?.amounts ?? null
    const body = (await views.get('instance', id))?.body as InstanceBody | undefined
    // An instance that is there and holds nothing was made by a Baton that had no quotas.
    const lives = kind === 'instance' && body !== undefined && body.vmState !== 'deleted'
    const needed = held ?? (lives ? amountsOf(body.flavor) : null)
    return sameAmounts(entered, needed) ? [] : [{ holder, entered, held: needed }]
  }

  return {
    getDefaultLimits,
    async setDefaultLimits({ limits, unused }) {
      return (await call('default-limits', DEFAULT_LIMITS, 'set', { limits, unused })) as DefaultLimits
    },
    getQuota: ({ id }) => ofProject(id, 'get', {}),
    setQuota: ({ id, limits, force }) => ofProject(id, 'setLimits', { limits, ...(force === undefined ? {} : { force }) }),
    resetQuota: ({ id }) => ofProject(id, 'resetLimits', {}),
    async checkQuota({ id }) {
      const [entered, instances] = await Promise.all([allEntries(id), instancesOf(id)])
      const holders = [...new Set([...entered.keys(), ...instances.keys()])]
      const suspects = holders.filter(h => parseAddress(h).kind === 'instance' && !sameAmounts(entered.get(h) ?? null, instances.get(h) ?? null))
      const differences: QuotaDifference[] = []
      for (const suspect of suspects.slice(0, DIFFERENCES_MAX)) differences.push(...(await lookInto(id, suspect)))
      return { holders: holders.length, differences }
    },
  }
}
