/**
 * Who answers what came too late, or what came when it was over for whoever was asked. The network knows how long a message was under way,
 * which no receiver can; so it can tell whether a call that only ever arrived after its deadline was carried out all the same. And the database
 * knows who is a conductor; one that was declared dead may tell what it knows of its actors, but neither refuses nor accepts anything in their
 * name.
 */
import { isTransient } from '../../actors/kernel/errors.ts'
import type { Link } from '../../transport/link.ts'
import { decode, type Envelope } from '../../transport/protocol.ts'

export interface Lateness {
  /** A message begins its way. */
  sent(message: Uint8Array): void
  /** The link of this node, watched. */
  watch(node: string, link: Link): Link
  /** Answers to calls that had come too late, in words. */
  readonly answers: readonly string[]
  /** Answers in the name of actors by conductors that had been declared dead before they were asked, in words. */
  readonly oldAnswers: readonly string[]
}

/**
 * What a receiver cannot see, by `transport/age.ts`: the way of the fastest message that it had over the same connection, and a fifth of the time
 * since then, for which its clock and the sender's may have drifted apart; here clocks do, by a twentieth each.
 */
const DRIFT = 0.2 + 0.1
/** What two messages over the same connection may differ in for other reasons, ms. */
const SLACK_MS = 1000

/** Actors of which each lives in one place, and their methods that only tell. */
const ACTOR = /^(instance|host|operation|flavor|project|image|disk|server_group|host-operation)\//
const READS = new Set(['get', 'list'])

/** `isOver`: whether this node is a conductor that was declared dead. */
export function createLateness(nowMs: () => number, isOver: (node: string) => boolean): Lateness {
  const oldAnswers: string[] = []
  const sentAt = new WeakMap<Uint8Array, number>()
  const answers: string[] = []

  function envelopeOf(message: Uint8Array): Envelope | null {
    try {
      return decode(message)
    } catch {
      return null
    }
  }

  return {
    sent: message => void sentAt.set(message, nowMs()),
    answers,
    oldAnswers,
    watch(node, link) {
      /** Calls that arrived, and by how much too late the earliest of them was, ms; below 0 when it came in time. */
      const calls = new Map<string, { lateMs: number; method: string; isOver: boolean }>()
      const unseen = new Map<string, { ms: number; atMs: number }>()
      function unseenMs(peer: string, wayMs: number): number {
        const known = unseen.get(peer)
        const ms = Math.min(wayMs, known ? known.ms + DRIFT * (nowMs() - known.atMs) : wayMs)
        unseen.set(peer, { ms, atMs: nowMs() })
        return ms
      }
      return {
        ...link,
        onMessage(handler) {
          link.onMessage((peer, message) => {
            const envelope = mayBeCall(message) ? envelopeOf(message) : null
            if (envelope?.t === 'call') {
              const wayMs = nowMs() - (sentAt.get(message) ?? nowMs())
              const lateMs = wayMs - unseenMs(peer, wayMs) - envelope.ttl - SLACK_MS
              const before = calls.get(envelope.id)
              const told = before?.isOver ?? (ACTOR.test(envelope.to) && !READS.has(envelope.m) && isOver(node))
              if (!before || lateMs < before.lateMs) calls.set(envelope.id, { lateMs, method: `${envelope.to} ${envelope.m}`, isOver: told })
            }
            handler(peer, message)
          })
        },
        send(peer, message) {
          const envelope = mayBeAnswer(message) ? envelopeOf(message) : null
          const call = envelope?.t === 'ok' || envelope?.t === 'no' ? calls.get(envelope.id) : undefined
          if (call && call.lateMs > 0) answers.push(`${node} answered ${call.method}, which came ${Math.round(call.lateMs + SLACK_MS)} ms too late`)
          const isFinal = envelope?.t === 'ok' || (envelope?.t === 'no' && !isTransient(envelope.f))
          if (call?.isOver && isFinal) oldAnswers.push(`${node} answered ${call.method}, though it had been declared dead before it was asked`)
          return link.send(peer, message)
        },
      }
    },
  }
}

/** Where the letter of an envelope's first key stands, behind the head of a map and that of a text; see `encode`. What else comes is decoded too. */
const KEY = 4
const TYPE = KEY + 2
const begins = (message: Uint8Array, letters: string): boolean =>
  message[KEY] !== 't'.charCodeAt(0) || letters.includes(String.fromCharCode(message[TYPE] ?? 0))
/** Both may be true of what is neither: a cast begins like a call. They only spare most messages from being decoded. */
const mayBeCall = (message: Uint8Array): boolean => begins(message, 'c')
const mayBeAnswer = (message: Uint8Array): boolean => begins(message, 'on')
