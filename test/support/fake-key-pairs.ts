/** The key pairs of the cluster in memory. */
import type { KeyPairApi, KeyPairBody } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'

export function fakeKeyPairs(now: () => number): KeyPairApi {
  const pairs = new Map<string, KeyPairBody>()
  const find = (user: string, name: string): KeyPairBody => {
    const pair = pairs.get(`${user}/${name}`)
    if (!pair) throw new BatonError('NotFound', `key pair ${name} of user ${user} could not be found`)
    return pair
  }
  return {
    listKeyPairs: async ({ user }) => [...pairs.values()].filter(pair => pair.user === user).sort((a, b) => (a.name < b.name ? -1 : 1)),
    getKeyPair: async ({ user, name }) => find(user, name),
    createKeyPair: async ({ project: _, requestId: _id, ...pair }) => {
      if (pairs.has(`${pair.user}/${pair.name}`)) throw new BatonError('Conflict', `key pair '${pair.name}' already exists`)
      const made = { ...pair, createdAt: now() }
      pairs.set(`${pair.user}/${pair.name}`, made)
      return made
    },
    deleteKeyPair: async ({ user, name }) => {
      find(user, name)
      pairs.delete(`${user}/${name}`)
      return {}
    },
  }
}
