/**
 * Whose key may come in at a gateway's door: asked of the conductors, and remembered for a moment, so that a flood of handshakes is not a flood of
 * questions. It is only the outer gate. A key that was replaced a moment ago may still pass it, and gets no session.
 */
import type { Env } from '../../actors/kernel/env.ts'
import type { CurveListener } from '../../transport/zeromq-curve.ts'

const REMEMBERED = { yesMs: 10_000, noMs: 1000, max: 10_000 } as const

export function createAdmissions(
  env: Pick<Env, 'monotonicMs'>,
  isEnrolled: (key: string) => Promise<boolean>,
): { admits: CurveListener['admits']; counters(): Readonly<{ refused: number }> } {
  const known = new Map<string, { readonly admitted: boolean; readonly untilMs: number }>()
  const counters = { refused: 0 }

  async function isAdmitted(key: string): Promise<boolean> {
    const nowMs = env.monotonicMs()
    const found = known.get(key)
    if (found && found.untilMs > nowMs) return found.admitted
    const admitted = await isEnrolled(key)
    known.delete(key)
    known.set(key, { admitted, untilMs: nowMs + (admitted ? REMEMBERED.yesMs : REMEMBERED.noMs) })
    if (known.size > REMEMBERED.max) known.delete(known.keys().next().value ?? '')
    return admitted
  }

  return {
    async admits(key) {
      try {
        if (await isAdmitted(key)) return 'yes'
        counters.refused++
        return 'no'
      } catch {
        return 'later'
      }
    },
    counters: () => counters,
  }
}
