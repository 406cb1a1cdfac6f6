/**
 * A cluster of real processes for a test: `baton up` as a child, asked over HTTP as any client would, and always ended with
 * everything it started. Waits are looks at a condition, with a bound and a message that says what was waited for.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { HostBody, NodeBody, OperationBody } from '../../actors/api.ts'
import { descendantsOf, environmentOf, isAlive, kill, signal, workingFolderOf } from './kill.ts'

export const BATON = fileURLToPath(new URL('../../bin/baton', import.meta.url))
export const SERVERS = '/compute/v2.1/servers'
/** Where code failed, in plain text or within JSON: what no refusal may show. */
export const STACK = /\n\s+at |\\n\s+at |node:internal|\.[jt]s:\d+/
export const FAKE_IMAGE = '00000000-0000-4000-8000-0000000000fa'

/** Nobody is asked who they are: most tests are not about that, and a password costs a tenth of a second of CPU. */
const ENV = { ...process.env, NO_COLOR: '1', BATON_AUTH_MODE: 'none' }
const READY_MS = 90_000
const STOP_MS = 40_000
const LOOK_MS = 50
/** One request may take this long before it is tried again. */
const REQUEST_MS = 35_000
const RETRY_MS = 120_000

/** Looks again and again until `look` gives something. Throws after `boundMs`, saying what was waited for and what was last seen. */
export async function until<T>(
  what: string,
  boundMs: number,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  everyMs = LOOK_MS,
): Promise<T> {
  const begun = performance.now()
  let fault = ''
  for (;;) {
    try {
      const seen = await look()
      if (seen !== undefined && seen !== false) return seen
    } catch (error) {
      fault = `; last: ${error instanceof Error ? error.message : error}`
    }
    if (performance.now() - begun > boundMs) throw new Error(`${what}: not within ${boundMs / 1000} s${fault}`)
    await delay(everyMs)
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever JSON came back
  readonly body: any
}

/** For whoever still asks when the test is over. */
const NOBODY: Answer = { status: 0, headers: new Headers(), text: 'the cluster was stopped', body: null }

/** One request, as it is answered. Rejects when the connection fails or nobody answers. */
export async function ask(url: string, method = 'GET', body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const payload = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }
  const type = body === undefined ? {} : { 'content-type': 'application/json' }
  const reply = await fetch(url, { method, ...payload, headers: { ...type, ...headers }, signal: AbortSignal.timeout(REQUEST_MS) })
  const text = await reply.text()
  const json = /json/.test(reply.headers.get('content-type') ?? '') && text !== ''
  return { status: reply.status, headers: reply.headers, text, body: json ? JSON.parse(text) : null }
}

/** What came of a command that has ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly boundMs?: number
  /** Put before the command, as by `layCable`. */
  readonly inside?: readonly string[]
}

