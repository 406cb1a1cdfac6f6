/** Quotas of the cluster in memory: any limits, always the same use; project `odd` has a difference. */
import type { ClusterApi } from '../../actors/api.ts'
import { type DefaultLimits, NO_LIMITS, type QuotaBody } from '../../actors/kernel/quota.ts'

type Quotas = Pick<ClusterApi, 'getQuota' | 'setQuota' | 'resetQuota' | 'checkQuota' | 'getDefaultLimits' | 'setDefaultLimits'>

export function fakeQuotas(): Quotas {
  let defaults: DefaultLimits = { limits: { ...NO_LIMITS, metadata_items: 128 }, unused: {} }
  const quotas = new Map<string, QuotaBody>()
  const used = { ...NO_LIMITS, instances: 2, cores: 3, ram: 128, server_groups: 0, server_group_members: 0, key_pairs: 0 }
  const quotaOf = (id: string): QuotaBody => quotas.get(id) ?? { id, limits: defaults.limits, defaults: defaults.limits, used }
  return {
    getDefaultLimits: async () => defaults,
    setDefaultLimits: async ({ limits, unused }) => {
      defaults = { limits: { ...defaults.limits, ...limits }, unused: { ...defaults.unused, ...unused } }
      return defaults
    },
    getQuota: async ({ id }) => quotaOf(id),
    setQuota: async ({ id, limits }) => {
      quotas.set(id, { ...quotaOf(id), limits: { ...quotaOf(id).limits, ...limits } })
      return quotaOf(id)
    },
    resetQuota: async ({ id }) => {
      quotas.delete(id)
      return quotaOf(id)
    },
    checkQuota: async ({ id }) => ({
      holders: 2,
      differences: id === 'odd' ? [{ holder: 'instance/i1', entered: { instances: 1, cores: 1, ram: 64 }, held: null }] : [],
    }),
  }
}
