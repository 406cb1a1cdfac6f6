/**
 * `baton up`: a whole cluster on one machine. It starts the database and the nodes, starts again what dies, and stops all in
 * order. Nodes notice when it is gone and drain, so a killed supervisor leaves nothing behind but guests and data.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { BatonError, toError } from '../actors/kernel/errors.ts'
import type { Embedded } from '../persistence/embedded.ts'
import { type Child, type ChildSpec, keepAlive } from './child.ts'
import type { Config } from './config/config.ts'
import { prepareCredentials } from './identity/clouds.ts'
import { freePort, portIsFree } from './ports.ts'

/** What `cluster.json` in the data folder says; mode 0600. */
export interface ClusterFile {
  readonly endpoint: string
  readonly pid: number
  readonly conductors: readonly string[]
}

/** A part of this machine with a network of its own. */
export interface Place {
  /** IPv4 address on which other nodes reach what listens there. */
  readonly address: string
  /** The command that runs another one there, such as `ip netns exec NAME`; it must become that command. */
  readonly wrap: readonly string[]
}

const HERE: Place = { address: '127.0.0.1', wrap: [] }

export interface LocalClusterOptions {
  readonly config: Config
  /** The script that runs one node, `bin/baton.ts`. */
  readonly script: string
  /** Passed on to the nodes. */
  readonly configFile?: string
  /** Starts the embedded database; not called when the configuration names one. */
  startDatabase(onExit: (how: { code: number | null; signal: string | null }) => void): Promise<Embedded>
  /** Where a node runs, when it is not simply here. */
  readonly place?: (id: string) => Place
  /** Takes the data folder for this process when there is no embedded database to do it. */
  lockFolder(): Promise<() => Promise<void>>
  say(line: string): void
  /** Shows a secret to a person; left out where what is said ends in a file. */
  sayInPrivate?(line: string): void
}

export interface LocalCluster {
  readonly endpoint: string
  readonly file: ClusterFile
  /** The nodes, each with its process of now; 0 while it is being started again. */
  nodes(): { readonly id: string; readonly role: ChildSpec['role']; readonly pid: number }[]
  stop(): Promise<void>
}

const READY_MS = 60_000
/** A gateway keeps nothing, so a small young generation (MB) is enough, and its start takes some 25 MB less. `bin/baton` says the same. */
const GATEWAY_NODE_ARGS = ['--max-semi-space-size=2']
/** What a gateway needs beyond its drain until it has ended by itself. */
const STOP_MORE_MS = 10_000

export async function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  const { config, say } = options
  const folder = resolve(config.data.folder)
  if (!(await portIsFree(config.http.port))) {
    throw new BatonError('PortInUse', `port ${config.http.port} is in use by another process; choose another with --port, or --port 0 for any`)
  }
  const children: Child[] = []
  let database: Embedded | null = null
  let unlock: (() => Promise<void>) | null = null
  let stopping = false
  /** Until then cluster.json may be that of another cluster, which has the folder. */
  let announced = false

  async function keepDatabase(): Promise<void> {
    database = await options.startDatabase(({ code, signal }) => {
      database = null
      if (stopping) return
      say(`database ended (${signal ?? `code ${code}`}); starting it again`)
      restartDatabase(0)
    })
  }

  function restartDatabase(attempt: number): void {
    if (stopping) return
    keepDatabase().then(
      () => say('database is back'),
      error => {
        say(`database could not be started: ${error instanceof Error ? error.message : error}`)
        setTimeout(() => restartDatabase(attempt + 1), Math.min(5000, 200 * 2 ** attempt))
      },
    )
  }

  async function stop(): Promise<void> {
    stopping = true
    // The way a request goes, from the outside in: nobody is left waiting for somebody who has gone.
    await Promise.all(children.filter(c => c.spec.role === 'gateway').map(c => c.stop('SIGTERM')))
    await Promise.all(children.filter(c => c.spec.role === 'compute').map(c => c.stop('SIGTERM')))
    await Promise.all(children.filter(c => c.spec.role === 'conductor').map(c => c.stop('shutdown')))
    await database?.stop()
    await unlock?.()
    if (announced) await rm(join(folder, 'cluster.json'), { force: true })
  }

  try {
    let url = config.database.url
    if (url) unlock = await options.lockFolder()
    else {
      await keepDatabase()
      url = (database as Embedded | null)?.url ?? ''
      say('database      ready')
    }
    // Not before the folder is known to be ours and writable.
    await mkdir(join(folder, 'logs'), { recursive: true, mode: 0o700 })
    const seeds = await endpointsFor(folder, config.cluster.conductors, options.place)
    // Chosen once, so that a gateway that is started again is where clients knew it.
    const port = config.http.port === 0 ? await freePort(0, seeds.map(portOf)) : config.http.port
    const { certFile, caFile } = config.http.tls
    const reached = `${certFile === null ? 'http' : 'https'}://${reachable(config.http.host)}:${port}`
    const admin = config.auth.mode === 'token' ? await prepareCredentials(folder, reached, caFile) : null
    const door = config.agents.listen ?? (await doorFor(folder, [port, ...seeds.map(portOf)]))
    const specs = specsOf(options, folder, url, seeds, port, door, admin?.password)
    const endpoint = await startAll(specs)
    const file: ClusterFile = { endpoint, pid: process.pid, conductors: seeds }
    await writeAtomically(join(folder, 'cluster.json'), JSON.stringify(file, null, 2))
    announced = true
    if (admin) say(`admin         password in ${join(folder, 'clouds.yaml')} and ${join(folder, 'openrc')}`)
    if (admin?.isNew) options.sayInPrivate?.(`admin         password ${admin.password}`)
    const nodes: LocalCluster['nodes'] = () => children.map(c => ({ id: c.spec.id, role: c.spec.role, pid: c.pid() }))
    return { endpoint, file, nodes, stop }
  } catch (error) {
    await stop()
    throw error
  }

  /** Starts every node at once; resolves with the gateway's endpoint when all are ready. */
  async function startAll(specs: readonly ChildSpec[]): Promise<string> {
    let endpoint = ''
    const ready = specs.map(
      spec =>
        new Promise<void>((resolveReady, reject) => {
          let first = true
          const late = setTimeout(
            () => reject(new BatonError('Unavailable', `${spec.id} was not ready within ${READY_MS / 1000} s; see ${spec.logFile}`)),
            READY_MS,
          )
          const child = keepAlive(spec, {
            script: options.script,
            onReady(at, note) {
              if (spec.role === 'gateway') endpoint = at
              if (!first) return say(`${spec.id.padEnd(13)} is back (pid ${child.pid()})`)
              first = false
              clearTimeout(late)
              say(`${spec.id.padEnd(13)} ready${note ? `, ${note}` : ''}`)
              resolveReady()
            },
            onFailed(fault) {
              // Another try may find the port free; nothing else mends itself while a person waits at the terminal.
              if (first && fault.code !== 'PortInUse') reject(toError(fault))
            },
            onExit({ code, signal }) {
              if (!stopping) say(`${spec.id.padEnd(13)} ended (${signal ?? `code ${code}`}); starting it again`)
            },
          })
          children.push(child)
        }),
    )
    await Promise.all(ready)
    return endpoint
  }
}

