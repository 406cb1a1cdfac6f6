/**
 * Agents in guests, both sides in this process over real Unix sockets: what fifty of them cost, and how fast a backup comes out of one. The
 * references are the same sockets without a contract: lines that nobody reads, and bytes that nobody asks for.
 */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type AgentService, createAgent } from '../actors/guest/agent/agent.ts'
import { createGuests } from '../actors/guest/guests.ts'
import { createTransfers } from '../actors/guest/transfers.ts'
import { listenForAgent } from '../actors/hypervisor/drivers/process/agent-channel.ts'
import { realEnv } from '../supervisors/real-env.ts'
import { type BenchResult, result } from './result.ts'

const AGENTS = 50
const BEATS_MS = 100
const RUN_MS = 4000
const BACKUP_BYTES = 32 * 1024 ** 2

const id = (n: number): string => `${String(n).padStart(8, '0')}-0000-4000-8000-000000000000`

/** Its backup is the same bytes each time, from memory. */
function serviceOf(bytes: Uint8Array): AgentService {
  const checksum = createHash('sha512').update(bytes).digest('hex')
  const made = { sizeBytes: bytes.length, checksum, location: 'memory', remove: async () => {} }
  const read = async (offset: number, length: number): Promise<Uint8Array> => bytes.subarray(offset, offset + length)
  return {
    name: 'bench',
    methods: {},
    backups: { kinds: ['full'], make: async () => ({ ...made, read }), receive: async () => {}, apply: async () => {} },
  }
}

function startAgent(path: string, instance: string, service: AgentService): () => void {
  const socket = connect(path)
  const setTimer = (ms: number, fn: () => void) => {
    const timer = setTimeout(fn, ms)
    return { cancel: () => clearTimeout(timer) }
  }
  const agent = createAgent({ instance, boot: 'b1', program: 'bench/1', service, send: line => void socket.write(line), setTimer })
  socket.on('data', agent.take)
  agent.status('ACTIVE')
  return () => {
    agent.stop()
    socket.destroy()
  }
}

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

export async function bench(): Promise<BenchResult[]> {
  const folder = await mkdtemp(join(tmpdir(), 'baton-bench-agents-'))
  const env = realEnv('bench', 'error')
  const path = (instance: string): string => join(folder, instance.slice(0, 8))
  const channels = { open: (instance: string, listener: Parameters<typeof listenForAgent>[1]) => listenForAgent(path(instance), listener) }
  const guests = createGuests({ env, channels, life: 1, settings: { heartbeatMs: BEATS_MS, silentMs: 5000 }, report: async () => null })
  const service = serviceOf(randomBytes(BACKUP_BYTES))
  const all = Array.from({ length: AGENTS }, (_, n) => ({ instance: id(n), power: 'running' as const, order: 1, agent: true }))
  try {
    guests.tend(all)
    await delay(200)
    const agents = all.map(({ instance }) => startAgent(path(instance), instance, service))
    await Promise.all(all.map(({ instance }) => guests.ready(instance, 10_000)))
    const [heardBefore, cpuBefore] = [guests.stats().heartbeats, cpuMs()]
    await delay(RUN_MS)
    const beats = guests.stats().heartbeats - heardBefore
    const perBeat = ((cpuMs() - cpuBefore) * 1000) / beats

    const transfers = createTransfers(env, guests, undefined)
    const request = { instance: id(0), backup: 'b1', kind: 'full', parent: null } as const
    const begun = performance.now()
    const made = await transfers.open(request)
    for await (const _ of made.read(0));
    const mbPerS = BACKUP_BYTES / 1024 ** 2 / ((performance.now() - begun) / 1000)
    for (const stop of agents) stop()
    return [
      result(`CPU of both sides per heartbeat, ${AGENTS} agents, reference bare lines`, perBeat, 'us', await bareLines(folder, beats)),
      result('backup out of a guest, reference the socket alone', mbPerS, 'MB/s', await bareBytes(folder)),
    ]
  } finally {
    guests.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** A socket, its other end, and an end to both. */
async function pair(folder: string): Promise<{ near: Socket; far: Socket; close(): void }> {
  const server = createServer()
  const file = join(folder, 'bare')
  await rm(file, { force: true })
  await new Promise<void>(resolve => server.listen(file, resolve))
  const accepted = new Promise<Socket>(resolve => server.once('connection', resolve))
  const near = connect(file)
  const far = await accepted
  return { near, far, close: () => [near, far, server].map(each => ('destroy' in each ? each.destroy() : each.close())) }
}

/** As many lines at the same pace, each way of one socket. */
async function bareLines(folder: string, lines: number): Promise<number> {
  const { near, far, close } = await pair(folder)
  let heard = 0
  far.on('data', () => heard++)
  const before = cpuMs()
  const every = setInterval(() => {
    for (let i = 0; i < AGENTS; i++) setImmediate(() => near.write('{"type":"heartbeat","seq":1,"status":"ACTIVE","message":null}\n'))
  }, BEATS_MS)
  await delay((lines / AGENTS) * BEATS_MS)
  clearInterval(every)
  const used = cpuMs() - before
  close()
  return (used * 1000) / lines
}

async function bareBytes(folder: string): Promise<number> {
  const { near, far, close } = await pair(folder)
  const begun = performance.now()
  near.end(Buffer.alloc(BACKUP_BYTES))
  for await (const _ of far);
  const mbPerS = BACKUP_BYTES / 1024 ** 2 / ((performance.now() - begun) / 1000)
  close()
  return mbPerS
}
