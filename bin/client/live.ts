/** The live console for commands: a connection with the credentials of the CLI. */
import type { OperationBody } from '../../actors/api.ts'
import { BatonError, ERRORS, type ErrorCode } from '../../actors/kernel/errors.ts'
import { type ConnectionState, type ConsoleClient, type ConsoleFault, connectConsole } from '../../transport/console-client/client.ts'
import { tokenFor } from './http.ts'
import { hasEnded } from './operations.ts'

/** How long a gateway may be away before a command gives up, ms. */
const AWAY_MS = 60_000

const isCode = (text: string): text is ErrorCode => Object.hasOwn(ERRORS, text)

export const faultOf = ({ code, message }: ConsoleFault): BatonError => new BatonError(isCode(code) ? code : 'Internal', message)

export interface Live {
  readonly client: ConsoleClient
  /** Rejects when the connection is refused, or away for a minute; never resolves. */
  readonly failed: Promise<never>
  close(): void
}

export function openLive(endpoint: string, onState: (state: ConnectionState) => void = () => {}): Live {
  let fail: (error: BatonError) => void = () => {}
  let away: NodeJS.Timeout | null = null
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  // Whoever does not wait for it any more has what he wanted.
  failed.catch(() => {})
  const back = (): void => {
    if (away) clearTimeout(away)
    away = null
  }
  const client = connectConsole({
    url: `${endpoint.replace(/^http/, 'ws')}/console`,
    token: () => tokenFor(endpoint),
    maxPauseMs: 5000,
    onState(state) {
      onState(state)
      if (state.state === 'live') back()
      if (state.state === 'waiting') away ??= setTimeout(() => fail(new BatonError('NotRunning', `${endpoint}: ${state.why}`)), AWAY_MS)
      if (state.state === 'closed') fail(new BatonError('Unauthorized', `${endpoint}: ${state.why}`))
    },
  })
  return {
    client,
    failed,
    close() {
      back()
      client.close()
    },
  }
}

/**
 * Follows an operation until it has ended, calling `onChange` with every state seen; null when no WebSocket comes about here, as with a
 * proxy in between that knows none. Rejects as the subscription is refused.
 */
export async function watchOperation(endpoint: string, id: string, onChange: (operation: OperationBody) => void): Promise<OperationBody | null> {
  let none: () => void = () => {}
  const neverLive = new Promise<null>(resolve => {
    none = () => resolve(null)
  })
  let wasLive = false
  const live = openLive(endpoint, ({ state }) => {
    wasLive ||= state === 'live'
    if (state === 'waiting' && !wasLive) none()
  })
  try {
    const ended = new Promise<OperationBody>((resolve, reject) => {
      live.client.watch(
        'operations',
        { id },
        {
          onChange({ rows, gone }) {
            const operation = rows.get(id)
            if (gone.includes(id)) reject(new BatonError('NotFound', `operation ${id} is gone`))
            if (!operation) return
            onChange(operation)
            if (hasEnded(operation)) resolve(operation)
          },
          onError: fault => reject(faultOf(fault)),
        },
      )
    })
    return await Promise.race([ended, live.failed, neverLive])
  } finally {
    live.close()
  }
}
