/**
 * An explorer of all interleavings: breadth first over the states of a model, each visited once. Breadth first, so that the first
 * violation found is one with the fewest steps there are.
 *
 * Visited states are kept as 120 bits of a hash of their key, not as themselves: among a million states the chance that two
 * share one is below 10^-24. Of the way to a state only its last step is kept, as an index; a counterexample is walked again
 * from the beginning. So `steps` must answer the same for the same state, in the same order.
 */
import { hash } from 'node:crypto'

export interface Step<S> {
  /** Who does it, for the column of the timeline. */
  readonly who: string
  readonly what: string
  readonly next: S
}

export interface Model<S> {
  readonly name: string
  readonly initial: S
  /** Everything that may happen next, in any order the world likes. */
  steps(state: S): readonly Step<S>[]
  /** Equal for states that behave alike. */
  key(state: S): string
  /** What must never be, in words; null when all is well. */
  violated(state: S): string | null
}

export interface Limits {
  /** States after which the exploration is given up, as not exhaustive. */
  readonly maxStates: number
  /** Steps from the beginning; absent: as many as there are. */
  readonly maxDepth?: number
}

export interface Exploration {
  readonly model: string
  readonly states: number
  readonly transitions: number
  /** Steps on the longest of all shortest ways. */
  readonly depth: number
  readonly seconds: number
  /** False when a limit cut it short. */
  readonly exhaustive: boolean
  readonly violation: Counterexample | null
}

export interface Counterexample {
  readonly what: string
  readonly steps: readonly { readonly who: string; readonly what: string }[]
}

const HASH_CHARS = 15
/** States between two breaths: the production code under the models makes promises, which are let go in between. */
const BREATH = 500

const hashOf = (key: string): string => hash('sha1', key, 'binary').slice(0, HASH_CHARS)

export async function explore<S>(model: Model<S>, limits: Limits): Promise<Exploration> {
  const started = performance.now()
  const seen = new Set([hashOf(model.key(model.initial))])
  /** Of every state: the state it was first reached from, and by which of its steps. */
  const parents = [-1]
  const choices = [0]
  let layer: { readonly index: number; readonly state: S }[] = [{ index: 0, state: model.initial }]
  let transitions = 0
  let depth = 0

  const result = (exhaustive: boolean, violation: Counterexample | null): Exploration => ({
    model: model.name,
    states: parents.length,
    transitions,
    depth,
    seconds: (performance.now() - started) / 1000,
    exhaustive,
    violation,
  })

  const first = model.violated(model.initial)
  if (first !== null) return result(false, { what: first, steps: [] })
  for (; layer.length > 0; depth++) {
    if (depth === limits.maxDepth) return result(false, null)
    const next: typeof layer = []
    for (const [i, { index, state }] of layer.entries()) {
      if (i % BREATH === 0) await new Promise<void>(resolve => setImmediate(resolve))
      for (const [choice, step] of model.steps(state).entries()) {
        transitions++
        const key = hashOf(model.key(step.next))
        if (seen.has(key)) continue
        seen.add(key)
        const reached = parents.push(index) - 1
        choices.push(choice)
        const what = model.violated(step.next)
        if (what !== null) {
          depth++
          return result(false, { what, steps: wayTo(model, parents, choices, reached) })
        }
        next.push({ index: reached, state: step.next })
      }
      if (parents.length >= limits.maxStates) return result(false, null)
    }
    if (next.length === 0) break
    layer = next
  }
  return result(true, null)
}

/** Walks from the beginning to the state with this index. */
function wayTo<S>(model: Model<S>, parents: readonly number[], choices: readonly number[], reached: number): Counterexample['steps'] {
  const taken: number[] = []
  for (let index = reached; index > 0; index = parents[index] ?? 0) taken.push(choices[index] ?? 0)
  let state = model.initial
  return taken.reverse().map(choice => {
    const step = model.steps(state)[choice]
    if (!step) throw new Error(`${model.name} does not answer the same for the same state`)
    state = step.next
    return { who: step.who, what: step.what }
  })
}

/** A counterexample for people: one line per step, in the column of who does it. */
export function timeline({ what, steps }: Counterexample): string {
  const width = Math.max(...steps.map(s => s.who.length), 4)
  const lines = steps.map((step, i) => `${String(i + 1).padStart(3)}  ${step.who.padEnd(width)}  ${step.what}`)
  return [...lines, `  => ${what}`].join('\n')
}
