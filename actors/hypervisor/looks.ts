/**
 * What takes a host long and is watched by short looks: it goes on by itself between them, and a look that comes when nothing is under way, as
 * after a restart of the host's agent, begins it again.
 */
import type { Env } from '../kernel/env.ts'

/** How far something is that sends bytes. */
export interface SendingLook {
  readonly done: boolean
  readonly sentBytes: number
  readonly totalBytes: number
}

export interface Sending {
  sentBytes: number
  totalBytes: number
}

/** Looks at what is called `name`, and waits for it up to `waitMs`. Rejects as it has failed; asked again, it is tried again. */
export type Look = (name: string, waitMs: number, begin: (progress: Sending) => Promise<void>) => Promise<SendingLook>

export function createLooks(env: Pick<Env, 'setTimer'>): Look {
  const running = new Map<string, { readonly progress: Sending; readonly ended: Promise<void> }>()
  return async (name, waitMs, begin) => {
    const known = running.get(name)
    const progress: Sending = known?.progress ?? { sentBytes: 0, totalBytes: 0 }
    const mine = known ?? { progress, ended: begin(progress) }
    if (!known) {
      running.set(name, mine)
      const over = (): boolean => running.delete(name)
      mine.ended.then(over, over)
    }
    const late = new Promise<false>(resolve => env.setTimer(waitMs, () => resolve(false)))
    const done = await Promise.race([mine.ended.then(() => true), late])
    return { done, ...progress }
  }
}
