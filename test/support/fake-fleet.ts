/** Agents outside of guests behind `ClusterApi`, for tests of the faces: the real actor and the real requests, in memory. */
import { agentActor } from '../../actors/agent/agent.ts'
import type { AgentApi } from '../../actors/api.ts'
import { applyCommand, type ViewRow } from '../../actors/kernel/define.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Views } from '../../actors/kernel/ports.ts'
import { agentRequests } from '../../supervisors/requests/agent-requests.ts'
import { manualEnv } from '../fuzz/env.ts'

export interface FakeFleet {
  readonly api: AgentApi
  /** What a gateway or an operation says to an agent's actor. */
  tell(id: string, method: string, args: unknown): unknown
}

const GATEWAY = { role: 'gateway', node: 'gateway-1' } as const

export function fakeFleet(now: () => number, agentsMax?: number): FakeFleet {
  const states = new Map<string, ReturnType<typeof agentActor.initial>>()

  function tell(id: string, method: string, args: unknown): unknown {
    const wrong = agentActor.methods[method]?.check?.(args)
    if (wrong) throw new BatonError('BadRequest', wrong)
    const command = { method, args } as Parameters<typeof agentActor.decide>[1]
    const done = applyCommand(agentActor, states.get(id) ?? agentActor.initial(id), command, { id, now: now(), from: GATEWAY })
    states.set(id, done.state)
    return done.reply
  }

  const rows = (): ViewRow[] => [...states].flatMap(([id, state]) => agentActor.view(state, id) ?? [])
  const matching = (where: object = {}): ViewRow[] =>
    rows().filter(({ columns }) => Object.entries(where).every(([name, value]) => columns[name] === value))
  const views: Views = {
    get: async (_, id) => rows().find(row => row.id === id) ?? null,
    list: async (_, { where, limit = 1000, marker }) => {
      const all = matching(where).reverse()
      const from = marker === undefined ? 0 : all.findIndex(row => row.id === marker) + 1
      return all.slice(from, from + limit)
    },
    count: async (_, { where }) => matching(where).length,
    countBy: async () => new Map(),
  }
  const call = async (kind: string, id: string, method: string, args: unknown): Promise<unknown> => {
    if (kind !== 'agent') throw new BatonError('Unavailable', `nobody serves ${kind} here`)
    return tell(id, method, args)
  }
  return { api: agentRequests({ env: manualEnv(), views, call, agentsMax }), tell }
}
