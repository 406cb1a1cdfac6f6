/** `baton backup create`, `list`, `show`, `restore` and `delete` */
import type { BackupBody } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { argument, type Call, given, integer, text } from '../call.ts'
import { listAgents } from '../client/agents.ts'
import { endpointOf } from '../client/endpoint.ts'
import { createBackup, deleteBackup, getBackup, listBackups, restoreBackup, type Subject } from '../client/guests.ts'
import { type Client, httpClient } from '../client/http.ts'
import { findInstance, findNamed } from '../client/resolve.ts'
import { type Column, card, print, printList, timeText } from '../output/table.ts'
import { conclude } from './conclude.ts'

const COLUMNS: readonly Column<BackupBody>[] = [
  ['ID', b => b.id],
  ['NAME', b => b.name],
  ['KIND', b => b.kind],
  ['STATE', b => b.state],
  ['BYTES', b => b.sizeBytes],
  ['OF', b => b.instance],
  ['MADE', b => timeText(b.createdAt)],
]
const CARD: readonly Column<BackupBody>[] = [
  ...COLUMNS,
  ['SERVICE', b => b.service],
  ['BUILDS ON', b => b.parent],
  ['SERIES', b => b.series],
  ['SHA-512', b => b.checksum],
  ['LOCATION', b => b.location],
  ['MESSAGE', b => b.message],
]

/** The instance of this name or id, or else the agent. */
async function findSubject(client: Client, reference: string): Promise<Subject & { readonly name: string }> {
  try {
    const { id, name } = await findInstance(client, reference)
    return { kind: 'guests', id, name }
  } catch (error) {
    if (!(error instanceof BatonError && error.code === 'NotFound')) throw error
    const agents = (await listAgents(client)).filter(({ id, name }) => id === reference || name === reference)
    if (agents.length === 0) throw error
    const { id, name } = findNamed('agent', reference, agents)
    return { kind: 'agents', id, name }
  }
}

export async function create(call: Call): Promise<void> {
  const { options } = call
  const client = httpClient(endpointOf(options))
  const [name, parent, keep] = [text(options, 'name'), text(options, 'parent'), integer(options, 'keep', 1)]
  const kind = given(options, 'incremental') || parent !== undefined ? 'incremental' : 'full'
  const subject = await findSubject(client, argument(call, 0))
  const made = await createBackup(client, subject, { kind, name, parent, keep })
  const line = () => `${subject.name} (${subject.id}): ${kind} backup ${made.name} (${made.id})`
  await conclude(call, client, subject, made.requestId, { backup: made.id, name: made.name, kind }, line)
}

export async function list(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const reference = text(call.options, 'instance')
  // The backups of an instance outlive it, and then only its id is known.
  const found = reference === undefined ? undefined : await findSubject(client, reference).catch(() => null)
  printList(given(call.options, 'json'), COLUMNS, await listBackups(client, found === null ? reference : found?.id))
}

export async function show(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const { id } = await named(call, 0)
  const backup = await getBackup(client, id)
  print(given(call.options, 'json'), backup, () => card(CARD, backup))
}

export async function restore(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const backup = await named(call, 0)
  const subject = await findSubject(client, argument(call, 1))
  const requestId = await restoreBackup(client, subject, backup.id)
  const line = () => `${subject.name} (${subject.id}): restore of backup ${backup.name} (${backup.id})`
  await conclude(call, client, subject, requestId, { backup: backup.id }, line)
}

export async function remove(call: Call): Promise<void> {
  const { id } = await named(call, 0)
  await deleteBackup(httpClient(endpointOf(call.options)), id)
  print(given(call.options, 'json'), { id, deleted: true }, () => `backup ${id} is deleted`)
}

const named = async (call: Call, index: number): Promise<BackupBody> =>
  findNamed('backup', argument(call, index), await listBackups(httpClient(endpointOf(call.options)), undefined))
