/**
 * Keeps an actor's outstanding work going. `reconcile` is given the whole list each time: what is new is started, what
 * has gone is cancelled, what stays is left alone. Answers come back through `answer` as `@result` and `@timer`.
 */
import type { Address } from '../../actors/kernel/address.ts'
import type { CallWork, Work } from '../../actors/kernel/define.ts'
import { backoffMs, type Env, type Timer } from '../../actors/kernel/env.ts'
import { type Fault, isTransient, toFault } from '../../actors/kernel/errors.ts'
import { isStorable, storable } from '../../actors/kernel/storable.ts'

export interface WorkRunnerOptions {
  readonly env: Env
  now(): number
  call(to: Address, method: string, args: unknown, timeoutMs: number): Promise<unknown>
  /** Delivers `@result` or `@timer` to the actor; rejects when the actor could not take it. */
  answer(method: '@result' | '@timer', args: unknown): Promise<unknown>
}

export interface WorkRunner {
  reconcile(work: readonly Work[]): void
  /** True while anything is outstanding. */
  busy(): boolean
}

interface Running {
  cancelled: boolean
  timer: Timer | null
}

/** One call at most waits this long before its way is looked up afresh, ms. */
const CALL_MS = 60_000
/** Timers further away than this are set in stages, ms: platform timers overflow at 2^31. */
const TIMER_STAGE_MS = 3_600_000

export function createWorkRunner(options: WorkRunnerOptions): WorkRunner {
  const { env } = options
  const running = new Map<string, Running>()

  const within = <T>({ context }: CallWork, fn: () => T): T => (env.tracing ? env.tracing.within(context, fn) : fn())

  function later(run: Running, delayMs: number, fn: () => void): void {
    run.timer = env.setTimer(Math.max(0, delayMs), () => {
      run.timer = null
      if (!run.cancelled) fn()
    })
  }

  /** Hands an answer to the actor until it takes it; only an actor that fails or moves away does not. */
  function deliver(run: Running, method: '@result' | '@timer', args: unknown, attempt = 0): void {
    options.answer(method, isStorable(args) ? args : storable(args)).catch(error => {
      if (run.cancelled) return
      env.log.debug({ error, args }, 'an answer was not taken')
      later(run, backoffMs(env, attempt, 100, 5000), () => deliver(run, method, args, attempt + 1))
    })
  }

  function call(run: Running, work: CallWork, attempt: number): void {
    const leftMs = work.deadlineAt === undefined ? CALL_MS : work.deadlineAt - options.now()
    // Past its deadline a call is over; the actor has a timer of its own for that.
    if (leftMs <= 0) return
    within(work, () => options.call(work.to, work.method, work.args, Math.min(leftMs, CALL_MS))).then(
      value => {
        if (!run.cancelled) within(work, () => deliver(run, '@result', { key: work.key, ok: true, value }))
      },
      error => {
        if (run.cancelled) return
        const fault: Fault = toFault(error)
        if (isTransient(fault)) later(run, fault.retryAfterMs ?? backoffMs(env, attempt, 50, 2000), () => call(run, work, attempt + 1))
        else within(work, () => deliver(run, '@result', { key: work.key, ok: false, fault }))
      },
    )
  }

  function timer(run: Running, key: string, at: number): void {
    const leftMs = at - options.now()
    if (leftMs <= 0) later(run, 0, () => deliver(run, '@timer', { key }))
    else later(run, Math.min(leftMs, TIMER_STAGE_MS), () => timer(run, key, at))
  }

  return {
    reconcile(work) {
      const wanted = new Set(work.map(w => w.key))
      for (const [key, run] of running) {
        if (wanted.has(key)) continue
        run.cancelled = true
        run.timer?.cancel()
        running.delete(key)
      }
      for (const item of work) {
        if (running.has(item.key)) continue
        const run: Running = { cancelled: false, timer: null }
        running.set(item.key, run)
        if (item.type === 'timer') timer(run, item.key, item.at)
        else if (item.notBefore !== undefined && item.notBefore > options.now()) later(run, item.notBefore - options.now(), () => call(run, item, 0))
        else call(run, item, 0)
      }
    },
    busy: () => running.size > 0,
  }
}