/** Secrets that no other node is given. */
const ONLY_CONDUCTORS: ReadonlySet<string> = new Set([
  ...['BATON_DATABASE_URL', 'BATON_BOOTSTRAP_PASSWORD', 'BATON_ALERTS_WEBHOOK', 'BATON_ALERTS_SECRET'],
])

function specsOf(
  { config, configFile, place }: LocalClusterOptions,
  folder: string,
  url: string,
  seeds: readonly string[],
  port: number,
  door: string,
  adminPassword: string | undefined,
): ChildSpec[] {
  const common = configFile ? ['--config', configFile] : []
  const join_ = ['--join', seeds.join(',')]
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ONLY_CONDUCTORS.has(name)))
  const images = { BATON_IMAGES_FOLDER: config.images.folder ?? join(folder, 'images') }
  const { webhook, secret } = config.alerts
  const secrets = {
    ...images,
    BATON_DATABASE_URL: url,
    ...(adminPassword === undefined ? {} : { BATON_BOOTSTRAP_PASSWORD: adminPassword }),
    ...(webhook === null ? {} : { BATON_ALERTS_WEBHOOK: webhook }),
    ...(secret === null ? {} : { BATON_ALERTS_SECRET: secret }),
  }
  const spec = (id: string, role: ChildSpec['role'], args: readonly string[], more: NodeJS.ProcessEnv = {}): ChildSpec => ({
    id,
    role,
    args: [role, '--id', id, ...args, ...common],
    env: { ...env, BATON_AUTH_MODE: config.auth.mode, ...more },
    logFile: join(folder, 'logs', `${id}.log`),
    wrap: (place?.(id) ?? HERE).wrap,
  })
  return [
    // The URL holds a password: it goes by the environment, which only conductors get, and never into a process list.
    ...seeds.map((endpoint, i) => spec(`conductor-${i + 1}`, 'conductor', ['--listen', endpoint], secrets)),
    ...Array.from({ length: config.cluster.computes }, (_, i) =>
      spec(`compute-${i + 1}`, 'compute', [...join_, '--driver', config.driver.name, '--data', folder]),
    ),
    {
      ...spec('gateway-1', 'gateway', [...join_, '--port', String(port)], { BATON_AGENTS_LISTEN: door }),
      nodeArgs: GATEWAY_NODE_ARGS,
      stopMs: config.http.drainDelayMs + config.http.drainMs + STOP_MORE_MS,
    },
  ]
}

/** An address by which a client on this machine reaches what listens on `host`. */
const reachable = (host: string): string => (host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host)

/** Conductors keep their endpoints over a restart of the cluster where they can. */
async function endpointsFor(folder: string, count: number, place: LocalClusterOptions['place']): Promise<string[]> {
  const path = join(folder, 'endpoints.json')
  const known = await readFile(path, 'utf8')
    .then(text => JSON.parse(text) as unknown)
    .catch(() => [])
  const before = Array.isArray(known) ? known.filter((port): port is number => typeof port === 'number') : []
  const ports: number[] = []
  for (let i = 0; i < count; i++) ports.push(await freePort(before[i] ?? 0, ports))
  await writeAtomically(path, JSON.stringify(ports))
  return ports.map((port, i) => `tcp://${(place?.(`conductor-${i + 1}`) ?? HERE).address}:${port}`)
}

/** Where agents come in, over a restart of the cluster too where it can be: their key files name it. */
async function doorFor(folder: string, taken: readonly number[]): Promise<string> {
  const path = join(folder, 'agents-port')
  const before = Number(await readFile(path, 'utf8').catch(() => '0'))
  const port = await freePort(Number.isInteger(before) ? before : 0, taken)
  await writeAtomically(path, String(port))
  return `tcp://127.0.0.1:${port}`
}

const portOf = (endpoint: string): number => Number(endpoint.slice(endpoint.lastIndexOf(':') + 1))

async function writeAtomically(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 })
  await rename(`${path}.new`, path)
}
