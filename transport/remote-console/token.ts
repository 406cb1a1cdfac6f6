/**
 * The token of a remote console: which host knows the ticket, and the ticket. It is good once, at that host alone, for ten minutes: so it may
 * stand in a URL, as Nova's clients expect, and means nothing to who finds it in a log.
 */
const TOKEN = /^([A-Za-z0-9_-]{1,171})\.([0-9a-f-]{36})$/

export const tokenOf = (host: string, ticket: string): string => `${Buffer.from(host).toString('base64url')}.${ticket}`

/** Null for what is no token. */
export function partsOf(token: string): { readonly host: string; readonly ticket: string } | null {
  const [, host, ticket] = TOKEN.exec(token) ?? []
  return host === undefined || ticket === undefined ? null : { host: Buffer.from(host, 'base64url').toString('utf8'), ticket }
}
