/**
 * The certificate of the API: two PEM files, read at the start and again whenever one of them changes, so that who renews certificates need
 * not restart anything. Connections that are open go on with the old one. Two files are never changed at the same moment: whatever does not
 * fit together keeps the old pair and is logged, and the next change is looked at again.
 */
import { X509Certificate } from 'node:crypto'
import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import type { Logger } from '../../actors/kernel/env.ts'
import { BatonError } from '../../actors/kernel/errors.ts'

export interface TlsFiles {
  /** The certificate, and behind it those between it and its authority. */
  readonly cert: string
  readonly key: string
}

export interface TlsPair {
  readonly cert: string
  readonly key: string
}

/** TLS 1.0 and 1.1 are deprecated (RFC 8996). */
export const TLS_MIN = 'TLSv1.2'
/** Files are looked at, not watched: a secret that a container mounts is a link that is put elsewhere. */
const LOOK_MS = 2_000

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Reads a pair that fits together. Throws `ConfigInvalid` saying which file it is about. */
export function readPair({ cert, key }: TlsFiles): TlsPair {
  const pair = { cert: readText(cert), key: readText(key) }
  try {
    createSecureContext(pair)
  } catch (error) {
    throw new BatonError('ConfigInvalid', `${cert} and ${key} are no certificate with its key: ${reasonOf(error)}`, { cause: error })
  }
  return pair
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new BatonError('ConfigInvalid', `${file} cannot be read: ${reasonOf(error)}`, { cause: error })
  }
}

const endOf = ({ cert }: TlsPair): number => Date.parse(new X509Certificate(cert).validTo)

/** What can be given another certificate while it listens: an https.Server. */
export interface TlsServer {
  setSecureContext(options: SecureContextOptions): void
}

export interface TlsWatch {
  /** When the certificate in use ends, ms since 1970. */
  endsAt(): number
  /** Reads the files again now; true when the server has the pair that they hold. */
  reload(): boolean
  close(): void
}

/** Keeps `server` at what the files hold, until `close`. `everyMs` is how often they are looked at. */
export function watchPair(server: TlsServer, files: TlsFiles, log: Logger, everyMs = LOOK_MS): TlsWatch {
  let endsAt = endOf(readPair(files))
  const reload = (): boolean => {
    try {
      const pair = readPair(files)
      server.setSecureContext({ ...pair, minVersion: TLS_MIN })
      const { subject, validTo } = new X509Certificate(pair.cert)
      endsAt = endOf(pair)
      log.info({ cert: files.cert, subject, validTo }, 'another certificate is in use')
      return true
    } catch (error) {
      log.warn({ error: reasonOf(error) }, 'the new certificate is not usable; the old one stays')
      return false
    }
  }
  const changed = (now: { mtimeMs: number; ino: number }, before: { mtimeMs: number; ino: number }): void => {
    if (now.mtimeMs !== before.mtimeMs || now.ino !== before.ino) reload()
  }
  const paths = [...new Set([files.cert, files.key])]
  for (const path of paths) watchFile(path, { interval: everyMs, persistent: false }, changed)
  return {
    endsAt: () => endsAt,
    reload,
    close() {
      for (const path of paths) unwatchFile(path, changed)
    },
  }
}
