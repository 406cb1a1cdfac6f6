/**
 * Where agents from outside come in: a gateway's end of their links. Whoever knocks proves its key first; then each has a channel as a guest has one,
 * and what is above need not know that it is no guest.
 *
 * Everything that comes in is a stranger's. Before somebody is known, a few small messages are looked at and nothing is kept but a number;
 * afterwards an agent is heard under the one id that it has proved, whatever it writes into its messages. A link cannot be told to read
 * one peer less, so what an agent says while it is held back waits in a short queue, and beyond that is dropped and counted.
 */
import { randomBytes } from 'node:crypto'
import { type GuestChannels, type GuestListener, MAX_LINE_BYTES } from '../../actors/kernel/agent-channel.ts'
import type { Env, Timer } from '../../actors/kernel/env.ts'
import { BatonError, isTransient, toFault } from '../../actors/kernel/errors.ts'
import { createBuckets } from '../../actors/kernel/token-bucket.ts'
import type { Link, Peer } from '../link.ts'
import { DOOR_VERSION, type DoorSaid, type Greeting, parseGreeting } from './greeting.ts'
import { isProof, type KeyPair, proofOf } from './keys.ts'

export const DOOR_LIMITS = {
  /** Who has knocked and is not known yet; the oldest is forgotten for a newer one. */
  strangers: 1000,
  /** Sessions asked for at once; more are told to come again. */
  admitting: 64,
  /** A proof is waited for so long, ms. */
  proofMs: 10_000,
  /** Sessions with one key: so many at once, and then one in so long. */
  sessions: { burst: 5, everyMs: 2000 },
  /** Messages kept of an agent that is held back. */
  held: 100,
  /** Who is refused comes again after so long, ms. */
  againMs: 2000,
  /** Keys whose sessions are counted. */
  counted: 10_000,
} as const

export interface AgentDoorOptions {
  readonly env: Pick<Env, 'monotonicMs' | 'setTimer' | 'log'>
  readonly link: Pick<Link, 'send' | 'onMessage'>
  readonly keys: KeyPair
  /** How often an agent hears that its gateway is there, ms. */
  readonly aliveMs: number
  /** Begins a session for who has proved this key. Rejects when there is no such agent, or it has another key. */
  admit(agent: string, key: string): Promise<void>
  /** A session has begun; an earlier one of the agent here is over. */
  onCame(agent: string): void
}

export interface DoorCounters {
  /** Sessions that have begun. */
  came: number
  /** Who could not prove that it has the key it said. */
  unproved: number
  /** Who has proved a key that is not (any more) that of the agent it named. */
  refused: number
  /** No greeting, or out of turn. */
  malformed: number
  /** Came again and again. */
  hurried: number
  /** Said while it was held back, and dropped. */
  flooded: number
}

export interface AgentDoor {
  /** The way to agents that have a session here. */
  readonly channels: GuestChannels
  /** The session of an agent is over; it hears why. */
  end(agent: string, why: string, again: boolean): void
  isHere(agent: string): boolean
  counters(): Readonly<DoorCounters>
  stop(): void
}

interface Stranger {
  readonly agent: string
  readonly key: string
  readonly nonce: string
  readonly atMs: number
  proving: boolean
}

interface Known {
  readonly agent: string
  readonly peer: Peer
  listener: GuestListener | null
  paused: boolean
  held: Uint8Array[]
}

const NEWLINE = Buffer.from('\n')

