/** How long a conductor takes to answer, put into a histogram by the kind of actor that was asked. */
import type { Env } from '../../actors/kernel/env.ts'
import type { Received } from '../../transport/incoming.ts'
import type { Observe } from './metrics-table.ts'

type Serve = (message: Received) => Promise<unknown>

/** `kinds` bounds the label: a kind comes from a peer, and could be anything. */
export function measured(env: Env, observe: Observe | undefined, kinds: readonly string[], serve: Serve): Serve {
  if (!observe) return serve
  const known = new Set([...kinds, 'scheduler', 'storage', 'image-store', 'fence', 'api', 'identity', 'monitor', 'node', 'webhook'])
  return async message => {
    // These wait for a guest to say something, which tells nothing of this conductor.
    if (message.to.kind === 'remote-console') return serve(message)
    const beganMs = env.monotonicMs()
    const trace = env.tracing?.active()?.trace
    try {
      return await serve(message)
    } finally {
      observe(
        'message_handling_seconds',
        (env.monotonicMs() - beganMs) / 1000,
        { kind: known.has(message.to.kind) ? message.to.kind : 'unknown' },
        trace,
      )
    }
  }
}
