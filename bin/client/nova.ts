/** Servers and flavors in the shapes of Nova, and what the CLI makes of them. */
import type { PowerState } from '../../actors/hypervisor/driver.ts'
import { type Guard, isAnything, isNumber, isText, nullable, optional, recordOf, shape } from './guards.ts'
import type { Client } from './http.ts'
import { listAll } from './pages.ts'

const isServer = shape({
  id: isText,
  name: isText,
  status: isText,
  created: isText,
  updated: isText,
  flavor: shape({ id: isText }),
  image: shape({ id: isText }),
  metadata: optional(recordOf(isText)),
  'OS-EXT-SRV-ATTR:reservation_id': isText,
  fault: optional(nullable(shape({ message: isText }))),
  'OS-EXT-STS:vm_state': isText,
  'OS-EXT-STS:task_state': nullable(isText),
  'OS-EXT-STS:power_state': isNumber,
  'OS-EXT-SRV-ATTR:host': optional(nullable(isText)),
  'OS-EXT-AZ:availability_zone': optional(isText),
  'OS-SRV-USG:launched_at': optional(nullable(isText)),
  'baton:ha_policy': optional(isText),
})
type Server = typeof isServer extends Guard<infer T> ? T : never

/** An instance as the CLI shows it, and as `--json` prints it. Times are ISO 8601. */
export interface Instance {
  readonly id: string
  readonly name: string
  readonly status: string
  readonly vmState: string
  readonly taskState: string | null
  readonly powerState: PowerState | null
  readonly host: string | null
  readonly zone: string | null
  readonly flavor: string
  readonly image: string
  readonly metadata: Readonly<Record<string, string>>
  readonly reservation: string
  readonly ha: string
  readonly createdAt: string
  readonly updatedAt: string
  readonly launchedAt: string | null
  readonly fault: string | null
}

/** Nova's numbers of power states; the others have no meaning here. */
const POWER: Readonly<Record<number, PowerState>> = { 1: 'running', 3: 'paused', 4: 'shutdown', 6: 'crashed', 7: 'suspended' }

const instanceOf = (server: Server): Instance => ({
  id: server.id,
  name: server.name,
  status: server.status,
  vmState: server['OS-EXT-STS:vm_state'],
  taskState: server['OS-EXT-STS:task_state'],
  powerState: POWER[server['OS-EXT-STS:power_state']] ?? null,
  host: server['OS-EXT-SRV-ATTR:host'] ?? null,
  zone: server['OS-EXT-AZ:availability_zone'] || null,
  flavor: server.flavor.id,
  image: server.image.id,
  metadata: server.metadata ?? {},
  reservation: server['OS-EXT-SRV-ATTR:reservation_id'],
  ha: server['baton:ha_policy'] ?? 'none',
  createdAt: server.created,
  updatedAt: server.updated,
  launchedAt: server['OS-SRV-USG:launched_at'] ?? null,
  fault: server.fault?.message ?? null,
})

export interface Flavor {
  readonly id: string
  readonly name: string
  readonly vcpus: number
  readonly ramMb: number
  readonly diskGb: number
}

const isNovaFlavor = shape({ id: isText, name: isText, vcpus: isNumber, ram: isNumber, disk: isNumber })
const flavorOf = (flavor: typeof isNovaFlavor extends Guard<infer T> ? T : never): Flavor => ({
  id: flavor.id,
  name: flavor.name,
  vcpus: flavor.vcpus,
  ramMb: flavor.ram,
  diskGb: flavor.disk,
})

export interface InstanceFilter {
  readonly name?: string | undefined
  readonly status?: string | undefined
  readonly host?: string | undefined
  readonly deleted?: boolean | undefined
  /** What all instances of one create have in common. */
  readonly reservation?: string | undefined
}

/** Nova's name filter is a pattern; people mean the name. */
const exactly = (name: string): string => `^${name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`

/** Newest first: all of them, or one page. */
export async function listInstances(
  client: Client,
  filter: InstanceFilter,
  page: { limit?: number | undefined; marker?: string | undefined } = {},
): Promise<Instance[]> {
  const { reservation, deleted, name, ...rest } = filter
  const query = { ...rest, name: name === undefined ? undefined : exactly(name), deleted: deleted || undefined, reservation_id: reservation }
  const servers = await listAll(client, { path: '/compute/v2.1/servers/detail', name: 'servers', item: isServer, query, ...page })
  return servers.map(instanceOf)
}

/** Rejects `NotFound`. */
export async function getInstance(client: Client, id: string): Promise<Instance> {
  const { body } = await client.request('GET', `/compute/v2.1/servers/${encodeURIComponent(id)}`, shape({ server: isServer }))
  return instanceOf(body.server)
}

export interface CreateRequest {
  readonly name: string
  readonly flavor: string
  readonly image: string
  readonly count: number
  readonly clientToken: string
  readonly availability_zone?: string
  readonly hints?: Readonly<Record<string, string | readonly string[]>>
  readonly ha?: string | undefined
  readonly project?: string | undefined
}

