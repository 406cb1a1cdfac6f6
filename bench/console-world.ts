/** What the benchmark of the console stands on: a real gateway as a process, a conductor to follow, and clients without ceremony. */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'ws'
import type { NodeMessage } from '../supervisors/node-process.ts'
import type { Answer, Changes, Order, Paid } from './console-conductor.ts'

const BATON = fileURLToPath(new URL('../bin/baton', import.meta.url))
const CONDUCTOR = fileURLToPath(new URL('console-conductor.ts', import.meta.url))

const READY_MS = 20_000
/** Clients that connect at the same time: what is measured is not their coming. */
const CONNECTING = 50

export interface Conductor {
  readonly endpoint: string
  /** Resolves when the last is committed, with the number of events behind each row, in order. */
  change(changes: Changes): Promise<readonly string[]>
  paid(): Promise<Paid>
  stop(): void
}

export interface Gateway {
  readonly pid: number
  /** `ws://…/console` */
  readonly url: string
  readonly port: number
  kill(): Promise<void>
}

/** Resolves with the first message that `test` takes. Rejects when the child ends before. */
export function heard<T>(child: ChildProcess, test: (message: T) => boolean, boundMs = READY_MS): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => end(new Error(`a child of the benchmark said nothing for ${boundMs} ms`)), boundMs)
    const message = (said: T): void => {
      if (test(said)) end(said)
    }
    const exit = (code: number | null): void => end(new Error(`a child of the benchmark ended with ${code}`))
    function end(what: T | Error): void {
      clearTimeout(timer)
      child.off('message', message).off('exit', exit)
      if (what instanceof Error) reject(what)
      else resolve(what)
    }
    child.on('message', message).on('exit', exit)
  })
}

export async function startConductor(): Promise<Conductor> {
  const child = fork(CONDUCTOR)
  const said = async <S extends Answer['said']>(kind: S, boundMs?: number): Promise<Extract<Answer, { said: S }>> => {
    const answer = await heard<Answer>(child, a => a.said === kind, boundMs)
    return answer as Extract<Answer, { said: S }>
  }
  const order = (what: Order): void => void child.send(what)
  const { endpoint } = await said('ready')
  return {
    endpoint,
    async change(changes) {
      const done = said('changed', (changes.seconds + 60) * 1000)
      order({ do: 'change', changes })
      return (await done).last
    },
    async paid() {
      const done = said('paid')
      order({ do: 'pay' })
      return (await done).paid
    },
    stop: () => child.disconnect(),
  }
}

/** As its users start it. */
export async function startGateway(conductor: string, port = 0): Promise<Gateway> {
  const env = { ...process.env, BATON_AUTH_MODE: 'none', BATON_LOG_LEVEL: 'error' }
  const args = ['gateway', '--id', 'gateway-1', '--join', conductor, '--port', String(port)]
  const child = spawn(BATON, args, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const ready = await heard<NodeMessage>(child, () => true)
  if (ready.type === 'failed') throw new Error(ready.fault.message)
  const { port: at, host } = new URL(ready.endpoint)
  return {
    pid: child.pid ?? 0,
    url: `ws://${host}/console`,
    port: Number(at),
    async kill() {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Processor time of a process so far, ms. */
export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** Memory of a process, MB. */
export function memoryMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024
}

export interface Client {
  readonly socket: WebSocket
  /** Messages after the snapshot, and their characters. */
  told: number
  chars: number
  /** From a commit to this process, ms; of the first row of each message. */
  readonly latencies: number[]
  /** The newest number of events seen of each row. */
  readonly revs: Map<string, number>
  /** Whether rows are looked at one by one, which costs this process more. */
  isClose: boolean
}

const STAMP = '"updatedAt":'

function take(client: Client, text: string): void {
  if (client.isClose && text.includes('"set"')) {
    const { set = [] }: { set?: { id: string; rev: number }[] } = JSON.parse(text)
    for (const { id, rev } of set) client.revs.set(id, Math.max(rev, client.revs.get(id) ?? 0))
  }
  if (!text.startsWith('{"type":"delta"')) return
  client.told++
  client.chars += text.length
  const at = text.indexOf(STAMP)
  if (at >= 0) client.latencies.push(performance.timeOrigin + performance.now() - Number.parseFloat(text.slice(at + STAMP.length, at + 40)))
}

/** Resolves when it has been told the first time. `subscribe` is null for the bare server. */
async function connect(url: string, subscribe: object | null): Promise<Client> {
  const socket = new WebSocket(url, 'baton.console.v1', { perMessageDeflate: false })
  const client: Client = { socket, told: 0, chars: 0, latencies: [], revs: new Map(), isClose: false }
  const begun = new Promise<void>((resolve, reject) => {
    socket.on('message', data => {
      const text = String(data)
      take(client, text)
      if (text.startsWith('{"type":"snapshot"') && text.includes('"more":false')) resolve()
    })
    socket.once('open', () => {
      if (subscribe) socket.send(JSON.stringify({ type: 'subscribe', id: '1', ...subscribe }))
      else resolve()
    })
    socket.once('error', reject)
  })
  await begun
  return client
}

/** `subscribe` by the client's number. */
export async function connectAll(url: string, count: number, subscribe: ((i: number) => object) | null): Promise<Client[]> {
  const clients: Client[] = []
  for (let from = 0; from < count; from += CONNECTING) {
    const some = Array.from({ length: Math.min(CONNECTING, count - from) }, (_, i) => connect(url, subscribe ? subscribe(from + i) : null))
    clients.push(...(await Promise.all(some)))
  }
  return clients
}

export function hangUp(clients: readonly Client[]): void {
  for (const { socket } of clients) socket.terminate()
}
