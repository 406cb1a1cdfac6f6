/**
 * How a node lives as a process: it says when it is ready, drains on SIGTERM or SIGINT or when the supervisor that started
 * it is gone, and ends. A node started by `baton up` has a channel to it; started by hand it has none, and nothing differs.
 */
import type { Logger } from '../actors/kernel/env.ts'
import { type Fault, toFault } from '../actors/kernel/errors.ts'

/** From a node to its supervisor. */
export type NodeMessage =
  | { readonly type: 'ready'; readonly endpoint: string; readonly note: string }
  | { readonly type: 'failed'; readonly fault: Fault }

/** From a supervisor to its node. `shutdown`: the whole cluster stops, nothing need be handed over. */
export type SupervisorMessage = { readonly type: 'shutdown' }

/** `drain`: others take over. `shutdown`: nobody does. */
export type Ending = 'drain' | 'shutdown'

/** A drain that takes longer is cut off: the fence and the journal make that safe, ms. */
const DRAIN_MS = 20_000

export interface NodeProcess {
  ready(endpoint: string, note?: string): void
  /** Ends the process when `close` is done, or after a bound. Called once; later calls change nothing. */
  end(why: Ending): void
}

/** `drainMs` bounds `close`. */
export function runNode(log: Logger, close: (why: Ending) => Promise<void>, drainMs = DRAIN_MS): NodeProcess {
  let ending = false

  function end(why: Ending): void {
    if (ending) return
    ending = true
    log.info({ why }, 'stopping')
    setTimeout(() => {
      log.error({}, 'stopping took too long; ending at once')
      process.exit(1)
    }, drainMs).unref()
    close(why).then(
      () => process.exit(0),
      error => {
        log.error({ fault: toFault(error) }, 'could not stop in order')
        process.exit(1)
      },
    )
  }

  process.on('SIGTERM', () => end('drain'))
  process.on('SIGINT', () => end('drain'))
  process.on('disconnect', () => end('drain'))
  process.on('message', (message: SupervisorMessage) => {
    if (message?.type === 'shutdown') end('shutdown')
  })
  // A defect must not leave a half-working node behind: the supervisor starts a whole one.
  process.on('uncaughtException', error => {
    log.error({ error }, 'a defect; this node ends')
    process.exit(70)
  })

  return {
    ready(endpoint, note = '') {
      log.info({ endpoint, note }, 'ready')
      if (process.connected) process.send?.({ type: 'ready', endpoint, note } satisfies NodeMessage)
    },
    end,
  }
}
