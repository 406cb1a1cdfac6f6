/**
 * What is wrong with operations, actors, views and nodes: pure. Each function is given what is known of one thing and answers
 * with the difference, or null. What is wrong on hosts is found by `host/reconcile.ts`.
 */
import type { HostBody, InstanceBody, NodeBody, OperationBody } from '../api.ts'
import { isHostOperation, operationActorOf } from '../host-operation/contract.ts'
import { SHARD_COUNT } from '../kernel/address.ts'
import type { Difference } from './difference.ts'

/** An end is noticed by a timer and written by a commit; a start is asked for again after 15 s at most. Ms. */
const SLACK_MS = 30_000

export function overdue(operation: OperationBody, now: number): Difference | null {
  const { id, subject, deadlineAt, status, kind, steps } = operation
  if (now - deadlineAt < SLACK_MS) return null
  const at = steps.at(-1)?.name
  return {
    code: 'OverdueOperation',
    subject: `${operationActorOf(kind)}/${id}`,
    operation: id,
    ...(isHostOperation(kind) ? { host: subject } : { instance: subject }),
    since: deadlineAt,
    believed: `ended ${Math.round((now - deadlineAt) / 1000)} s ago at the latest`,
    seen: `${kind} is ${status}${at === undefined ? '' : ` at step ${at}`}`,
  }
}

/** `operation` is the one that the instance waits for: null when there is none, and whether it is open. */
export function lostTask(
  row: InstanceBody,
  operation: { readonly body: OperationBody; readonly open: boolean } | null,
  now: number,
): Difference | null {
  if (row.operation === null || now - row.updatedAt < SLACK_MS || operation?.open) return null
  const ended = operation?.body.endedAt ?? null
  if (ended !== null && now - ended < SLACK_MS) return null
  return {
    code: 'LostTask',
    subject: `instance/${row.id}`,
    instance: row.id,
    operation: row.operation,
    ...(row.host === null ? {} : { host: row.host }),
    since: ended ?? row.updatedAt,
    believed: `${row.vmState} (${row.taskState}), waits for operation ${row.operation}`,
    seen: operation ? `the operation has ended: ${operation.body.status}` : 'there is no such operation',
  }
}

export function silentHost({ id, state, stateSince }: HostBody): Difference | null {
  if (state === 'up') return null
  return { code: 'SilentHost', subject: `host/${id}`, host: id, since: stateSince, believed: 'it reports', seen: `it is ${state}` }
}

export function noSuchHost(row: InstanceBody, hosts: ReadonlySet<string>): Difference | null {
  const missing = [row.host, row.origin?.host].find(host => typeof host === 'string' && !hosts.has(host))
  if (!missing || row.vmState === 'deleted') return null
  return { code: 'NoSuchHost', subject: `instance/${row.id}`, instance: row.id, host: missing, believed: `on ${missing}`, seen: 'no such host' }
}

export function otherVersion(node: NodeBody, version: string): Difference | null {
  if (node.version === version || node.version === '') return null
  return { code: 'OtherVersion', subject: `node/${node.id}`, believed: `version ${version}`, seen: `version ${node.version}` }
}

/** `owners[s]` is an incarnation, or 0 for nobody; `living` are those that can serve. */
export function unownedShards(owners: readonly number[], living: ReadonlySet<number>): Difference | null {
  const lost = owners.flatMap((owner, shard) => (living.has(owner) ? [] : [shard]))
  if (lost.length === 0) return null
  const some = `${lost.slice(0, 5).join(', ')}${lost.length > 5 ? ' …' : ''}`
  return { code: 'UnownedShards', subject: 'cluster', believed: `${SHARD_COUNT} shards owned`, seen: `${lost.length} without an owner: ${some}` }
}

export const poisoned = (actor: string, node: string): Difference => ({
  code: 'PoisonedActor',
  subject: actor,
  ...(actor.startsWith('instance/') ? { instance: actor.slice('instance/'.length) } : {}),
  ...(actor.startsWith('host/') ? { host: actor.slice('host/'.length) } : {}),
  ...(actor.startsWith('operation/') ? { instance: actor.slice('operation/'.length).split('.')[0] ?? '' } : {}),
  believed: 'it works',
  seen: `set aside on ${node}`,
})

/** What lists show of an actor, and what the actor says it is. */
export function staleView(actor: string, view: unknown, body: unknown): Difference | null {
  const differs = firstDifference(withoutRev(view), withoutRev(body), '')
  if (!differs) return null
  const [kind, id = ''] = actor.split('/')
  return {
    code: 'StaleView',
    subject: actor,
    ...(kind === 'instance' ? { instance: id } : kind === 'host' ? { host: id } : {}),
    believed: `lists show ${differs.path}: ${short(differs.a)}`,
    seen: `the actor says ${short(differs.b)}`,
  }
}

/** The number of events behind a row is the journal's to say: an actor does not know its own. */
const withoutRev = (body: unknown): unknown => (isObject(body) ? { ...body, rev: null } : body)

const short = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 80)

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null

/** Where two JSON values differ first; the order of keys does not count, and nothing is the same as null. */
function firstDifference(a: unknown, b: unknown, path: string): { path: string; a: unknown; b: unknown } | null {
  if ((a ?? null) === (b ?? null)) return null
  if (!isObject(a) || !isObject(b)) return { path: path || 'it', a, b }
  for (const name of [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()) {
    const found = firstDifference(a[name], b[name], path === '' ? name : `${path}.${name}`)
    if (found) return found
  }
  return null
}