/** Asks for instances. Answers with the id of the first; the others have its reservation. */
export async function createInstances(client: Client, request: CreateRequest): Promise<string> {
  const server = {
    name: request.name,
    flavorRef: request.flavor,
    imageRef: request.image,
    networks: 'none',
    min_count: request.count,
    max_count: request.count,
    ...(request.availability_zone === undefined ? {} : { availability_zone: request.availability_zone }),
    ...(request.ha === undefined ? {} : { metadata: { ha_policy: request.ha } }),
  }
  const hints = request.hints ? { 'os:scheduler_hints': request.hints } : {}
  const answer = await client.request('POST', '/compute/v2.1/servers', shape({ server: shape({ id: isText }) }), {
    body: { server, ...hints },
    headers: { 'x-client-token': request.clientToken, ...(request.project === undefined ? {} : { 'x-project-id': request.project }) },
    repeatable: true,
  })
  return answer.body.server.id
}

/** Nova's actions, by the verb of the CLI. */
export const ACTIONS = {
  start: { 'os-start': null },
  stop: { 'os-stop': null },
  'reboot-soft': { reboot: { type: 'SOFT' } },
  'reboot-hard': { reboot: { type: 'HARD' } },
  pause: { pause: null },
  unpause: { unpause: null },
  suspend: { suspend: null },
  resume: { resume: null },
  unrescue: { unrescue: null },
  confirm: { confirmResize: null },
  revert: { revertResize: null },
  shelve: { shelve: null },
  offload: { shelveOffload: null },
  restore: { restore: null },
  'force-delete': { forceDelete: null },
} as const

/** Rejects `NotFound`, or `Conflict` when the state does not allow it. Answers with the request's id. */
export const actOnInstance = (client: Client, id: string, action: keyof typeof ACTIONS): Promise<string | null> =>
  sendAction(client, id, ACTIONS[action])

/** The same for an action that says more than its name, in Nova's words. */
export async function sendAction(client: Client, id: string, action: object): Promise<string | null> {
  const answer = await client.request('POST', `/compute/v2.1/servers/${encodeURIComponent(id)}/action`, isAnything, { body: action })
  return answer.requestId
}

/** A createImage or createBackup. Answers with the id of the image, null when none will be kept. */
export async function createImage(client: Client, id: string, action: object): Promise<{ image: string | null; requestId: string | null }> {
  const answer = await client.request('POST', `/compute/v2.1/servers/${encodeURIComponent(id)}/action`, isAnything, { body: action })
  return { image: answer.location?.split('/').at(-1) ?? null, requestId: answer.requestId }
}

export async function deleteInstance(client: Client, id: string): Promise<string | null> {
  const answer = await client.request('DELETE', `/compute/v2.1/servers/${encodeURIComponent(id)}`, isAnything)
  return answer.requestId
}

/** What can be changed at any time. Each part given replaces what was there. */
export async function updateInstance(
  client: Client,
  id: string,
  parts: { name?: string; metadata?: object; tags?: readonly string[]; ha?: string },
): Promise<void> {
  const path = `/compute/v2.1/servers/${encodeURIComponent(id)}`
  if (parts.name !== undefined) await client.request('PUT', path, isAnything, { body: { server: { name: parts.name } }, repeatable: true })
  if (parts.metadata !== undefined)
    await client.request('POST', `${path}/metadata`, isAnything, { body: { metadata: parts.metadata }, repeatable: true })
  if (parts.tags !== undefined) await client.request('PUT', `${path}/tags`, isAnything, { body: { tags: parts.tags }, repeatable: true })
  if (parts.ha !== undefined) {
    await client.request('PUT', `/baton/v1/instances/${encodeURIComponent(id)}/ha`, isAnything, { body: { policy: parts.ha }, repeatable: true })
  }
}

/** The console as text; with `lines` only the last ones. */
export async function consoleLog(client: Client, id: string, lines: number | undefined): Promise<string> {
  const body = { 'os-getConsoleOutput': lines === undefined ? {} : { length: lines } }
  const path = `/compute/v2.1/servers/${encodeURIComponent(id)}/action`
  const answer = await client.request('POST', path, shape({ output: isText }), { body, repeatable: true })
  return answer.body.output
}

export async function listFlavors(client: Client): Promise<Flavor[]> {
  const flavors = await listAll(client, { path: '/compute/v2.1/flavors/detail', name: 'flavors', item: isNovaFlavor })
  return flavors.map(flavorOf)
}

/** Without an id the cluster chooses one. Rejects `Conflict` when the name or id is taken. */
export async function createFlavor(client: Client, flavor: Omit<Flavor, 'id'> & { readonly id: string | undefined }): Promise<Flavor> {
  const { name, vcpus, ramMb: ram, diskGb: disk, id } = flavor
  const { body } = await client.request('POST', '/compute/v2.1/flavors', shape({ flavor: isNovaFlavor }), {
    body: { flavor: { name, vcpus, ram, disk, ...(id === undefined ? {} : { id }) } },
  })
  return flavorOf(body.flavor)
}

export async function deleteFlavor(client: Client, id: string): Promise<void> {
  await client.request('DELETE', `/compute/v2.1/flavors/${encodeURIComponent(id)}`, isAnything)
}
