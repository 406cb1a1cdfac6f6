/**
 * Where the database is. A URL may name several hosts of a fail-over group, of which one takes writes at a time:
 *
 *     postgres://user:pw@db1:5432,db2:5432/baton?target_session_attrs=read-write
 *     postgres://user:pw@/baton?host=/path/of/the/socket/folder
 *
 * Every new connection starts at the host that last worked and goes on to the next one when it cannot be reached or is a
 * standby; so after a promotion the new primary is found by itself. No error made here holds the password.
 */
import pg from 'pg'
import { BatonError } from '../actors/kernel/errors.ts'

export interface DatabaseTarget {
  readonly hosts: readonly { readonly host: string; readonly port: number }[]
  readonly user: string
  readonly password: string | undefined
  readonly database: string
  readonly ssl: boolean | { readonly rejectUnauthorized: boolean }
}

const DEFAULT_PORT = 5432
export const CONNECT_TIMEOUT_MS = 5_000

const SSL_MODES: Readonly<Record<string, DatabaseTarget['ssl']>> = {
  disable: false,
  require: { rejectUnauthorized: false },
  'verify-ca': true,
  'verify-full': true,
}

const KNOWN_PARAMETERS = ['host', 'port', 'sslmode', 'target_session_attrs']

const invalid = (why: string): BatonError =>
  new BatonError('ConfigInvalid', `the database URL ${why}; it looks like postgres://user:password@host:5432/database, hosts separated by commas`)

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid('has a % that is no escape')
  }
}

/** Throws `ConfigInvalid`, without repeating the URL: it holds a password. */
export function parseDatabaseUrl(url: string): DatabaseTarget {
  const match = /^postgres(?:ql)?:\/\/(?:([^:@/?]*)(?::([^@/?]*))?@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/.exec(url)
  if (!match) throw invalid('cannot be read')
  const [, user = '', password, authority = '', database = '', query = ''] = match
  const parameters = new URLSearchParams(query)
  const unknown = [...parameters.keys()].find(name => !KNOWN_PARAMETERS.includes(name))
  if (unknown !== undefined) throw invalid(`has an unknown parameter ${unknown}`)
  const names = (authority || parameters.get('host') || 'localhost').split(',')
  const ports = (parameters.get('port') ?? '').split(',')
  const hosts = names.map((name, i) => parseHost(decode(name), ports[i] || ports[0] || ''))
  const ssl = SSL_MODES[parameters.get('sslmode') ?? 'disable']
  if (ssl === undefined) throw invalid(`has sslmode ${parameters.get('sslmode')}, and only ${Object.keys(SSL_MODES).join(', ')} are known`)
  const target = parameters.get('target_session_attrs') ?? 'read-write'
  if (target !== 'read-write' && target !== 'primary') throw invalid('has a target_session_attrs other than read-write; Baton writes')
  return {
    hosts,
    user: decode(user) || 'postgres',
    password: password === undefined ? undefined : decode(password),
    database: decode(database) || 'postgres',
    ssl,
  }
}

function parseHost(text: string, port: string): { host: string; port: number } {
  const match = text.startsWith('/') ? null : /^(\[[^\]]+\]|[^:]*)(?::(\d+))?$/.exec(text)
  if (!text.startsWith('/') && !match) throw invalid(`has a host ${JSON.stringify(text)} that cannot be read`)
  const number = Number(match?.[2] || port || DEFAULT_PORT)
  if (!Number.isInteger(number) || number < 1 || number > 65_535) throw invalid('has a port outside 1 to 65535')
  return { host: (match?.[1] ?? text).replace(/^\[|\]$/g, '') || 'localhost', port: number }
}

/** A connection could not be made: nothing was sent, so the caller may try again. */
export class ConnectFailed extends Error {
  readonly where: string
  /** SQLSTATE or the operating system's code. */
  readonly code: string

  constructor(where: string, cause: unknown) {
    super(`${where}: ${messageOf(cause)}`, { cause })
    this.where = where
    this.code = codeOf(cause)
  }
}

export const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '')

const messageOf = (error: unknown): string => {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(messageOf).join(', ')
  return error instanceof Error ? error.message || codeOf(error) : String(error)
}