/** Runs `baton` with these arguments to its end. */
export async function baton(args: readonly string[], { env = {}, cwd, boundMs = 60_000 }: RunOptions = {}): Promise<Ended> {
  const child = spawn(BATON, args, {
    env: { ...ENV, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', data => {
    stdout += data
  })
  child.stderr.on('data', data => {
    stderr += data
  })
  const late = setTimeout(() => child.kill('SIGKILL'), boundMs)
  // `exit` and not `close`: a detached child may hold the pipes.
  const [code, name]: [number | null, string | null] = await exitOf(child)
  clearTimeout(late)
  child.stdout.destroy()
  child.stderr.destroy()
  return { code, signal: name, stdout, stderr }
}

async function exitOf(child: ChildProcess): Promise<[number | null, string | null]> {
  const [code, name] = await once(child, 'exit')
  await delay(20) // what it wrote last is still in the pipe
  return [typeof code === 'number' ? code : null, typeof name === 'string' ? name : null]
}

/** A `baton` that goes on: a node or `up`. */
export interface Started {
  readonly pid: number
  output(): string
  /** Resolves when the output has this text; rejects with the output when the process ends first, or after a bound. */
  said(text: string | RegExp, boundMs?: number): Promise<void>
  exited(boundMs?: number): Promise<{ code: number | null; signal: string | null }>
  /** SIGTERM, and SIGKILL to it and all it started if it is still there after a bound. */
  stop(name?: NodeJS.Signals): Promise<void>
}

export function startBaton(args: readonly string[], { env = {}, cwd, inside = [] }: RunOptions = {}): Started {
  const [program = BATON, ...words] = [...inside, BATON, ...args]
  const child = spawn(program, words, {
    env: { ...ENV, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', data => {
      output += data
    })
  }
  const pid = child.pid ?? 0
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  const started: Started = {
    pid,
    output: () => output,
    async said(text, boundMs = READY_MS) {
      const there = () => (typeof text === 'string' ? output.includes(text) : text.test(output))
      await until(`"${text}" in the output of baton ${args.join(' ')}`, boundMs, () => there() || hasEnded()).catch(error => {
        throw new Error(`${error.message}\n${output}`)
      })
      if (!there()) throw new Error(`baton ${args.join(' ')} ended before it said "${text}":\n${output}`)
    },
    async exited(boundMs = STOP_MS) {
      await until(`the end of baton ${args.join(' ')}`, boundMs, hasEnded)
      return { code: child.exitCode, signal: child.signalCode }
    },
    async stop(name = 'SIGTERM') {
      const family = [pid, ...descendantsOf(pid).map(p => p.pid)]
      signal(pid, 'SIGCONT')
      if (!hasEnded()) signal(pid, name)
      await started.exited().catch(() => {})
      for (const member of family) if (isAlive(member) && (member === pid || workingFolderOf(member) !== '')) kill(member)
    },
  }
  return started
}

export interface NodeProcess {
  readonly id: string
  readonly role: string
  readonly pid: number
}

export interface LogLine {
  readonly time: string
  readonly msg: string
  readonly [field: string]: unknown
}

export interface TestCluster {
  readonly folder: string
  readonly endpoint: string
  readonly up: Started
  /** One request, tried again on a failed connection and on 503 until it is answered otherwise. */
  request(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  /** The node processes that run now, by what the kernel says. */
  processes(role?: 'conductor' | 'compute' | 'gateway'): NodeProcess[]
  nodes(): Promise<NodeBody[]>
  hosts(): Promise<HostBody[]>
  openOperations(): Promise<OperationBody[]>
  /** Resolves when every node that `up` started is up, and every conductor has shards. */
  whole(boundMs?: number): Promise<NodeBody[]>
  /** The embedded server's main process. */
  postmaster(): number
  /** Holds the password. */
  databaseUrl(): string
  log(node: string): Promise<LogLine[]>
  baton(args: readonly string[]): Promise<Ended>
  stop(): Promise<void>
}

/** Which processes are its nodes: whatever is told of them stays the same as long as none of them has died. */
export const nodesAndPids = (cluster: TestCluster): string[] =>
  cluster
    .processes()
    .map(p => `${p.id} ${p.pid}`)
    .toSorted()

export interface ClusterOptions {
  readonly args?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** Its data folder; a new one under the temporary folder when it is left out, removed in the end. */
  readonly folder?: string
}

export const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'baton-cluster-'))

