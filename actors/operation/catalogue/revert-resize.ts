/**
 * Revert a resize or migration: stop the guest where it is, start the one its source has kept, and let go of the other. The
 * source's starts only when the other has stopped, and the other is stopped for good before anything is thrown away.
 */
import { seconds } from '../../kernel/env.ts'
import { hypervisor, type Left, operation, STOP_GRACE_MS, step } from '../step.ts'
import { forget, release } from './ends.ts'

/** The source may run from the moment it may have been told to start. */
function leaves({ args, at }: Left) {
  const { host, claim, origin } = args
  if (!origin || at === 'stop') return { host, claim, origin }
  return { ...origin, origin: at === 'end' || !host || !claim ? undefined : { host, claim } }
}

export const revertResize = operation('revert-resize', {
  steps: [
    step('stop', {
      do: c => hypervisor(c, c.args.host ?? '', 'stop', { graceMs: STOP_GRACE_MS }),
      undo: c => (c.args.running ? hypervisor(c, c.args.host ?? '', 'start') : null),
      timeoutMs: seconds(60),
    }),
    step('start', {
      do: c => (c.args.running ? hypervisor(c, c.args.origin?.host ?? '', 'start') : null),
      undo: c => (c.args.running ? hypervisor(c, c.args.origin?.host ?? '', 'stop', { graceMs: 0 }) : null),
    }),
    forget('destroy', c => c.args.host),
    release('release', c => c.args),
  ],
  leaves,
})
