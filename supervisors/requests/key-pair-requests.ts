/** Requests about key pairs: their actor, one for each user, decides; how many there may be, the quota of the project says. */
import type { KeyPairApi, KeyPairBody } from '../../actors/api.ts'
import type { QuotaBody } from '../../actors/kernel/quota.ts'

export interface KeyPairRequestsOptions {
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  getQuota(args: { id: string }): Promise<QuotaBody>
}

export function keyPairRequests({ call, getQuota }: KeyPairRequestsOptions): KeyPairApi {
  return {
    async listKeyPairs({ user }) {
      const pairs = (await call('key-pairs', user, 'list', {})) as KeyPairBody[]
      return pairs.sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    getKeyPair: async ({ user, name }) => (await call('key-pairs', user, 'get', { name })) as KeyPairBody,
    async createKeyPair({ user, project, ...pair }) {
      const { limits } = await getQuota({ id: project })
      return (await call('key-pairs', user, 'add', { ...pair, max: limits.key_pairs })) as KeyPairBody
    },
    async deleteKeyPair({ user, name }) {
      await call('key-pairs', user, 'remove', { name })
      return {}
    },
  }
}
