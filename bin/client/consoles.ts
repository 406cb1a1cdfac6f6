/** Asking for the URL of a remote console. */
import { isText, shape } from './guards.ts'
import type { Client } from './http.ts'

export const CONSOLE_TYPES = ['serial', 'novnc'] as const
export type ConsoleType = (typeof CONSOLE_TYPES)[number]

/** A URL that is good once, for ten minutes. Rejects `Conflict` when the instance is on no host, `BadRequest` when its driver has no such console. */
export async function remoteConsole(client: Client, id: string, type: ConsoleType): Promise<string> {
  const body = { remote_console: { protocol: type === 'serial' ? 'serial' : 'vnc', type } }
  const path = `/compute/v2.1/servers/${encodeURIComponent(id)}/remote-consoles`
  const answer = await client.request('POST', path, shape({ remote_console: shape({ url: isText }) }), { body, repeatable: true })
  return answer.body.remote_console.url
}
