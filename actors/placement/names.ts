/**
 * Custom resource classes and traits that somebody has named before any host has them, as one actor. What hosts have exists without
 * being named here, so a name taken away while a host gets it is still there: nothing has to be decided between the two.
 */
import { anyOf, checkObject, text } from '../kernel/check.ts'
import { accept, defineActor, refuse } from '../kernel/define.ts'
import { customTraitProblem, resourceClassProblem } from './specs.ts'

/** The id of the one actor. */
export const ALL_NAMES = 'all'
/** Of each kind. */
const MAX_NAMES = 10_000

export const NAME_KINDS = ['resourceClasses', 'traits'] as const
export type NameKind = (typeof NAME_KINDS)[number]

/** Sorted. */
export type PlacementNames = Readonly<Record<NameKind, readonly string[]>>

interface NameArgs {
  readonly kind: NameKind
  readonly name: string
}

type NamesCommand = { readonly method: 'add' | 'remove'; readonly args: NameArgs } | { readonly method: 'get'; readonly args: unknown }
type NamesEvent = { readonly type: 'added' | 'removed' } & NameArgs

const PROBLEM = { resourceClasses: resourceClassProblem, traits: customTraitProblem } as const satisfies Record<NameKind, unknown>

export const namesActor = defineActor<PlacementNames, NamesCommand, NamesEvent>({
  kind: 'placement-names',
  version: 1,
  methods: {
    add: { check: checkObject({ kind: anyOf(...NAME_KINDS), name: text(255) }) },
    remove: { check: checkObject({ kind: anyOf(...NAME_KINDS), name: text(255) }) },
    get: { reads: true },
  },
  initial: () => ({ resourceClasses: [], traits: [] }),
  /** `changed` in the answer: whether it was not so before. */
  decide(state, command) {
    if (command.method === 'get') return accept([], s => s)
    const { kind, name } = command.args
    const isThere = state[kind].includes(name)
    if (command.method === 'remove') return accept(isThere ? [{ type: 'removed', kind, name }] : [], () => ({ changed: isThere }))
    const wrong = PROBLEM[kind](name)
    if (wrong) return refuse('BadRequest', wrong)
    if (!isThere && state[kind].length >= MAX_NAMES) return refuse('Forbidden', `there are ${MAX_NAMES} custom names of this kind already`)
    return accept(isThere ? [] : [{ type: 'added', kind, name }], () => ({ changed: !isThere }))
  },
  evolve(state, { type, kind, name }) {
    const others = state[kind].filter(other => other !== name)
    return { ...state, [kind]: type === 'added' ? [...others, name].sort() : others }
  },
  work: () => [],
  view: () => null,
  finished: () => false,
})
