/** What gateways ask of the conductors about keys: those of their doors, and whether somebody's key is that of an agent. */
import { publicKey } from '../../actors/agent/agent.ts'
import { DOORS } from '../../actors/agent/door-keys.ts'
import { checkObject } from '../../actors/kernel/check.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Views } from '../../actors/kernel/ports.ts'
import { createKeyPair } from '../../transport/agents/keys.ts'

export interface AgentKeysOptions {
  readonly views: Pick<Views, 'list'>
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
}

const checkAdmits = checkObject({ key: publicKey })

/** Serves one message to `agent-keys`. */
export type AgentKeys = (method: string, args: unknown) => Promise<unknown>

export function createAgentKeys({ views, call }: AgentKeysOptions): AgentKeys {
  return async (method, args) => {
    if (method === 'door') return call('door-keys', DOORS, 'ensure', createKeyPair())
    if (method !== 'admits') throw new BatonError('UnknownMethod', `agent keys have no method ${method}`)
    const wrong = checkAdmits(args)
    if (wrong) throw new BatonError('BadRequest', `admits: ${wrong}`)
    const { key } = args as { key: string }
    const [found] = await views.list('agent', { where: { key, deleted: false }, limit: 1 })
    return { admitted: found !== undefined }
  }
}
