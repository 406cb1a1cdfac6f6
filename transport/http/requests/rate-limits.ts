/**
 * How many requests one token, one project and one address may send: a token bucket each, refilled at a steady rate and as deep as
 * `burstMs` of that rate. Over it the answer is 429 with Retry-After, before anything is done or anybody asked. Each gateway counts what
 * it sees itself: of three, a client that asks all of them may have three times as much.
 */
import { isIPv6 } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { type Buckets, createBuckets } from '../../../actors/kernel/token-bucket.ts'
import { HEALTH } from '../health.ts'
import { projectIn } from '../policy/checks.ts'

export interface RateLimits {
  /** Requests per second in the long run; 0 is no limit. */
  readonly perToken: number
  readonly perProject: number
  readonly perAddress: number
  /** How long a client that was silent before may send at once what the rate allows in that time. */
  readonly burstMs: number
}

export const NO_RATE_LIMITS: RateLimits = { perToken: 0, perProject: 0, perAddress: 0, burstMs: 0 }

/** Buckets of one kind. */
const KEYS_MAX = 20_000

export interface BucketOptions {
  readonly perSecond: number
  readonly burstMs: number
  readonly keysMax?: number
  /** Monotonic. */
  nowMs(): number
}

/** A bucket for each key; without a rate nobody is counted. */
export function createRateLimit({ perSecond, burstMs, keysMax = KEYS_MAX, nowMs }: BucketOptions): Buckets {
  if (perSecond === 0) return { take: () => 0 }
  const everyMs = 1000 / perSecond
  // However short the burst, one request always fits into an empty hour.
  return createBuckets({ everyMs, depthMs: Math.max(burstMs, everyMs) }, keysMax, nowMs)
}

/** Whoever has one IPv6 address usually has its whole /64. */
export function addressKey(ip: string): string {
  if (!isIPv6(ip) || ip.includes('.')) return ip
  const groupsOf = (part = ''): string[] => part.split(':').filter(group => group !== '')
  const [front, back] = ip.split('::')
  const [before, after] = [groupsOf(front), groupsOf(back)]
  // What `::` stands for; nothing in an address that is written out.
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return `${[...before, ...zeros, ...after].slice(0, 4).join(':')}::/64`
}

const refusal = (whose: string, perSecond: number, waitMs: number): BatonError =>
  new BatonError('TooManyRequests', `This request was rate-limited: ${whose} may send ${perSecond} requests a second.`, { retryAfterMs: waitMs })

/** Refuses by address whatever comes; to be called before anything that costs. */
export function limitAddresses(app: FastifyInstance, limits: RateLimits, nowMs: () => number): void {
  const addresses = createRateLimit({ perSecond: limits.perAddress, burstMs: limits.burstMs, nowMs })
  app.addHook('onRequest', async request => {
    if (HEALTH.has(request.routeOptions.url ?? '')) return
    const waitMs = addresses.take(addressKey(request.ip))
    if (waitMs > 0) throw refusal('one address', limits.perAddress, waitMs)
  })
}

/** Refuses by token and by project; to be called behind what finds out who asks. A token that is not valid has no bucket. */
export function limitTokens(app: FastifyInstance, limits: RateLimits, nowMs: () => number): void {
  const { burstMs } = limits
  const tokens = createRateLimit({ perSecond: limits.perToken, burstMs, nowMs })
  const projects = createRateLimit({ perSecond: limits.perProject, burstMs, nowMs })
  app.addHook('onRequest', async ({ claims }) => {
    if (claims === null) return
    const [audit = ''] = claims.audit
    const tokenMs = tokens.take(audit)
    if (tokenMs > 0) throw refusal('one token', limits.perToken, tokenMs)
    const project = projectIn(claims)
    const projectMs = project === null ? 0 : projects.take(project)
    if (projectMs > 0) throw refusal('one project', limits.perProject, projectMs)
  })
}
