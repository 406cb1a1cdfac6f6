/**
 * An agent's end of its link: dials one gateway after the other until one lets it in, and goes on to the next when that one is silent or gone.
 * What is lost on the way is made good by the contract itself: whoever lets it in asks who it is, the agent says so and how its service is, and what
 * was asked of it is asked again by name.
 *
 *     const dialler = createDialler({ env, link, endpoints, agent: id, keys, serverKey, onLine: line => agent.take(line), onState: console.log })
 *     agent.send = dialler.send
 */

import { MAX_LINE_BYTES } from '../../actors/kernel/agent-channel.ts'
import { backoffMs, type Env, type Timer } from '../../actors/kernel/env.ts'
import type { Link, Peer } from '../link.ts'
import { DOOR_VERSION, parseDoorSaid } from './greeting.ts'
import { type KeyPair, proofOf } from './keys.ts'

export interface DiallerOptions {
  readonly env: Pick<Env, 'setTimer' | 'random'>
  readonly link: Link
  /** Doors of gateways, `tcp://address:port`; tried in this order, again and again. */
  readonly endpoints: readonly string[]
  readonly agent: string
  readonly keys: KeyPair
  /** Public key of all doors of the cluster. */
  readonly serverKey: string
  /** A line of the contract, without its end. */
  onLine(line: string): void
  onState?(state: DiallerState): void
}

export type DiallerState =
  | { readonly at: 'dialling' | 'in'; readonly endpoint: string }
  | { readonly at: 'refused'; readonly endpoint: string; readonly code: string; readonly why: string; readonly again: boolean }

export interface Dialler {
  /** Said into the void while there is no session. */
  send(line: string): void
  stop(): void
}

/** A door that has not let it in by then is not waited for any longer, ms. */
const GREETING_MS = 5_000
/** `alive` that may be missed. */
const MISSED = 3
const AGAIN_BASE_MS = 200
const AGAIN_CAP_MS = 5_000
/** Who is refused for good still asks now and then: a person may put that right. */
const REFUSED_MS = 30_000

export function createDialler(options: DiallerOptions): Dialler {
  const { env, link, endpoints, agent, keys, serverKey } = options
  if (endpoints.length === 0) throw new Error('an agent needs the endpoint of at least one gateway')
  let turn = 0
  let attempt = 0
  let peer: Peer | null = null
  let isIn = false
  let timer: Timer | null = null
  let stopped = false

  const at = (): string => endpoints[turn % endpoints.length] ?? ''
  const say = (message: object): void => {
    if (peer !== null) link.send(peer, Buffer.from(JSON.stringify(message)))
  }

  function later(ms: number, fn: () => void): void {
    timer?.cancel()
    timer = stopped ? null : env.setTimer(ms, fn)
  }

  function dial(): void {
    isIn = false
    options.onState?.({ at: 'dialling', endpoint: at() })
    peer = link.dial(at())
    say({ type: 'knock', version: DOOR_VERSION, agent, key: keys.publicKey })
    later(GREETING_MS, next)
  }

  function hangUp(): void {
    if (peer !== null) link.hangUp(peer)
    peer = null
    isIn = false
  }

  /** The next door, after a pause that grows while none lets it in. */
  function next(pauseMs = backoffMs(env, attempt++, AGAIN_BASE_MS, AGAIN_CAP_MS)): void {
    hangUp()
    turn++
    later(pauseMs, dial)
  }

  function refused(code: string, why: string, again: boolean, afterMs: number): void {
    options.onState?.({ at: 'refused', endpoint: at(), code, why, again })
    next(again ? afterMs * (0.5 + env.random()) : REFUSED_MS)
  }

  link.onMessage((from, message) => {
    if (from !== peer || stopped || message.length > MAX_LINE_BYTES) return
    const line = Buffer.from(message).toString()
    const said = parseDoorSaid(line)
    if (said?.type === 'prove') return say({ type: 'proof', mac: proofOf(keys, serverKey, { agent, nonce: said.nonce }) })
    if (said?.type === 'refused') return refused(said.code, said.why, said.again, said.afterMs)
    if (said?.type === 'alive') {
      if (!isIn) options.onState?.({ at: 'in', endpoint: at() })
      isIn = true
      attempt = 0
      return later(said.everyMs * MISSED, next)
    }
    if (isIn) options.onLine(line)
  })
  link.onDisconnect?.(from => {
    if (from === peer && !stopped) next()
  })
  dial()

  return {
    send(line) {
      if (isIn && peer !== null) link.send(peer, Buffer.from(line.trimEnd()))
    },
    stop() {
      stopped = true
      timer?.cancel()
      hangUp()
    },
  }
}
