/**
 * How a gateway judges tokens: by the public keys and the revocations that it has from a conductor. It asks for them when a conductor says
 * that they changed, after every change that went through itself, and every two seconds in any case. When it has heard nothing
 * for half a minute, it judges nobody: whoever was thrown out meanwhile must not come in here.
 */
import type { Claims, IdentityApi, IdentityGate } from '../../actors/identity/api.ts'
import { indexOf, isRevoked, type RevocationIndex } from '../../actors/identity/revocations.ts'
import type { Env, Timer } from '../../actors/kernel/env.ts'
import { BatonError, toFault } from '../../actors/kernel/errors.ts'
import { claimsOf, invalidToken, type PublicKeys, publicKeys } from './tokens.ts'

const ASK_MS = 2000
/** The same until there is something to judge by. */
const ASK_FIRST_MS = 200
const TRUST_MAX_MS = 30_000
/** Tokens whose signature was found right, the oldest forgotten first. */
const KNOWN_MAX = 10_000

export interface GateOptions {
  readonly env: Pick<Env, 'monotonicMs' | 'setTimer' | 'log'>
  readonly api: IdentityApi
  /** `ready` may have become true. */
  onHeard?(): void
}

export interface Gate extends IdentityGate {
  /** Whether tokens can be judged: a conductor was heard of late, and there is a key, before which nobody can log in. */
  ready(): boolean
  /** A conductor says that something changed. */
  changed(): void
  stop(): void
}

interface Known {
  readonly version: string
  /** What to add to the monotonic clock for cluster time, ms. */
  readonly offsetMs: number
  readonly heardMs: number
  readonly keys: PublicKeys
  readonly revoked: RevocationIndex
}

export function createGate({ env, api, onHeard }: GateOptions): Gate {
  let known: Known | null = null
  let asking: Promise<void> | null = null
  let again: Promise<void> | null = null
  let timer: Timer | null = null
  let stopped = false
  const claimed = new Map<string, Claims>()

  async function ask(): Promise<void> {
    const askedMs = env.monotonicMs()
    const { version, now, content } = await api.trust(known ? { version: known.version } : {})
    // The answer is younger than the question, so a token never lives longer here than it should.
    const times = { version, offsetMs: now - askedMs, heardMs: askedMs }
    if (content) {
      known = { ...times, keys: publicKeys(content.keys), revoked: indexOf(content.revocations) }
      claimed.clear()
    } else if (known) known = { ...known, ...times }
    onHeard?.()
  }

  /** An answer that was asked for before the call does not count: one more is asked for, once for all who wait. */
  function refresh(): Promise<void> {
    if (!asking) {
      asking = ask().finally(() => {
        asking = null
      })
      return asking
    }
    again ??= asking
      .catch(() => {})
      .then(() => {
        again = null
        return refresh()
      })
    return again
  }

  function keepFresh(): void {
    if (stopped) return
    refresh().catch(error => env.log.debug({ fault: toFault(error) }, 'no conductor answers about identity'))
    timer = env.setTimer(ready() ? ASK_MS : ASK_FIRST_MS, keepFresh)
  }

  const fresh = (): Known | null => (known && env.monotonicMs() - known.heardMs < TRUST_MAX_MS ? known : null)
  const ready = (): boolean => (fresh()?.keys.size ?? 0) > 0
  keepFresh()

  function signed(token: string, keys: PublicKeys): Claims {
    const before = claimed.get(token)
    if (before) return before
    const claims = claimsOf(token, keys)
    const [oldest] = claimed.keys()
    if (claimed.size >= KNOWN_MAX && oldest !== undefined) claimed.delete(oldest)
    claimed.set(token, claims)
    return claims
  }

  return {
    api,
    ready,
    refresh,
    async verify(token) {
      if (!fresh()) await refresh().catch(() => {})
      const now = fresh()
      if (!now) throw new BatonError('Unavailable', 'No conductor says which tokens are valid; try again.', { retryAfterMs: ASK_MS })
      const claims = signed(token, now.keys)
      if (claims.expiresAt <= env.monotonicMs() + now.offsetMs || isRevoked(now.revoked, claims)) throw invalidToken()
      return claims
    },
    changed: () => void refresh().catch(() => {}),
    stop() {
      stopped = true
      timer?.cancel()
    },
  }
}
