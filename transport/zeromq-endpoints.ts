/** What may stand in an endpoint of a ZeroMQ link, and what goes wrong with one. */
import { connect } from 'node:net'
import { BatonError } from '../actors/kernel/errors.ts'

/** The longest path of a unix socket on Linux, in bytes. */
const IPC_PATH_BYTES = 107

/**
 * Throws `ConfigInvalid` for what is neither `tcp://address:port` nor `ipc://path`. To listen, the port may be `*` for any free one.
 * ZeroMQ would accept more, and try for ever to connect to it.
 */
export function checkEndpoint(endpoint: string, purpose: 'dial' | 'listen'): void {
  const port = /^tcp:\/\/[^\s/]+:(\*|\d{1,5})$/.exec(endpoint)?.[1]
  const path = ipcPath(endpoint)
  const fine =
    port === '*'
      ? purpose === 'listen'
      : port !== undefined
        ? Number(port) >= 1 && Number(port) <= 65_535
        : path !== null && path.length > 0 && Buffer.byteLength(path) <= IPC_PATH_BYTES
  if (fine) return
  const forms = purpose === 'listen' ? 'tcp://address:port, tcp://address:* or ipc://path' : 'tcp://address:port or ipc://path'
  throw new BatonError('ConfigInvalid', `cannot ${purpose} ${JSON.stringify(endpoint)}: write ${forms}`, { details: { endpoint } })
}

export const ipcPath = (endpoint: string): string | null => (endpoint.startsWith('ipc://') ? endpoint.slice('ipc://'.length) : null)

export function portInUse(endpoint: string, cause?: unknown): BatonError {
  const port = /:(\d+)$/.exec(endpoint)?.[1]
  const what = port ? `port ${port} (${endpoint})` : endpoint
  const message = `${what} is in use by another process: stop that process, or choose another port`
  return new BatonError('PortInUse', message, { details: port ? { endpoint, port: Number(port) } : { endpoint }, cause })
}

/** An error of ZeroMQ while it bound or connected the endpoint. */
export function endpointFault(endpoint: string, purpose: 'dial' | 'listen on', error: unknown): BatonError {
  if (errorCode(error) === 'EADDRINUSE') return portInUse(endpoint, error)
  const why = error instanceof Error ? error.message : String(error)
  return new BatonError('ConfigInvalid', `cannot ${purpose} ${endpoint}: ${why}`, { details: { endpoint }, cause: error })
}

export const errorCode = (error: unknown): unknown => (typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined)

/** Whether somebody accepts connections on a unix socket: ZeroMQ itself would push them aside without a word. */
export function isListening(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect({ path })
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
}
