/**
 * Agents in guests that are only records: the agent library itself over a channel in memory, with a service that keeps lines of text. How it
 * behaves the instance's own metadata says:
 *
 *     fake:agent=silent | dies | fails | flood | garbage | liar | replays    (default: it does its work)
 *     fake:agent_boot_ms=200       its service is BUILDING for so long
 *
 * Those that misbehave do what a broken or hostile guest might, so that tests and the simulator have some.
 */
import { createHash } from 'node:crypto'
import { type Agent, type AgentBackups, createAgent } from '../../guest/agent/agent.ts'
import type { FromGuest, GuestChannels, GuestListener, GuestPipe } from '../../guest/contract.ts'
import type { Env, Timer } from '../../kernel/env.ts'
import { BatonError } from '../../kernel/errors.ts'
import type { FakeGuest } from './records.ts'
import { noGuest } from './rules.ts'

/** How often one that misbehaves does so, ms; and how much of it at a time. */
const MISCHIEF_MS = 100
const MISCHIEF_LINES = 50
/** After so many heartbeats one that `dies` is not heard any more. */
const LAST_WORDS = 2

export function fakeAgents(env: Env, find: (instance: string) => Promise<FakeGuest | undefined>): GuestChannels {
  /** What the service of each guest keeps, as long as this driver lives. */
  const kept = new Map<string, string[]>()

  return {
    async open(instance, listener) {
      const guest = await find(instance)
      if (!guest) throw noGuest(instance)
      if (guest.power !== 'running') throw new BatonError('DriverFault', `guest ${instance} is ${guest.power}: nobody answers in it`)
      const lines = kept.get(instance) ?? []
      kept.set(instance, lines)
      return connect(env, guest, lines, listener)
    },
  }
}

function connect(env: Env, { spec: { instance, metadata } }: FakeGuest, lines: string[], listener: GuestListener): GuestPipe {
  const how = metadata['fake:agent'] ?? 'works'
  const bootMs = Number(metadata['fake:agent_boot_ms'] ?? 0)
  const timers = new Set<Timer>()
  let open = true
  let paused = false
  let beats = 0

  const later = (delayMs: number, fn: () => void): Timer => {
    const timer = env.setTimer(delayMs, () => {
      timers.delete(timer)
      if (open) fn()
    })
    timers.add(timer)
    return timer
  }

  const deliver = (line: string): void => void later(0, () => listener.bytes(new TextEncoder().encode(line)))

  function send(line: string): void {
    if (line.includes('"heartbeat"')) beats++
    if (how === 'silent' || (how === 'dies' && beats > LAST_WORDS)) return
    deliver(how === 'liar' ? line.replaceAll(instance, 'ffffffff-ffff-4fff-8fff-ffffffffffff') : line)
    // Again, and one of before.
    if (how === 'replays') for (const again of [line, line.replace(/"seq":\d+/, '"seq":0')]) deliver(again)
  }

  const agent: Agent = createAgent({
    ...{ instance, boot: env.uuid(), program: 'fake-agent/1', send, setTimer: later },
    service: {
      name: 'lines',
      methods: {
        freeze: { about: 'holds writes back', run: async () => ({}) },
        thaw: { about: 'lets them go on', run: async () => ({}) },
        write: { about: 'keeps a line of text', run: async ({ line }) => ({ lines: lines.push(String(line)) }) },
        read: { about: 'tells the lines that it keeps', run: async () => ({ lines: [...lines] }) },
        fail: { about: 'fails', run: async () => Promise.reject(new Error('it was told to')) },
      },
      backups: lineBackups(lines),
    },
  })
  agent.status('BUILDING')
  later(bootMs, () => agent.status(how === 'fails' ? 'FAILED' : 'ACTIVE', how === 'fails' ? 'it was told to' : undefined))

  function mischief(): void {
    const said = mischiefOf(how, env)
    if (said === null) return
    // What nobody reads cannot be written.
    for (let i = 0; i < MISCHIEF_LINES && !paused; i++) deliver(said(i))
    later(MISCHIEF_MS, mischief)
  }
  later(MISCHIEF_MS, mischief)

  return {
    write: async line => void later(0, () => agent.take(new TextEncoder().encode(line))),
    pause() {
      paused = true
    },
    resume() {
      paused = false
    },
    close() {
      open = false
      agent.stop()
      for (const timer of timers) timer.cancel()
      timers.clear()
    },
  }
}

function mischiefOf(how: string, env: Env): ((i: number) => string) | null {
  const line = (message: FromGuest): string => `${JSON.stringify(message)}\n`
  if (how === 'flood')
    return i => line({ type: 'heartbeat', seq: Math.round(env.monotonicMs()) * 100 + i, status: i % 2 === 0 ? 'ACTIVE' : 'FAILED' })
  if (how === 'garbage')
    return i => (i % 3 === 0 ? '{"type":"heartbeat","seq":-1}\n' : i % 3 === 1 ? `${'['.repeat(2000)}\n` : '\u0000\u0007 not json\n')
  if (how !== 'liar') return null
  const about = { kind: 'full', sizeBytes: 1, location: '/', checksum: 'f'.repeat(128) } as const
  return i => line({ type: 'update_backup', seq: i, backup: `b${i}`, state: 'COMPLETED', ...about })
}

/** A full backup is all lines, an incremental one those behind what its parent had. */
function lineBackups(lines: string[]): AgentBackups {
  const upTo = new Map<string, number>()
  let received: Uint8Array[] = []
  return {
    kinds: ['full', 'incremental'],
    async make({ backup, kind, parent }) {
      const from = kind === 'incremental' ? upTo.get(parent ?? '') : 0
      if (from === undefined) throw new Error(`nothing is known of ${parent} any more`)
      upTo.set(backup, lines.length)
      const bytes = new TextEncoder().encode(JSON.stringify({ from, lines: lines.slice(from) }))
      return {
        sizeBytes: bytes.length,
        checksum: createHash('sha512').update(bytes).digest('hex'),
        location: 'memory',
        read: async (offset, length) => bytes.subarray(offset, offset + length),
        remove: async () => {},
      }
    },
    async receive(part, offset, bytes) {
      if (part === 0 && offset === 0) received = []
      const before = offset === 0 ? new Uint8Array() : (received[part] ?? new Uint8Array())
      received[part] = Buffer.concat([before, bytes])
    },
    async apply() {
      const parts = received.map(bytes => JSON.parse(new TextDecoder().decode(bytes)) as { from: number; lines: string[] })
      lines.length = 0
      for (const part of parts) lines.splice(part.from, lines.length, ...part.lines)
    },
  }
}
