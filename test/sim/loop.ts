/**
 * Simulated time: a queue of moments, run one after the other, and between two of them everything that was promised is
 * settled. Nothing else moves, so the same seed gives the same run.
 *
 * nact runs its mailboxes on `setImmediate`; while a loop is installed, those go into the queue too, at the present moment.
 */
const realSetImmediate = globalThis.setImmediate
const realClearImmediate = globalThis.clearImmediate

export interface Loop {
  /** Simulated ms since the start. */
  nowMs(): number
  /** Runs `fn` once after `delayMs`; the handle cancels it. */
  schedule(delayMs: number, fn: () => void): { cancel(): void }
  /** Runs until the given moment, or until `done` says so. */
  runUntil(atMs: number, done?: () => boolean): Promise<void>
  /** Moments run so far. */
  steps(): number
  install(): void
  uninstall(): void
}

interface Moment {
  readonly atMs: number
  readonly seq: number
  fn: (() => void) | null
}

const before = (a: Moment, b: Moment): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.seq < b.seq)

/**
 * Settles all promises that can be settled without time passing: Node takes its next tick when no promise is left to settle. A turn of the
 * event loop would do the same and cost three times as much; so those come only now and then, for what Node itself has to do.
 */
const settle = (): Promise<void> =>
  new Promise(resolve => {
    if (waiting.push(resolve) === 1) process.nextTick(release)
  })
/** Who waits for that, one after the other: Node runs all its next ticks before it settles what the first of them began. */
const waiting: (() => void)[] = []
function release(): void {
  waiting.shift()?.()
  if (waiting.length > 0) queueMicrotask(() => process.nextTick(release))
}
const breathe = (): Promise<void> => new Promise(resolve => realSetImmediate(resolve))
const BREATHE_EVERY = 5000

export function createLoop(): Loop {
  const heap: Moment[] = []
  let now = 0
  let seq = 0
  let steps = 0

  function push(moment: Moment): void {
    let i = heap.push(moment) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      const above = heap[parent]
      if (!above || !before(moment, above)) break
      heap[i] = above
      i = parent
    }
    heap[i] = moment
  }

  function pop(): Moment | undefined {
    const top = heap[0]
    const last = heap.pop()
    if (!top || !last || heap.length === 0) return top
    let i = 0
    for (;;) {
      const left = 2 * i + 1
      if (left >= heap.length) break
      const l = heap[left] as Moment
      const r = heap[left + 1]
      const child = r && before(r, l) ? left + 1 : left
      const below = heap[child] as Moment
      if (!before(below, last)) break
      heap[i] = below
      i = child
    }
    heap[i] = last
    return top
  }

  function schedule(delayMs: number, fn: () => void): { cancel(): void } {
    const moment: Moment = { atMs: now + Math.max(0, delayMs), seq: seq++, fn }
    push(moment)
    return {
      cancel: () => {
        moment.fn = null
      },
    }
  }

  return {
    nowMs: () => now,
    schedule,
    steps: () => steps,
    async runUntil(atMs, done) {
      await settle()
      for (;;) {
        const next = heap[0]
        if (!next || next.atMs > atMs) break
        pop()
        if (!next.fn) continue
        now = next.atMs
        steps++
        next.fn()
        await (steps % BREATHE_EVERY === 0 ? breathe() : settle())
        if (done?.()) return
      }
      now = Math.max(now, atMs)
    },
    install() {
      globalThis.setImmediate = ((fn: () => void) => schedule(0, fn)) as never
      globalThis.clearImmediate = ((handle?: { cancel(): void }) => handle?.cancel()) as never
    },
    uninstall() {
      globalThis.setImmediate = realSetImmediate
      globalThis.clearImmediate = realClearImmediate
    },
  }
}
