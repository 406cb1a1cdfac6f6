/** Agents in guests and their backups over HTTP. What begins an operation answers with the request's id. */
import { AGENT_STATES, BACKUP_KINDS, type BackupBody } from '../../actors/api.ts'
import { type Guard, isAnything, isNumber, isText, listOf, nullable, oneOf, optional, shape } from './guards.ts'
import type { Client } from './http.ts'
import { listAll } from './pages.ts'

const kind = oneOf(...BACKUP_KINDS)
const isGuest = shape({
  id: isText,
  project: isText,
  host: isText,
  agent: oneOf(...AGENT_STATES),
  status: isText,
  message: nullable(isText),
  about: nullable(shape({ agent: isText, service: isText, methods: listOf(shape({ name: isText, about: isText })), backups: listOf(kind) })),
  schedule: nullable(shape({ everyMs: isNumber, keep: isNumber, fullEvery: isNumber })),
  lastBackup: nullable(shape({ id: isText, kind, at: isNumber })),
  live: optional(
    shape({
      heardAgoMs: nullable(isNumber),
      counters: shape({ heartbeats: isNumber, malformed: isNumber, stale: isNumber, foreign: isNumber, flooded: isNumber, unasked: isNumber }),
    }),
  ),
  updatedAt: isNumber,
})
export type Guest = typeof isGuest extends Guard<infer T> ? T : never

const isBackup: Guard<BackupBody> = shape({
  id: isText,
  name: isText,
  project: nullable(isText),
  instance: isText,
  service: isText,
  kind,
  parent: nullable(isText),
  series: isText,
  state: oneOf('NEW', 'BUILDING', 'COMPLETED', 'FAILED'),
  sizeBytes: isNumber,
  checksum: nullable(isText),
  location: isText,
  message: nullable(isText),
  createdAt: isNumber,
  updatedAt: isNumber,
})

const guest = (id: string, more = ''): string => `/baton/v1/guests/${encodeURIComponent(id)}${more}`
const backup = (id: string): string => `/baton/v1/backups/${encodeURIComponent(id)}`

export const listGuests = (client: Client, agent: string | undefined): Promise<Guest[]> =>
  listAll(client, { path: '/baton/v1/guests', name: 'guests', item: isGuest, query: { agent } })

export const getGuest = async (client: Client, id: string): Promise<Guest> =>
  (await client.request('GET', guest(id), shape({ guest: isGuest }))).body.guest

/** Not repeated: whatever the guest does may not be done twice. */
export const execGuest = async (client: Client, id: string, body: object): Promise<unknown> =>
  (await client.request('POST', guest(id, '/exec'), shape({ value: isAnything }), { body, repeatable: false })).body.value

export const scheduleBackups = async (client: Client, id: string, schedule: object | null): Promise<Guest> =>
  (await client.request('PUT', guest(id, '/schedule'), shape({ guest: isGuest }), { body: { schedule } })).body.guest

/** Whose agent makes a backup or is given one: that of a guest, or one of its own. */
export interface Subject {
  readonly kind: 'guests' | 'agents'
  readonly id: string
}

const subject = ({ kind: which, id }: Subject, more: string): string => `/baton/v1/${which}/${encodeURIComponent(id)}${more}`

export async function createBackup(client: Client, of: Subject, asked: object): Promise<{ id: string; name: string; requestId: string | null }> {
  const answer = await client.request('POST', subject(of, '/backups'), shape({ backup: shape({ id: isText, name: isText }) }), {
    body: { backup: asked },
  })
  return { ...answer.body.backup, requestId: answer.requestId }
}

export async function restoreBackup(client: Client, into: Subject, wanted: string): Promise<string | null> {
  return (await client.request('POST', subject(into, '/restore'), isAnything, { body: { backup: wanted } })).requestId
}

export const listBackups = (client: Client, instance: string | undefined): Promise<BackupBody[]> =>
  listAll(client, { path: '/baton/v1/backups', name: 'backups', item: isBackup, query: { instance } })

export const getBackup = async (client: Client, id: string): Promise<BackupBody> =>
  (await client.request('GET', backup(id), shape({ backup: isBackup }))).body.backup

export async function deleteBackup(client: Client, id: string): Promise<void> {
  await client.request('DELETE', backup(id), isAnything)
}