export interface Connector {
  readonly target: DatabaseTarget
  /** A `pg.Client` that connects to the host that takes writes; for `pg.Pool` and for single use. */
  readonly Client: new (
    config?: string | pg.ClientConfig,
  ) => pg.Client
  readonly config: pg.ClientConfig
}

/** All clients of one connector share what they learn about which host works. */
export function createConnector(target: DatabaseTarget, applicationName: string): Connector {
  let current = 0
  const { user, password, database, ssl } = target
  const config: pg.ClientConfig = {
    user,
    password,
    database,
    ssl,
    application_name: applicationName,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  }

  class HostClient extends pg.Client {
    readonly #index: number

    constructor(given?: string | pg.ClientConfig) {
      const index = current % target.hosts.length
      super({ ...(typeof given === 'object' ? given : {}), ...config, ...target.hosts[index] })
      this.#index = index
      // A connection that breaks while nobody uses it must not end the process; whoever uses it next sees it.
      this.on('error', () => {})
    }

    override connect(): Promise<pg.Client>
    override connect(callback: ((error: Error) => void) | ((error: null, client: pg.Client) => void)): void
    override connect(callback?: (error: never, client: pg.Client) => void): Promise<pg.Client> | undefined {
      const opened = this.#open()
      if (!callback) return opened
      // Its declared type is a union of two shapes that no single call satisfies.
      opened.then(
        () => Reflect.apply(callback, undefined, [null, this]),
        error => Reflect.apply(callback, undefined, [error]),
      )
      return undefined
    }

    async #open(): Promise<pg.Client> {
      const { host, port } = this
      try {
        await super.connect()
        if (target.hosts.length > 1) {
          const { rows } = await super.query<{ standby: boolean }>('select pg_is_in_recovery() as standby')
          if (rows[0]?.standby) throw new Error('it is a standby and takes no writes')
        }
        return this
      } catch (error) {
        if (current % target.hosts.length === this.#index) current = this.#index + 1
        super.end().catch(() => {})
        throw new ConnectFailed(host.startsWith('/') ? host : `${host}:${port}`, error)
      }
    }
  }

  return { target, Client: HostClient, config }
}

/** SQLSTATE classes that say "not now": connection, transaction cut off or read-only, resources, operator, system. */
const AWAY = /^(08|25|53|57|58|ECONN|EPIPE|ENOENT|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)/

/** True when the statement failed because of the way to the server or its state, not because of what it says. */
export function isAway(error: unknown): boolean {
  if (error instanceof ConnectFailed) return true
  if (AWAY.test(codeOf(error))) return true
  return codeOf(error) === '' && /terminated|timeout|closed|not queryable|Connection ended/i.test(messageOf(error))
}

const advice = (code: string, target: DatabaseTarget): string => {
  if (code === '28P01' || code.startsWith('28')) return `check user ${target.user} and its password in --database`
  if (code === '3D000') return `create database ${target.database}, or name another in --database`
  if (code.startsWith('53')) return 'raise max_connections, or free disk and memory of the server'
  return 'check that the server runs and that --database names it'
}

/** Any error of a statement as a `BatonError`: `Database` when the database is away, else `Internal`. */
export function databaseError(error: unknown, target: DatabaseTarget): BatonError {
  if (error instanceof BatonError) return error
  const hosts = target.hosts.map(h => (h.host.startsWith('/') ? h.host : `${h.host}:${h.port}`)).join(', ')
  if (isAway(error) || error instanceof ConnectFailed) {
    const what = error instanceof ConnectFailed ? error.message : `${hosts}: ${messageOf(error)}`
    return new BatonError('Database', `database ${what}; ${advice(codeOf(error), target)}`, { retryAfterMs: 1000, cause: error })
  }
  return new BatonError('Internal', `the database refused a statement (${codeOf(error)}): ${messageOf(error)}`, { cause: error })
}

/** Runs `attempt`, again for each other host while connecting fails. `again` allows one more try when a connection broke half-way. */
export async function overHosts<T>(target: DatabaseTarget, attempt: () => Promise<T>, again: 'reads' | 'once'): Promise<T> {
  let broken = again === 'reads' ? 1 : 0
  for (let tries = 1; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      const more = error instanceof ConnectFailed ? tries < target.hosts.length : isAway(error) && broken-- > 0
      if (!more) throw databaseError(error, target)
    }
  }
}
