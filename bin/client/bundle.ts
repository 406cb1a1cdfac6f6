/**
 * What goes into a bug report: each part is asked for by itself, and one that cannot be had is said to be missing instead of stopping the
 * rest. Nodes tell nothing that is secret; what is gathered here goes once more through the same sieve.
 */
import type { NodeBody, NodeReport } from '../../actors/api.ts'
import { toFault } from '../../actors/kernel/errors.ts'
import { redact, redactText } from '../../supervisors/observe/redact.ts'
import type { ShardRow } from '../../transport/console-client/topics.ts'
import { logLine } from '../output/log-line.ts'
import type { TarFile } from '../output/tar.ts'
import { isNode, isOperation, isQueue, isStatus } from './bodies.ts'
import { isDoctor } from './doctor.ts'
import { isReport } from './evidence.ts'
import { type Guard, listOf, shape } from './guards.ts'
import type { Client } from './http.ts'
import type { LogFile } from './log-files.ts'

export interface BundleSources {
  /** Null when no cluster can be asked; `why` says it. */
  readonly client: Client | null
  readonly why?: string
  shards(): Promise<readonly ShardRow[]>
  readonly logFiles: readonly LogFile[]
  /** Of this CLI. */
  readonly version: string
  readonly engine: string
  readonly atMs: number
}

const OPEN_OPERATIONS = 200

const README = `A bundle for a report about Baton, made by \`baton debug bundle\`.

  cluster.json     versions, status, alerts, advice
  nodes.json       every node with its load; shards.json: who owns which shard
  queues.json      depth, limit and oldest message of each queue
  doctor.json      what believed and real state differ in
  operations.json  operations that have not ended
  nodes/NAME/      of each node: its settings (config.json), metrics (metrics.txt) and newest log lines (log.txt)
  files/           the ends of the log files in the data folder of this machine, if there is one
  missing.txt      what could not be had, and why; not there when nothing is missing

Passwords, tokens, keys and user data are left out; names of instances and ids of users are not. Look before you send it.
`

const isSafe = (name: string): boolean => /^[A-Za-z0-9._-]{1,64}$/.test(name) && !/^\.+$/.test(name)

export async function gatherBundle({ client, why, shards, logFiles, version, engine, atMs }: BundleSources): Promise<TarFile[]> {
  const missing: string[] = why === undefined ? [] : [`the cluster: ${redactText(why)}`]
  async function part<T>(what: string, get: () => Promise<T>): Promise<T | null> {
    try {
      return await get()
    } catch (error) {
      missing.push(`${what}: ${redactText(toFault(error).message)}`)
      return null
    }
  }
  const ask = <T>(path: string, field: string, guard: Guard<T>): Promise<T | null> =>
    client === null
      ? Promise.resolve(null)
      : part(path, async () => (await client.request('GET', `/baton/v1/${path}`, shape({ [field]: guard }))).body[field] as T)

  const [status, nodes, queues, doctor, operations, owners] = await Promise.all([
    ask('status', 'status', isStatus),
    ask('nodes', 'nodes', listOf(isNode)),
    ask('queues', 'queues', listOf(isQueue)),
    ask('doctor', 'doctor', isDoctor),
    ask(`operations?open=true&limit=${OPEN_OPERATIONS}`, 'operations', listOf(isOperation)),
    client === null ? null : part('shards', shards),
  ])
  const reports = await Promise.all((nodes ?? []).map(node => reportOf(node)))

  function reportOf({ id }: NodeBody): Promise<NodeReport | null> {
    return ask(`nodes/${encodeURIComponent(id)}/report`, 'report', isReport)
  }

  const { nodes: _, ...figures } = status ?? { nodes: [] }
  const cluster = { made: new Date(atMs).toISOString(), cli: { version, engine }, status: figures, versions: versionsOf(nodes ?? []) }
  const documents = Object.entries({ cluster, nodes, shards: owners, queues, doctor, operations }).flatMap(([name, value]) =>
    value === null ? [] : [textFile(`${name}.json`, json(value))],
  )
  return [
    textFile('README.txt', README),
    ...documents,
    ...reports.flatMap(report => (report === null ? [] : filesOf(report))),
    ...logFiles.map(({ name, text }) => textFile(`files/${name}`, text)),
    ...(missing.length === 0 ? [] : [textFile('missing.txt', `${missing.join('\n')}\n`)]),
  ]
}

const textFile = (path: string, text: string): TarFile => ({ path: `baton-debug/${path}`, bytes: Buffer.from(text) })
const json = (value: unknown): string => `${JSON.stringify(redact(value), null, 2)}\n`

const versionsOf = (nodes: readonly NodeBody[]): Record<string, string> =>
  Object.fromEntries(nodes.map(n => [n.id, `${n.version} on Node ${n.node}`]))

function filesOf({ node, config, metrics, logs, ...about }: NodeReport): TarFile[] {
  const folder = `nodes/${isSafe(node) ? node : Buffer.from(node).toString('hex').slice(0, 64)}`
  return [
    textFile(`${folder}/about.json`, json({ node, ...about })),
    textFile(`${folder}/config.json`, json(config)),
    textFile(`${folder}/metrics.txt`, metrics),
    textFile(`${folder}/log.txt`, logs.map(line => `${redactText(logLine(line))}\n`).join('')),
  ]
}
