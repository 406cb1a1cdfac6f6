/** Requests about agents outside of guests. What is written down their actors decide; backups they make as guests do (`guest-agent-requests.ts`). */
import type { AgentApi, AgentBody, AgentCommand } from '../../actors/api.ts'
import type { AgentLook } from '../../actors/guest/guests.ts'
import type { Env } from '../../actors/kernel/env.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Views } from '../../actors/kernel/ports.ts'

export interface AgentRequestsOptions {
  readonly views: Views
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  readonly env: Pick<Env, 'setTimer'>
  /** Agents that one project may have; undefined: no limit. */
  readonly agentsMax: number | undefined
}

const PAGE_LIMIT = 1000
/** A gateway that has died is not waited for any longer when somebody wants to see an agent, ms. */
const LOOK_MS = 2000

export function agentRequests({ env, views, call, agentsMax }: AgentRequestsOptions): AgentApi {
  async function agentOf(id: string): Promise<AgentBody> {
    const row = await views.get('agent', id)
    if (!row || row.columns.deleted === true) throw new BatonError('NotFound', `there is no agent ${id}; \`baton agent list\` shows those there are`)
    return row.body as AgentBody
  }

  /** The answer if it comes soon, or null. */
  async function soon(answer: Promise<unknown>): Promise<unknown> {
    const late = Promise.withResolvers<null>()
    const timer = env.setTimer(LOOK_MS, () => late.resolve(null))
    const found = await Promise.race([answer.catch(() => null), late.promise])
    timer.cancel()
    return found
  }

  async function checkRoom(project: string): Promise<void> {
    if (agentsMax === undefined) return
    const count = await views.count('agent', { where: { project, deleted: false } })
    if (count < agentsMax) return
    throw new BatonError('QuotaExceeded', `project ${project} has ${count} of ${agentsMax} agents (agents.perProject); delete one first`)
  }

  /** A key is whose it is: one that two agents had would prove neither. */
  async function checkKey(key: string, mine: string): Promise<void> {
    const taken = await views.list('agent', { where: { key, deleted: false }, limit: 2 })
    const other = taken.find(({ id }) => id !== mine)
    if (other) throw new BatonError('Conflict', 'another agent has this key; make a new pair for each')
  }

  return {
    async createAgent({ id, ...definition }) {
      const known = await views.get('agent', id)
      if (!known) {
        await checkRoom(definition.project)
        await checkKey(definition.key, id)
      }
      return (await call('agent', id, 'enroll', definition)) as AgentBody
    },
    async listAgents({ limit = PAGE_LIMIT, marker, project, agent }) {
      const where = { deleted: false, ...(project === undefined ? {} : { project }), ...(agent === undefined ? {} : { agent }) }
      const rows = await views.list('agent', { where, limit: Math.min(limit, PAGE_LIMIT), ...(marker === undefined ? {} : { marker }) })
      return rows.map(({ body }) => {
        const { commands: _, ...shown } = body as AgentBody
        return shown
      })
    },
    async getAgent({ id, look = true }) {
      const body = await agentOf(id)
      const live = look && body.gateway !== null ? await soon(call('agent-door', body.gateway, 'agentLook', { agent: id })) : null
      return live ? { ...body, live: live as AgentLook } : body
    },
    async rotateAgentKey({ id, key }) {
      await agentOf(id)
      await checkKey(key, id)
      return (await call('agent', id, 'rotate', { key })) as AgentBody
    },
    async deleteAgent({ id }) {
      await agentOf(id)
      await call('agent', id, 'delete', {})
      return {}
    },
    async execAgent({ id, ...asked }) {
      await agentOf(id)
      if (asked.method.includes('.'))
        throw new BatonError('BadRequest', `${asked.method} is between a gateway and an agent; \`baton agent show\` has what may be asked`)
      return (await call('agent', id, 'exec', asked)) as AgentCommand
    },
    async getAgentCommand({ id, command }) {
      const { commands = [] } = await agentOf(id)
      const found = commands.find(each => each.id === command)
      if (!found) throw new BatonError('NotFound', `agent ${id} knows of no command ${command}; those that have ended are forgotten after a few more`)
      return found
    },
    async scheduleAgentBackups({ id, schedule }) {
      const { about } = await agentOf(id)
      if (schedule && about && about.backups.length === 0) throw new BatonError('Conflict', `agent ${id} makes no backups`)
      return (await call('agent', id, 'schedule', { schedule })) as AgentBody
    },
  }
}
