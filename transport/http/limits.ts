/** Every bound of the HTTP face in one place. What is over a bound is refused with an answer, never queued. */
export interface HttpLimits {
  readonly bodyBytes: number
  readonly urlBytes: number
  /** All header lines of a request together; Node answers 431 over it. */
  readonly headerBytes: number
  /** All its headers must have arrived within this time. */
  readonly headersTimeoutMs: number
  /** A request must have arrived in full within this time: what a slow sender may take. */
  readonly requestTimeoutMs: number
  /** A connection between two requests. */
  readonly keepAliveTimeoutMs: number
  /** A connection on which nothing moves in either direction, such as a reader that stopped reading. */
  readonly idleTimeoutMs: number
  readonly maxConnections: number
  /** Requests being answered at once; more get 503. */
  readonly maxInFlight: number
  /** How long one call to the cluster may take before the client gets 503. */
  readonly apiTimeoutMs: number
  /** After `close()`, how long replies may take; then connections are cut. */
  readonly drainMs: number
  readonly maxInstancesPerRequest: number
  /** Items on one page of any list. */
  readonly maxPageItems: number
  readonly consoleBytes: number
  readonly maxWatchers: number
  readonly watchPollMs: number
  readonly watchLifeMs: number
}

export const HTTP_LIMITS: HttpLimits = {
  bodyBytes: 1024 * 1024,
  urlBytes: 8 * 1024,
  headerBytes: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveTimeoutMs: 65_000,
  idleTimeoutMs: 75_000,
  maxConnections: 2_000,
  maxInFlight: 1_000,
  apiTimeoutMs: 30_000,
  drainMs: 15_000,
  maxInstancesPerRequest: 1_000,
  maxPageItems: 1_000,
  consoleBytes: 100 * 1024,
  maxWatchers: 64,
  watchPollMs: 200,
  watchLifeMs: 15 * 60_000,
}
