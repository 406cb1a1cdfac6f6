/** Where a conductor sends what is for an address: here, to another node, or nowhere just now. */
import { type Address, shardOf } from '../../actors/kernel/address.ts'
import type { ShardMap } from '../../actors/kernel/ports.ts'
import type { Route } from '../../transport/messenger.ts'

export interface RouterOptions {
  readonly nodeId: string
  owns(shard: number): boolean
  ownerOf(shard: number): ShardMap['members'][number] | undefined
}

export const createRouter =
  ({ nodeId, owns, ownerOf }: RouterOptions) =>
  (to: Address): Route => {
    switch (to.kind) {
      case 'scheduler':
      case 'storage':
      case 'image-store':
      case 'api':
      case 'fence':
      case 'identity':
      case 'webhook':
        return { at: 'here' }
      case 'compute':
      case 'agent-door':
        return { at: 'node', node: to.id }
      case 'node':
        return to.id === nodeId ? { at: 'here' } : { at: 'node', node: to.id }
      default: {
        const shard = shardOf(to.id)
        if (owns(shard)) return { at: 'here' }
        const owner = ownerOf(shard)
        if (!owner) return { at: 'nowhere', why: `shard ${shard} has no owner just now` }
        // Ours by the map, but not served yet or any more: it will be in a moment.
        return owner.nodeId === nodeId ? { at: 'nowhere', why: `shard ${shard} is being taken over` } : { at: 'node', node: owner.nodeId }
      }
    }
  }
