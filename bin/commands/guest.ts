/** `baton guest list`, `show`, `exec` and `schedule` */
import { BatonError } from '../../actors/kernel/errors.ts'
import { argument, type Call, given, integer, text } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { execGuest, type Guest, getGuest, listGuests, scheduleBackups } from '../client/guests.ts'
import { httpClient } from '../client/http.ts'
import { findInstance } from '../client/resolve.ts'
import { type Column, card, duration, print, printable, printList, timeText } from '../output/table.ts'

const COLUMNS: readonly Column<Guest>[] = [
  ['INSTANCE', g => g.id],
  ['AGENT', g => g.agent],
  ['STATUS', g => g.status],
  ['SERVICE', g => g.about?.service],
  ['HOST', g => g.host],
  ['MESSAGE', g => g.message],
]

/** What an agent has said that was not believed. */
export const refused = ({ live }: Pick<Guest, 'live'>): string | null => {
  if (!live) return null
  const { heartbeats: _, ...wrong } = live.counters
  const named = Object.entries(wrong).filter(([, count]) => count > 0)
  return named.length === 0 ? 'none' : named.map(([name, count]) => `${count} ${name}`).join(', ')
}

const CARD: readonly Column<Guest>[] = [
  ...COLUMNS,
  ['PROGRAM', g => g.about?.agent],
  ['METHODS', g => g.about?.methods.map(({ name }) => name).join(', ')],
  ['BACKUPS', g => g.about?.backups.join(', ')],
  ['LAST BACKUP', g => g.lastBackup && `${g.lastBackup.id} (${g.lastBackup.kind}, ${timeText(g.lastBackup.at)})`],
  ['SCHEDULE', g => g.schedule && `every ${duration(g.schedule.everyMs)}, ${g.schedule.keep} kept, one in ${g.schedule.fullEvery} is full`],
  ['HEARD', g => (g.live && g.live.heardAgoMs !== null ? `${duration(g.live.heardAgoMs)} ago, ${g.live.counters.heartbeats} heartbeats` : null)],
  ['REFUSED', refused],
  ['CHANGED', g => timeText(g.updatedAt)],
]

export async function list(call: Call): Promise<void> {
  printList(given(call.options, 'json'), COLUMNS, await listGuests(httpClient(endpointOf(call.options)), text(call.options, 'agent')))
}

export async function show(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const guest = await getGuest(client, (await findInstance(client, argument(call, 0))).id)
  print(given(call.options, 'json'), guest, () => card(CARD, guest))
}

export async function exec(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const args = objectIn(text(call.options, 'args') ?? '{}')
  const timeoutMs = integer(call.options, 'timeout', 1)
  const { id } = await findInstance(client, argument(call, 0))
  const value = await execGuest(client, id, { method: argument(call, 1), args, ...(timeoutMs === undefined ? {} : { timeoutMs }) })
  // What a guest says is a stranger's: nothing of it is obeyed by a terminal.
  print(given(call.options, 'json'), value, () => printable(JSON.stringify(value)))
}

export function objectIn(json: string): unknown {
  try {
    const value: unknown = JSON.parse(json)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {
    // Said below, like every other thing that is no object.
  }
  throw new BatonError('BadRequest', `--args must be a JSON object, such as '{"sql": "select 1"}', not ${JSON.stringify(json)}`)
}

/** Null: no more. Throws `BadRequest`. */
export function scheduleIn(options: Call['options']): { everyMs: number; keep: number; fullEvery: number } | null {
  const every = integer(options, 'every', 1)
  if (given(options, 'off') === (every !== undefined)) throw new BatonError('BadRequest', 'either --every <minutes> or --off is needed')
  if (every === undefined) return null
  return { everyMs: every * 60_000, keep: integer(options, 'keep', 1) ?? 7, fullEvery: integer(options, 'fullEvery', 1) ?? 1 }
}

export async function schedule(call: Call): Promise<void> {
  const { options } = call
  const client = httpClient(endpointOf(options))
  const wanted = scheduleIn(options)
  const { id, name } = await findInstance(client, argument(call, 0))
  const guest = await scheduleBackups(client, id, wanted)
  print(
    given(options, 'json'),
    guest,
    () => `${name} (${id}): ${guest.schedule ? `a backup every ${duration(guest.schedule.everyMs)}` : 'no backups by themselves'}`,
  )
}
