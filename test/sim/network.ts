/**
 * What the network does to messages: loses, delays, copies and damages them, or does not carry them at all. Between two nodes order
 * holds, as on one ZeroMQ connection; between different pairs a long delay reorders as it likes.
 */

import type { Link } from '../../transport/link.ts'
import { decode, encode } from '../../transport/protocol.ts'
import type { Random } from './random.ts'

export interface NetworkFaults {
  /** Probability that a message is lost, that it comes twice, and that its bytes arrive as no message at all. */
  drop: number
  duplicate: number
  corrupt: number
  /** Delay of a message: `min` to `max` ms. */
  delay: readonly [number, number]
  /** Nodes that hear and say nothing. */
  readonly cutOff: Set<string>
  /** Ways that carry nothing, as `from>to`. */
  readonly blocked: Set<string>
  /** Nodes that are slow to hear, by how much at most, ms. */
  readonly lagMs: Map<string, number>
  heal(): void
}

const DELAY_MS = [0.1, 1] as const
/** A byte that begins no MessagePack value. */
const NEVER_USED = 0xc1

export const newNetworkFaults = (): NetworkFaults => ({
  drop: 0,
  duplicate: 0,
  corrupt: 0,
  delay: DELAY_MS,
  cutOff: new Set(),
  blocked: new Set(),
  lagMs: new Map(),
  heal() {
    Object.assign(this, { drop: 0, duplicate: 0, corrupt: 0, delay: DELAY_MS })
    this.cutOff.clear()
    this.blocked.clear()
    this.lagMs.clear()
  },
})

/** How long each copy of a message travels, for `createMemoryNetwork`. */
export function courier(faults: NetworkFaults, random: Random) {
  return (from: string, to: string, message: Uint8Array): readonly number[] => {
    if (faults.cutOff.has(from) || faults.cutOff.has(to) || faults.blocked.has(`${from}>${to}`) || random.chance(faults.drop)) return []
    // What is damaged in a way that still makes sense is not looked for here: nothing could tell it from what was sent.
    if (random.chance(faults.corrupt)) message[0] = NEVER_USED
    const [min, max] = faults.delay
    const lag = faults.lagMs.get(to) ?? 0
    const delay = () => min + random.next() * (max - min + lag)
    return random.chance(faults.duplicate) ? [delay(), delay()] : [delay()]
  }
}

/** The link of a node of another release: its HELLO names other versions of the protocol. */
export function speaking(link: Link, versions: readonly [oldest: number, newest: number]): Link {
  return {
    ...link,
    send(peer, message) {
      const envelope = decode(message)
      return link.send(peer, envelope.t === 'hello' ? encode({ ...envelope, vs: versions }) : message)
    },
  }
}
