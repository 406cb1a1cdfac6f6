/**
 * The limits of projects that have none of their own (Nova's quota class `default`), as one actor: what an operator has set by the API stands
 * over the configuration of the conductors. A project is told them with each question in which they matter.
 */
import { checkObject, record } from '../kernel/check.ts'
import { accept, defineActor, refuse } from '../kernel/define.ts'
import { type Amounts, type DefaultLimits, isResource, LIMIT_MAX, type Limits, RESOURCES, UNLIMITED } from '../kernel/quota.ts'

/** The id of the one actor. */
export const DEFAULT_LIMITS = 'default'

/** Names of `unused` limits are Nova's; there were never more. */
const UNUSED_MAX = 20

interface State {
  /** Only those that were set. */
  readonly limits: Amounts
  readonly unused: Readonly<Record<string, number>>
}

type Command = { readonly method: 'get'; readonly args: unknown } | { readonly method: 'set'; readonly args: State }
interface SetEvent extends State {
  readonly type: 'set'
}

const isLimit = (limit: unknown): boolean => typeof limit === 'number' && Number.isSafeInteger(limit) && limit >= UNLIMITED && limit <= LIMIT_MAX

/** What is wrong with limits, or null. */
function problem({ limits, unused }: State): string | null {
  const unknown = Object.keys(limits).find(name => !isResource(name))
  if (unknown !== undefined) return `there is no quota ${JSON.stringify(unknown)}; there are ${RESOURCES.join(', ')}`
  const bad = Object.entries({ ...unused, ...limits }).find(([, limit]) => !isLimit(limit))
  if (bad) return `quota limit ${bad[1]} for ${bad[0]} must be a whole number from -1 to ${LIMIT_MAX}`
  return Object.keys(unused).length > UNUSED_MAX ? `at most ${UNUSED_MAX} other limits are kept` : null
}

/** `configured`: those that nobody has set. */
export const defaultLimitsActor = (configured: Limits) =>
  defineActor<State, Command, SetEvent>({
    kind: 'default-limits',
    version: 1,
    methods: { get: { reads: true }, set: { check: checkObject({ limits: record, unused: record }) } },
    initial: () => ({ limits: {}, unused: {} }),
    decide(_, command) {
      const reply = (s: State): DefaultLimits => ({ limits: { ...configured, ...s.limits }, unused: s.unused })
      if (command.method === 'get') return accept([], reply)
      const { limits, unused } = command.args
      const wrong = problem({ limits, unused })
      return wrong ? refuse('BadRequest', wrong) : accept([{ type: 'set', limits, unused }], reply)
    },
    evolve: (state, { limits, unused }) => ({ limits: { ...state.limits, ...limits }, unused: { ...state.unused, ...unused } }),
    work: () => [],
    view: () => null,
    finished: () => false,
  })
