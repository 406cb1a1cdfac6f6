/** `baton agent create`, `list`, `show`, `exec`, `schedule`, `rotate-key` and `delete` */
import { randomUUID } from 'node:crypto'
import { access, open } from 'node:fs/promises'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { KeyFile } from '../../transport/agents/key-file.ts'
import { createKeyPair } from '../../transport/agents/keys.ts'
import { argument, type Call, given, integer, text } from '../call.ts'
import {
  type Agent,
  createAgent,
  deleteAgent,
  endedCommand,
  execAgent,
  getAgent,
  listAgents,
  rotateAgentKey,
  scheduleAgentBackups,
} from '../client/agents.ts'
import { endpointOf } from '../client/endpoint.ts'
import { type Client, httpClient } from '../client/http.ts'
import { findNamed } from '../client/resolve.ts'
import { type Column, card, duration, print, printable, printList, timeText } from '../output/table.ts'
import { objectIn, refused, scheduleIn } from './guest.ts'

const COLUMNS: readonly Column<Agent>[] = [
  ['ID', a => a.id],
  ['NAME', a => a.name],
  ['AGENT', a => a.agent],
  ['STATUS', a => a.status],
  ['SERVICE', a => a.about?.service],
  ['GATEWAY', a => a.gateway],
  ['OPEN', a => a.openCommands],
  ['MESSAGE', a => a.message],
]

const CARD: readonly Column<Agent>[] = [
  ...COLUMNS,
  ['PROJECT', a => a.project],
  ['PROGRAM', a => a.about?.agent],
  ['METHODS', a => a.about?.methods.map(({ name }) => name).join(', ')],
  ['BACKUPS', a => a.about?.backups.join(', ')],
  ['LAST BACKUP', a => a.lastBackup && `${a.lastBackup.id} (${a.lastBackup.kind}, ${timeText(a.lastBackup.at)})`],
  ['SCHEDULE', a => a.schedule && `every ${duration(a.schedule.everyMs)}, ${a.schedule.keep} kept, one in ${a.schedule.fullEvery} is full`],
  ['OPERATION', a => a.operation],
  ['COMMANDS', a => a.commands?.map(({ method, state }) => `${method} ${state}`).join(', ')],
  ['SILENT AFTER', a => a.silentMs && duration(a.silentMs)],
  ['KEY', a => `${a.key.slice(0, 16)}…, number ${a.keys}`],
  ['HEARD', a => (a.live && a.live.heardAgoMs !== null ? `${duration(a.live.heardAgoMs)} ago, ${a.live.counters.heartbeats} heartbeats` : null)],
  ['REFUSED', refused],
  ['CHANGED', a => timeText(a.updatedAt)],
]

/** The agent with this id, or the only one with this name. */
export const findAgent = async (client: Client, reference: string): Promise<Agent> => findNamed('agent', reference, await listAgents(client))

/** A file that is there already is somebody's key: it is not written over. Throws `Conflict`. */
async function checkFree(path: string | undefined): Promise<void> {
  if (path === undefined) return
  const isThere = await access(path).then(
    () => true,
    () => false,
  )
  if (isThere) throw new BatonError('Conflict', `${path} exists already; choose another file`)
}

async function writeKeyFile(path: string, file: KeyFile): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.writeFile(`${JSON.stringify(file, null, 2)}\n`)
  } finally {
    await handle.close()
  }
}

/** Shown once, or written into a file that only its owner may read. */
async function handOver(call: Call, line: string, { agent, keyFile }: { agent: Agent; keyFile: KeyFile }): Promise<void> {
  const out = text(call.options, 'out')
  if (out !== undefined) await writeKeyFile(out, keyFile)
  const shown = out === undefined ? { agent, keyFile } : { agent, out }
  const keep = `Its key file, shown this once:\n${JSON.stringify(keyFile, null, 2)}`
  print(given(call.options, 'json'), shown, () => `${line}\n${out === undefined ? keep : `key file: ${out}`}`)
}

export async function create(call: Call): Promise<void> {
  const silentS = integer(call.options, 'silentS', 1)
  await checkFree(text(call.options, 'out'))
  const asked = { name: argument(call, 0), silentMs: silentS === undefined ? undefined : silentS * 1000 }
  const enrolled = await createAgent(httpClient(endpointOf(call.options)), asked, createKeyPair())
  await handOver(call, `agent ${enrolled.agent.name} (${enrolled.agent.id}) is enrolled`, enrolled)
}

export async function rotateKey(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  await checkFree(text(call.options, 'out'))
  const { id, name } = await findAgent(client, argument(call, 0))
  await handOver(call, `agent ${name} (${id}) has another key; the old one is worth nothing`, await rotateAgentKey(client, id, createKeyPair()))
}

export async function list(call: Call): Promise<void> {
  printList(given(call.options, 'json'), COLUMNS, await listAgents(httpClient(endpointOf(call.options)), text(call.options, 'agent')))
}

export async function show(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const agent = await getAgent(client, (await findAgent(client, argument(call, 0))).id)
  print(given(call.options, 'json'), agent, () => card(CARD, agent))
}

export async function exec(call: Call): Promise<void> {
  const { options } = call
  const client = httpClient(endpointOf(options))
  const args = objectIn(text(options, 'args') ?? '{}')
  const timeoutMs = integer(options, 'timeout', 1)
  const { id } = await findAgent(client, argument(call, 0))
  const asked = { command: randomUUID(), method: argument(call, 1), args, ...(timeoutMs === undefined ? {} : { timeoutMs }) }
  const begun = await execAgent(client, id, asked)
  if (options.wait === false) return print(given(options, 'json'), begun, () => begun.id)
  const value = await endedCommand(client, id, begun)
  // What an agent says is a stranger's: nothing of it is obeyed by a terminal.
  print(given(options, 'json'), value, () => printable(JSON.stringify(value)))
}

export async function schedule(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const wanted = scheduleIn(call.options)
  const { id, name } = await findAgent(client, argument(call, 0))
  const agent = await scheduleAgentBackups(client, id, wanted)
  print(
    given(call.options, 'json'),
    agent,
    () => `${name} (${id}): ${agent.schedule ? `a backup every ${duration(agent.schedule.everyMs)}` : 'no backups by themselves'}`,
  )
}

export async function remove(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const { id, name } = await findAgent(client, argument(call, 0))
  await deleteAgent(client, id)
  print(given(call.options, 'json'), { id, deleted: true }, () => `agent ${name} (${id}) is deleted`)
}