/** `baton up` on a free port with the fake driver, unless `args` say otherwise; resolves when it is ready. */
export async function startCluster({ args = [], env = {}, folder: given }: ClusterOptions = {}): Promise<TestCluster> {
  const folder = given ?? (await newFolder())
  const driver = args.includes('--driver') ? [] : ['--driver', 'fake']
  const begun = performance.now()
  const up = startBaton(['up', '--data', folder, '--port', '0', ...driver, ...args], { env })
  try {
    await up.said('Baton is ready')
  } catch (error) {
    await up.stop()
    throw error
  }
  console.log(`cluster ready after ${((performance.now() - begun) / 1000).toFixed(1)} s`)
  const file: unknown = JSON.parse(await readFile(join(folder, 'cluster.json'), 'utf8'))
  const endpoint = typeof file === 'object' && file !== null && 'endpoint' in file ? String(file.endpoint) : ''
  let expected = 0
  let stopped = false

  const processes: TestCluster['processes'] = role =>
    descendantsOf(up.pid).flatMap(({ pid, command }) => {
      const at = command.findIndex(part => part === 'conductor' || part === 'compute' || part === 'gateway')
      const id = command[command.indexOf('--id') + 1]
      const own = command[at]
      return at < 0 || id === undefined || own === undefined || (role !== undefined && own !== role) ? [] : [{ pid, id, role: own }]
    })

  const cluster: TestCluster = {
    folder,
    endpoint,
    up,
    processes,
    async request(method, path, body, headers) {
      return until(`an answer to ${method} ${path}`, RETRY_MS, async () => {
        if (stopped) return NOBODY
        const answer = await ask(`${endpoint}${path}`, method, body, headers)
        if (answer.status === 503) throw new Error(answer.text)
        return answer
      })
    },
    nodes: async () => (await cluster.request('GET', '/baton/v1/nodes')).body.nodes,
    hosts: async () => (await cluster.request('GET', '/baton/v1/hosts')).body.hosts,
    openOperations: async () => (await cluster.request('GET', '/baton/v1/operations?open=true')).body.operations,
    whole: (boundMs = 60_000) =>
      until('every node up', boundMs, async () => {
        const nodes = await cluster.nodes()
        const running = processes()
        const upNow = nodes.filter(
          n => n.state === 'up' && running.some(p => p.id === n.id && p.pid === n.pid) && (n.role !== 'conductor' || n.shards > 0),
        )
        return upNow.length >= expected && nodes
      }),
    postmaster: () => descendantsOf(up.pid).find(p => p.parent === up.pid && p.command[0]?.endsWith('postgres'))?.pid ?? 0,
    databaseUrl() {
      const [conductor] = processes('conductor')
      const url = conductor && environmentOf(conductor.pid, 'BATON_DATABASE_URL')
      if (!url) throw new Error('no conductor runs that knows the database')
      return url
    },
    log: node => readLog(join(folder, 'logs', `${node}.log`)),
    baton: more => baton([...more, '--endpoint', endpoint]),
    async stop() {
      stopped = true
      await up.stop('SIGINT')
      if (given === undefined) await rm(folder, { recursive: true, force: true })
    },
  }
  expected = processes().length
  return cluster
}

/** A cluster for the time of `body`. */
export async function withCluster(options: ClusterOptions, body: (cluster: TestCluster) => Promise<void>): Promise<void> {
  const cluster = await startCluster(options)
  try {
    await telling(cluster, () => body(cluster))
  } finally {
    await cluster.stop()
  }
}

/** When `body` fails, the last words of every node are printed. */
export async function telling(cluster: TestCluster, body: () => Promise<void>): Promise<void> {
  try {
    await body()
  } catch (error) {
    console.log(`${error}\n${await lastWords(cluster)}`)
    throw error
  }
}

async function lastWords({ folder, up }: TestCluster): Promise<string> {
  const files = await readdir(join(folder, 'logs'))
  const parts = files.map(async file => `--- ${file}\n${(await readFile(join(folder, 'logs', file), 'utf8')).split('\n').slice(-8).join('\n')}`)
  return [`--- up\n${up.output().split('\n').slice(-40).join('\n')}`, ...(await Promise.all(parts))].join('\n')
}

async function readLog(file: string): Promise<LogLine[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text.split('\n').flatMap(line => {
    try {
      const parsed: LogLine = JSON.parse(line)
      return [parsed]
    } catch {
      return [] // half a line of a killed process, or a runtime's own words
    }
  })
}
