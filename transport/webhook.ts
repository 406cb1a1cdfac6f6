/**
 * Tells one address of alerts: a POST of JSON, signed with what only both sides know, so that a receiver can tell who speaks and that what is
 * said is not an old recording. `docs/alerts.md` says how to check it. Redirects are not followed: the address was checked, what it names was not.
 */
import { createHmac } from 'node:crypto'
import type { Notification } from '../actors/api.ts'
import { BatonError } from '../actors/kernel/errors.ts'

export interface WebhookOptions {
  /** http or https. It may hold what is secret, so only its host is ever named. */
  readonly url: string
  /** Null: what is sent is not signed. */
  readonly secret: string | null
  /** ms since 1970, for the receiver to compare with its own clock. */
  nowMs(): number
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 10_000

/** What is wrong with an address, or null. */
export function webhookProblem(text: string): string | null {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return 'it must be an address such as https://example.org/alerts'
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return `it must begin with http:// or https://, not ${url.protocol}`
  return url.username === '' && url.password === '' ? null : 'it must not hold a user and password; the signature of `alerts.secret` says who speaks'
}

/** `t=<seconds since 1970>,v1=<HMAC-SHA256 over "<t>.<body>", in hex>` */
export const signatureOf = (secret: string, atSeconds: number, body: string): string =>
  `t=${atSeconds},v1=${createHmac('sha256', secret).update(`${atSeconds}.${body}`).digest('hex')}`

/** Resolves when the receiver has answered with 2xx; rejects `WebhookFailed` with what happened instead. */
export function createWebhook({ url, secret, nowMs, timeoutMs = TIMEOUT_MS }: WebhookOptions): (notification: Notification) => Promise<void> {
  const { host } = new URL(url)
  const failed = (why: string): BatonError => new BatonError('WebhookFailed', `the webhook at ${host} ${why}`)
  return async ({ id, kind, alert, attempt }) => {
    const atMs = nowMs()
    const body = JSON.stringify({ id, kind, attempt: attempt + 1, sentAt: atMs, alert })
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'baton',
        'baton-notification': id,
        ...(secret === null ? {} : { 'baton-signature': signatureOf(secret, Math.floor(atMs / 1000), body) }),
      },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    }).catch(error => {
      throw failed(
        error instanceof Error && error.name === 'TimeoutError' ? `did not answer within ${timeoutMs} ms` : `cannot be reached: ${reasonOf(error)}`,
      )
    })
    // Whatever it says is not read.
    await response.body?.cancel()
    if (!response.ok) throw failed(`answered with ${response.status}`)
  }
}

/** `fetch` hides what happened behind "fetch failed". */
function reasonOf(error: unknown): string {
  const cause: unknown = error instanceof Error ? error.cause : undefined
  if (cause instanceof Error) return 'code' in cause ? String(cause.code) : cause.message
  return error instanceof Error ? error.message : String(error)
}