export function createAgentDoor({ env, link, keys, aliveMs, admit, onCame }: AgentDoorOptions): AgentDoor {
  const strangers = new Map<Peer, Stranger>()
  const byPeer = new Map<Peer, Known>()
  const byAgent = new Map<string, Known>()
  /** By key: who has one cannot use up what is another's. */
  const { burst, everyMs } = DOOR_LIMITS.sessions
  const sessions = createBuckets({ everyMs, depthMs: burst * everyMs }, DOOR_LIMITS.counted, () => env.monotonicMs())
  const counters: DoorCounters = { came: 0, unproved: 0, refused: 0, malformed: 0, hurried: 0, flooded: 0 }
  let admitting = 0
  let timer: Timer = env.setTimer(aliveMs, tick)

  const say = (peer: Peer, said: DoorSaid): void => void link.send(peer, Buffer.from(JSON.stringify(said)))
  const refuse = (peer: Peer, code: string, why: string, again = false): void => {
    say(peer, { type: 'refused', code, why, again, afterMs: DOOR_LIMITS.againMs })
  }

  function tick(): void {
    timer = env.setTimer(aliveMs, tick)
    for (const peer of byPeer.keys()) say(peer, { type: 'alive', everyMs: aliveMs })
    const oldest = env.monotonicMs() - DOOR_LIMITS.proofMs
    for (const [peer, { atMs, proving }] of strangers) if (atMs < oldest && !proving) strangers.delete(peer)
  }

  function knocked(peer: Peer, { agent, key }: Extract<Greeting, { type: 'knock' }>): void {
    leave(peer)
    strangers.delete(peer)
    if (strangers.size >= DOOR_LIMITS.strangers) strangers.delete(strangers.keys().next().value ?? '')
    const nonce = randomBytes(32).toString('hex')
    strangers.set(peer, { agent, key, nonce, atMs: env.monotonicMs(), proving: false })
    say(peer, { type: 'prove', version: DOOR_VERSION, nonce })
  }

  function proved(peer: Peer, stranger: Stranger, mac: string): void {
    const { agent, key } = stranger
    if (stranger.proving || !isRight(stranger, mac)) {
      strangers.delete(peer)
      counters.unproved++
      refuse(peer, 'Unauthorized', 'this is no proof that you have the secret key')
      return
    }
    if (sessions.take(key) > 0 || admitting >= DOOR_LIMITS.admitting) {
      strangers.delete(peer)
      counters.hurried++
      refuse(peer, 'Overloaded', 'too many sessions with this key have begun lately', true)
      return
    }
    stranger.proving = true
    admitting++
    admit(agent, key)
      .then(
        () => {
          if (strangers.get(peer) === stranger) comeIn(peer, agent)
        },
        error => {
          const { code, message } = toFault(error)
          const again = isTransient({ code })
          if (!again) counters.refused++
          refuse(peer, code, message, again)
        },
      )
      .finally(() => {
        admitting--
        if (strangers.get(peer) === stranger) strangers.delete(peer)
      })
  }

  function isRight({ agent, key, nonce }: Stranger, mac: string): boolean {
    try {
      return isProof(mac, proofOf(keys, key, { agent, nonce }))
    } catch {
      // Digits that are no point of the curve.
      return false
    }
  }

  function comeIn(peer: Peer, agent: string): void {
    const before = byAgent.get(agent)
    const known: Known = { agent, peer, listener: before?.listener ?? null, paused: false, held: [] }
    if (before) {
      byPeer.delete(before.peer)
      if (before.peer !== peer) refuse(before.peer, 'Conflict', 'another connection with this key has come')
    }
    byPeer.set(peer, known)
    byAgent.set(agent, known)
    counters.came++
    say(peer, { type: 'alive', everyMs: aliveMs })
    onCame(agent)
    known.listener?.began()
  }

  /** What is behind this connection says that it begins anew. */
  function leave(peer: Peer): void {
    const known = byPeer.get(peer)
    if (!known) return
    byPeer.delete(peer)
    if (byAgent.get(known.agent) === known) byAgent.delete(known.agent)
    known.listener?.ended()
  }

  function heard(known: Known, message: Uint8Array): void {
    if (known.paused) {
      if (known.held.length < DOOR_LIMITS.held) known.held.push(Buffer.from(message))
      else counters.flooded++
      return
    }
    // A message is a line: what has others in it is told apart above.
    known.listener?.bytes(Buffer.concat([message, NEWLINE]))
  }

  link.onMessage((peer, message) => {
    const known = byPeer.get(peer)
    if (message.length > MAX_LINE_BYTES) {
      counters.malformed++
      return
    }
    const greeting = known && message[KNOCK_AT] !== KNOCK ? null : parseGreeting(Buffer.from(message).toString())
    if (greeting?.type === 'knock') return knocked(peer, greeting)
    if (known) return heard(known, message)
    const stranger = strangers.get(peer)
    if (greeting?.type === 'proof' && stranger) return proved(peer, stranger, greeting.mac)
    counters.malformed++
  })

  async function open(agent: string, listener: GuestListener) {
    const found = byAgent.get(agent)
    if (!found) throw new BatonError('Unavailable', `agent ${agent} is not connected here`)
    found.listener = listener
    return {
      async write(line: string) {
        const peer = byAgent.get(agent)?.peer
        const sent = peer === undefined ? 'unknown' : link.send(peer, Buffer.from(line.endsWith('\n') ? line.slice(0, -1) : line))
        if (sent !== 'sent') throw new BatonError('Unavailable', `agent ${agent} takes nothing just now: its way is ${sent}`)
      },
      pause() {
        const known = byAgent.get(agent)
        if (known) known.paused = true
      },
      resume() {
        const known = byAgent.get(agent)
        if (!known) return
        known.paused = false
        for (const message of known.held.splice(0)) heard(known, message)
      },
      close() {
        const known = byAgent.get(agent)
        if (known) known.listener = null
      },
    }
  }

  return {
    channels: { open },
    end(agent, why, again) {
      const known = byAgent.get(agent)
      if (!known) return
      refuse(known.peer, 'Forbidden', why, again)
      leave(known.peer)
    },
    isHere: agent => byAgent.has(agent),
    counters: () => counters,
    stop() {
      timer.cancel()
      strangers.clear()
      byPeer.clear()
      byAgent.clear()
    },
  }
}

/** A greeting begins `{"type":"knock"`: of who is known nothing else is parsed twice. */
const KNOCK_AT = '{"type":"'.length
const KNOCK = 'k'.charCodeAt(0)
