/**
 * What chaos is made on: a cluster of real processes over a real PostgreSQL, in a data folder of its own, and, where this machine
 * allows it, with each node in a network of its own. Everything here is started by this process and ends with it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ConfigKey, loadConfig } from '../../supervisors/config/config.ts'
import { environmentName } from '../../supervisors/config/config-table.ts'
import { type LocalCluster, startLocalCluster } from '../../supervisors/local-cluster.ts'
import { keepDatabase, type StageDatabase } from './database.ts'
import { signal } from './faults/fault.ts'
import { createNetwork, type Network, sweepNetworks, whyNoNetwork } from './network.ts'

const SCRIPT = fileURLToPath(new URL('../baton.ts', import.meta.url))

/** So short that hosts are lost within a run: silent for the lease, a fifth of it and 2 s. */
const TERMS = {
  'heartbeat.intervalMs': 500,
  'heartbeat.suspectMs': 1500,
  'heartbeat.downMs': 4000,
  'ha.leaseMs': 8000,
  'reconcile.auditMs': 5000,
} as const satisfies { readonly [K in ConfigKey]?: number }

export type Role = ReturnType<LocalCluster['nodes']>[number]['role']

export interface Stage {
  readonly folder: string
  readonly endpoint: string
  /** Null where the nodes share the machine's own. */
  readonly network: Network | null
  readonly database: StageDatabase
  nodes(role?: Role): ReturnType<LocalCluster['nodes']>
  /** The port at which a conductor listens for other nodes. */
  portOf(conductor: string): number
  /** Everything that is not the database's stays after `close`; answers where. */
  keep(): string
  close(): Promise<void>
}

export interface StageOptions {
  readonly conductors: number
  readonly computes: number
  /** Time the fake driver takes for each command, ms: long enough that a fault finds work in flight. */
  readonly latencyMs: number
  say(line: string): void
}

export async function setStage({ conductors, computes, latencyMs, say }: StageOptions): Promise<Stage> {
  const missing = await whyNoNetwork()
  if (missing !== null) say(`no partitions: ${missing}`)
  else await sweepNetworks()
  const folder = await mkdtemp(join(tmpdir(), 'baton-chaos-'))
  // The user who runs PostgreSQL in place of root passes through.
  await chmod(folder, 0o711)
  const names = [...numbered('conductor', conductors), ...numbered('compute', computes)]
  let kept = false
  const opened: (() => Promise<void>)[] = [
    async () => {
      if (!kept) await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  ]
  const close = async () => {
    for (const undo of opened.reverse().splice(0)) await undo()
  }
  try {
    const network = missing === null ? await createNetwork(names) : null
    if (network) opened.push(() => network.close())
    const database = await keepDatabase(folder, network?.address ?? '127.0.0.1', say)
    opened.push(() => database.close())
    const data = join(folder, 'data')
    await mkdir(data, { mode: 0o700 })
    const flags = {
      'cluster.conductors': String(conductors),
      'cluster.computes': String(computes),
      'data.folder': data,
      'database.url': database.url,
      'driver.name': 'fake',
      'http.port': '0',
      'auth.mode': 'none',
    }
    // Nodes have them from their environment.
    const terms = { 'driver.fake.latencyMs': latencyMs, ...TERMS }
    for (const [key, value] of Object.entries(terms)) process.env[environmentName(key)] = String(value)
    const cluster = await startLocalCluster({
      config: loadConfig({ file: undefined, env: process.env, flags }),
      script: SCRIPT,
      ...(network ? { place: id => network.places.get(id) ?? { address: network.address, wrap: [] } } : {}),
      startDatabase: () => Promise.reject(new Error('the stage keeps the database')),
      lockFolder: async () => async () => {},
      say,
    })
    opened.push(async () => {
      await cluster.stop()
      endWatchdogs(data)
    })
    const nodes: Stage['nodes'] = role => cluster.nodes().filter(n => role === undefined || n.role === role)
    const portOf = (conductor: string): number => Number(cluster.file.conductors[Number(conductor.split('-').at(-1)) - 1]?.split(':').at(-1))
    const keep = (): string => {
      kept = true
      return data
    }
    return { folder: data, endpoint: cluster.endpoint, network, database, nodes, portOf, keep, close }
  } catch (error) {
    await close()
    throw error
  }
}

const numbered = (name: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${name}-${i + 1}`)

/** Watchdogs outlive their agents on purpose; those of this stage have nothing left to watch. */
function endWatchdogs(data: string): void {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    const command = readCommand(Number(entry))
    if (command.some(part => part.endsWith('watchdog/main.ts')) && command.some(part => part.includes(data))) signal(Number(entry), 'SIGKILL')
  }
}

function readCommand(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return [] // it has ended
  }
}
