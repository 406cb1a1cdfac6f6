/** What the cluster's interface takes about agents outside of guests. */
import { publicKey, silentMsCheck } from '../../actors/agent/agent.ts'
import { AGENT_STATES, type AgentApi, COMMAND_MAX_MS } from '../../actors/api.ts'
import { backupId, methodName } from '../../actors/guest/contract.ts'
import { checkSchedule } from '../../actors/guest/schedule.ts'
import { anyOf, type Check, checkObject, flag, integer, optional, record, text } from '../../actors/kernel/check.ts'

const id = text(128)
const byId = checkObject({ id })

export const AGENT_CHECKS: Readonly<Record<keyof AgentApi, Check>> = {
  createAgent: checkObject({ id, name: text(255), project: text(64), key: publicKey, silentMs: optional(silentMsCheck) }),
  listAgents: checkObject({
    ...{ limit: optional(integer(1, 10_000)), marker: optional(id), project: optional(text(64)) },
    agent: optional(anyOf(...AGENT_STATES)),
  }),
  getAgent: checkObject({ id, look: optional(flag) }),
  rotateAgentKey: checkObject({ id, key: publicKey }),
  deleteAgent: byId,
  execAgent: checkObject({ id, command: backupId, method: methodName, args: record, timeoutMs: optional(integer(1, COMMAND_MAX_MS)) }),
  getAgentCommand: checkObject({ id, command: backupId }),
  scheduleAgentBackups: checkObject({ id, schedule: optional(checkSchedule) }),
}
