/**
 * What chaos is made on: a cluster of real processes over a real PostgreSQL, in a data folder of its own, and, where this machine
 * allows it, with each node in a network of its own. Everything here is started by this process and ends with it.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Embedded, startEmbedded } from '../../persistence/embedded.ts'
import { parseDatabaseUrl } from '../../persistence/hosts.ts'
import { loadConfig } from '../../supervisors/config.ts'
import { type LocalCluster, startLocalCluster } from '../../supervisors/local-cluster.ts'
import { createFront, type Front } from './front.ts'
import { createNetwork, type Network, sweepNetworks, whyNoNetwork } from './network.ts'

const SCRIPT = fileURLToPath(new URL('../baton.ts', import.meta.url))
const RESTART_DATABASE_MS = 300

export type Role = ReturnType<LocalCluster['nodes']>[number]['role']

export interface Stage {
  readonly folder: string
  readonly endpoint: string
  /** Null where the nodes share the machine's own. */
  readonly network: Network | null
  readonly database: StageDatabase
  nodes(role?: Role): ReturnType<LocalCluster['nodes']>
  close(): Promise<void>
}

export interface StageDatabase {
  /** Port of its front, as the switch sees it. */
  readonly port: number
  readonly front: Pick<Front, 'setAway' | 'setDelay'>
  /** Of the server's main process; 0 while it is being started again. */
  pid(): number
  /** In order, and again after so long. */
  restart(downMs: number): Promise<void>
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
  const names = [...numbered('conductor', conductors), ...numbered('compute', computes)]
  const opened: (() => Promise<void>)[] = [() => rm(folder, { recursive: true, force: true, maxRetries: 5 })]
  const close = async () => {
    for (const undo of opened.reverse().splice(0)) await undo()
  }
  try {
    const network = missing === null ? await createNetwork(names) : null
    if (network) opened.push(() => network.close())
    const database = await keepDatabase(join(folder, 'database'), network?.address ?? '127.0.0.1', say)
    opened.push(() => database.close())
    const data = join(folder, 'data')
    await mkdir(data, { mode: 0o700 })
    const flags = {
      'cluster.conductors': String(conductors),
      'cluster.computes': String(computes),
      'data.folder': data,
      'database.url': database.url,
      'driver.name': 'fake',
      'driver.fake.latencyMs': String(latencyMs),
      'http.port': '0',
    }
    process.env.BATON_DRIVER_FAKE_LATENCY_MS = String(latencyMs)
    const cluster = await startLocalCluster({
      config: loadConfig({ file: undefined, env: process.env, flags }),
      script: SCRIPT,
      ...(network ? { place: id => network.places.get(id) ?? { address: network.address, wrap: [] } } : {}),
      startDatabase: () => Promise.reject(new Error('the stage keeps the database')),
      lockFolder: async () => async () => {},
      say,
    })
    opened.push(() => cluster.stop())
    const nodes: Stage['nodes'] = role => cluster.nodes().filter(n => role === undefined || n.role === role)
    return { folder: data, endpoint: cluster.endpoint, network, database, nodes, close }
  } catch (error) {
    await close()
    throw error
  }
}

const numbered = (name: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${name}-${i + 1}`)

/** A server that is started again whenever it ends, behind a front that stays where it is. */
async function keepDatabase(folder: string, address: string, say: (line: string) => void) {
  let server: Embedded | null = null
  let closing = false
  let paused = false

  async function start(): Promise<void> {
    server = await startEmbedded({
      dataDir: folder,
      onExit: () => {
        server = null
        again()
      },
    })
  }

  function again(): void {
    if (closing || paused) return
    setTimeout(() => {
      start().catch(error => {
        say(`database could not be started: ${error instanceof Error ? error.message : error}`)
        again()
      })
    }, RESTART_DATABASE_MS)
  }

  const target = () => parseDatabaseUrl(server?.url ?? first.url)
  await start()
  const first = { url: (server as Embedded | null)?.url ?? '' }
  const front = await createFront(address, () => join(target().hosts[0]?.host ?? '', '.s.PGSQL.5432'))
  const { user, password, database } = target()
  return {
    url: `postgres://${user}:${password}@${address}:${front.port}/${database}`,
    port: front.port,
    front,
    pid: () => server?.pid ?? 0,
    async restart(downMs: number) {
      paused = true
      await server?.stop()
      server = null
      await new Promise(resolve => setTimeout(resolve, downMs))
      paused = false
      again()
    },
    async close() {
      closing = true
      await front.close()
      await server?.stop()
    },
  }
}
