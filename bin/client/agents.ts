/** Agents outside of guests over HTTP. */
import { setTimeout as delay } from 'node:timers/promises'
import { AGENT_STATES, BACKUP_KINDS } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { KeyFile } from '../../transport/agents/key-file.ts'
import type { KeyPair } from '../../transport/agents/keys.ts'
import { isFault } from './bodies.ts'
import { type Guard, isAnything, isNumber, isText, listOf, nullable, oneOf, optional, shape } from './guards.ts'
import type { Client } from './http.ts'
import { listAll } from './pages.ts'

const kind = oneOf(...BACKUP_KINDS)
const isCommand = shape({
  id: isText,
  method: isText,
  state: oneOf('open', 'done', 'failed'),
  value: isAnything,
  fault: nullable(isFault),
  askedAt: isNumber,
  deadlineAt: isNumber,
  endedAt: nullable(isNumber),
})
export type Command = typeof isCommand extends Guard<infer T> ? T : never

const isAgent = shape({
  id: isText,
  name: isText,
  project: isText,
  key: isText,
  keys: isNumber,
  silentMs: nullable(isNumber),
  gateway: nullable(isText),
  agent: oneOf(...AGENT_STATES),
  status: isText,
  message: nullable(isText),
  about: nullable(shape({ agent: isText, service: isText, methods: listOf(shape({ name: isText, about: isText })), backups: listOf(kind) })),
  schedule: nullable(shape({ everyMs: isNumber, keep: isNumber, fullEvery: isNumber })),
  lastBackup: nullable(shape({ id: isText, kind, at: isNumber })),
  operation: nullable(isText),
  commands: optional(listOf(isCommand)),
  openCommands: isNumber,
  live: optional(
    shape({
      heardAgoMs: nullable(isNumber),
      counters: shape({ heartbeats: isNumber, malformed: isNumber, stale: isNumber, foreign: isNumber, flooded: isNumber, unasked: isNumber }),
    }),
  ),
  updatedAt: isNumber,
})
export type Agent = typeof isAgent extends Guard<infer T> ? T : never

const isDoor = shape({ endpoints: listOf(isText), serverKey: isText })
const isEnrolled = shape({ agent: isAgent, door: isDoor })

const path = (id: string, more = ''): string => `/baton/v1/agents/${encodeURIComponent(id)}${more}`
/** A command that is open is looked at so often, ms. */
const LOOK_MS = 200

/** Its secret key never leaves this machine: the cluster is told the public half. */
const keyFile = ({ agent, door }: { agent: Agent; door: { endpoints: readonly string[]; serverKey: string } }, keys: KeyPair): KeyFile => ({
  ...{ agent: agent.id, name: agent.name, endpoints: door.endpoints, serverKey: door.serverKey },
  ...{ publicKey: keys.publicKey, secretKey: keys.secretKey },
})

export async function createAgent(client: Client, asked: { name: string; silentMs: number | undefined }, keys: KeyPair) {
  const { name, silentMs } = asked
  const agent = { name, publicKey: keys.publicKey, ...(silentMs === undefined ? {} : { silentMs }) }
  const { body } = await client.request('POST', '/baton/v1/agents', isEnrolled, { body: { agent } })
  return { agent: body.agent, keyFile: keyFile(body, keys) }
}

export async function rotateAgentKey(client: Client, id: string, keys: KeyPair) {
  const asked = { body: { publicKey: keys.publicKey }, repeatable: true }
  const { body } = await client.request('PUT', path(id, '/key'), isEnrolled, asked)
  return { agent: body.agent, keyFile: keyFile(body, keys) }
}

export const listAgents = (client: Client, agent?: string): Promise<Agent[]> =>
  listAll(client, { path: '/baton/v1/agents', name: 'agents', item: isAgent, query: { agent } })

export const getAgent = async (client: Client, id: string): Promise<Agent> =>
  (await client.request('GET', path(id), shape({ agent: isAgent }))).body.agent

export async function deleteAgent(client: Client, id: string): Promise<void> {
  await client.request('DELETE', path(id), isAnything)
}

export const scheduleAgentBackups = async (client: Client, id: string, schedule: object | null): Promise<Agent> =>
  (await client.request('PUT', path(id, '/schedule'), shape({ agent: isAgent }), { body: { schedule } })).body.agent

/** Asked twice with the same `command` it is done once, so it is asked until it is written down. */
export const execAgent = async (client: Client, id: string, body: { command: string; method: string; args: unknown }): Promise<Command> =>
  (await client.request('POST', path(id, '/exec'), shape({ command: isCommand }), { body, repeatable: true })).body.command

/** Resolves to what it has answered. Rejects as it has failed. */
export async function endedCommand(client: Client, id: string, begun: Command): Promise<Command['value']> {
  for (let command = begun; ; ) {
    if (command.state === 'done') return command.value
    if (command.state === 'failed') throw new BatonError(command.fault?.code ?? 'Internal', command.fault?.message ?? 'no reason was given')
    await delay(LOOK_MS)
    command = (await client.request('GET', path(id, `/commands/${begun.id}`), shape({ command: isCommand }))).body.command
  }
}
