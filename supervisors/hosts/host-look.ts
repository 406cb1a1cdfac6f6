/**
 * One look at one host: gathers what its agent and its actor say and what the instances are believed to be, and compares. The
 * sides are read one after the other, so what differs is compared again with rows read anew; what changed meanwhile is left out.
 */
import type { InstanceBody } from '../../actors/api.ts'
import type { Difference } from '../../actors/doctor/difference.ts'
import type { HeldClaim } from '../../actors/host/host.ts'
import { compareHost } from '../../actors/host/reconcile.ts'
import type { GuestReport } from '../../actors/hypervisor/hypervisor.ts'
import type { Views } from '../../actors/kernel/ports.ts'

/** Rows read at a time. */
const PAGE = 1000

export interface HostLook {
  readonly differences: readonly Difference[]
  readonly claims: number
  /** The instances believed there, and those that its guests and claims name. */
  readonly rows: readonly InstanceBody[]
}

export interface HostLookOptions {
  readonly views: Views
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  /** Cluster time, ms. */
  now(): number
}

/** What a host said of its guests, and how long ago it may have been so, ms. */
export interface Seen {
  readonly guests: readonly GuestReport[]
  readonly ageMs: number
}

/** `seen` null: its guests were not seen. Rejects when the views cannot be read; `onUnseen` is told when the host's actor does not answer. */
export async function lookAtHost(
  { views, call, now }: HostLookOptions,
  host: string,
  seen: Seen | null,
  { busy, onUnseen }: { readonly busy?: ReadonlySet<string>; onUnseen?(error: unknown): void } = {},
): Promise<HostLook> {
  // Each of the questions may wait for a database that is away.
  const askedAt = now()
  const guests = seen?.guests ?? null
  const claims = (await call('host', host, 'claims', {}).catch(error => {
    onUnseen?.(error)
    return null
  })) as Readonly<Record<string, HeldClaim>> | null
  const rows = new Map<string, InstanceBody>()
  for await (const row of instancePages(views, { host, deleted: false })) rows.set(row.id, row)
  const named = [...(guests ?? []).map(g => g.instance), ...Object.values(claims ?? {}).map(c => c.instance)]
  for (const row of await instancesOf(
    views,
    [...new Set(named)].filter(id => !rows.has(id)),
  ))
    rows.set(row.id, row)
  const all = [...rows.values()]
  const facts = { host, guests, claims, now: askedAt, seenAt: askedAt - (seen?.ageMs ?? 0), ...(busy ? { busy } : {}) }
  const found = compareHost({ ...facts, rows: all })
  return { differences: found.length === 0 ? [] : await unchanged(views, found, rows), claims: Object.keys(claims ?? {}).length, rows: all }
}

/** Those whose instance is as it was when it was compared. */
async function unchanged(views: Views, found: readonly Difference[], rows: ReadonlyMap<string, InstanceBody>): Promise<Difference[]> {
  const ids = [...new Set(found.map(d => d.instance ?? ''))]
  const fresh = new Map((await instancesOf(views, ids)).map(row => [row.id, row]))
  return found.filter(({ instance = '' }) => {
    const [before, after] = [rows.get(instance), fresh.get(instance)]
    return before?.updatedAt === after?.updatedAt && before?.operation === after?.operation
  })
}

/** Newest first, a page at a time. */
export async function* instancePages(views: Views, where: Readonly<Record<string, string | boolean | null>>): AsyncGenerator<InstanceBody> {
  for (let marker: string | undefined; ; ) {
    const rows = await views.list('instance', { where, limit: PAGE, ...(marker === undefined ? {} : { marker }) })
    for (const row of rows) yield row.body as InstanceBody
    marker = rows.at(-1)?.id
    if (rows.length < PAGE) return
  }
}

async function instancesOf(views: Views, ids: readonly string[]): Promise<InstanceBody[]> {
  const found: InstanceBody[] = []
  for (let i = 0; i < ids.length; i += PAGE) {
    const rows = await views.list('instance', { where: { id: ids.slice(i, i + PAGE) }, limit: PAGE })
    found.push(...rows.map(row => row.body as InstanceBody))
  }
  return found
}
