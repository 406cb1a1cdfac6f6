/**
 * Operations watched live: one line of JSON, `{operation}`, now and whenever it has changed, until it has ended.
 *
 * The stream is pulled, so a client that stops reading stops the polling with it. A watch ends by itself after `watchLifeMs`, and when the
 * server closes; the client sees from the last line whether the operation has ended, and watches again if not.
 */
import { Readable } from 'node:stream'
import type { OperationBody } from '../../../actors/api.ts'
import { BatonError, isTransient, toFault } from '../../../actors/kernel/errors.ts'
import type { HttpContext } from '../context.ts'

export interface Watchers {
  /** Rejects `NotFound`, or `Overloaded` when there are too many watchers. */
  watch(id: string): Promise<Readable>
  /** Ends all of them. */
  close(): void
}

const lineOf = (operation: OperationBody): string => `${JSON.stringify({ operation })}\n`

export function createWatchers({ api, limits }: HttpContext): Watchers {
  const living = new Set<AbortController>()

  /** The operation, or null when it is gone. A cluster that fails over is no reason to end a watch. */
  async function poll(id: string, last: OperationBody): Promise<OperationBody | null> {
    try {
      return await api.getOperation({ id })
    } catch (error) {
      return isTransient(toFault(error)) ? last : null
    }
  }

  async function* lines(first: OperationBody, ended: AbortSignal): AsyncGenerator<string> {
    let current: OperationBody | null = first
    let sent = ''
    while (current !== null && !ended.aborted) {
      const line = lineOf(current)
      if (line !== sent) yield line
      sent = line
      if (current.endedAt !== null) return
      await pause(limits.watchPollMs, ended)
      if (ended.aborted) return
      current = await poll(current.id, current)
    }
  }

  return {
    async watch(id) {
      if (living.size >= limits.maxWatchers) {
        throw new BatonError('Overloaded', `There are already ${limits.maxWatchers} watchers.`, { retryAfterMs: 5_000 })
      }
      const ending = new AbortController()
      living.add(ending)
      try {
        const source = lines(await api.getOperation({ id }), ending.signal)
        const life = setTimeout(() => ending.abort(), limits.watchLifeMs)
        // Not `Readable.from`: destroying that one waits for the generator, which waits for a change.
        return new Readable({
          highWaterMark: 1,
          read() {
            source.next().then(
              ({ done, value }) => this.push(done ? null : value),
              (error: Error) => this.destroy(error),
            )
          },
          destroy(error, done) {
            clearTimeout(life)
            ending.abort()
            living.delete(ending)
            done(error)
          },
        })
      } catch (error) {
        living.delete(ending)
        throw error
      }
    },
    close() {
      for (const ending of living) ending.abort()
    },
  }
}

/** Waits `ms`, or less when `ended` fires. */
function pause(ms: number, ended: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      clearTimeout(timer)
      ended.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    ended.addEventListener('abort', done)
  })
}
