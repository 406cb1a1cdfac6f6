/** A flavor: a named size for instances. Its size never changes; its extra specs do, and instances keep those they were created with. */
import type { FlavorBody } from '../api.ts'
import { checkObject, integer, record, text } from '../kernel/check.ts'
import { accept, type DecideContext, type Decision, defineActor, refuse } from '../kernel/define.ts'
import { type Specs, specsProblem } from '../placement/specs.ts'

type Definition = Omit<FlavorBody, 'id' | 'createdAt'>

type FlavorState =
  | { readonly status: 'absent' }
  | { readonly status: 'present' | 'deleted'; readonly flavor: Definition; readonly createdAt: number; readonly updatedAt: number }

type FlavorCommand =
  /** `builtin`: one of the flavors every new cluster has; it does not come back once it was deleted. */
  | { readonly method: 'create'; readonly args: Definition & { readonly builtin?: boolean } }
  /** Null takes one away. */
  | { readonly method: 'setSpecs'; readonly args: { readonly specs: Readonly<Record<string, string | null>> } }
  | { readonly method: 'get'; readonly args: unknown }
  | { readonly method: 'delete'; readonly args: unknown }

type FlavorEvent =
  | { readonly type: 'created'; readonly flavor: Definition }
  | { readonly type: 'specsSet'; readonly specs: Specs }
  | { readonly type: 'deleted' }

type D = Decision<FlavorState, FlavorEvent>

const same = (a: Definition, b: Definition): boolean => a.name === b.name && a.vcpus === b.vcpus && a.ramMb === b.ramMb && a.diskGb === b.diskGb

const bodyOf = (state: FlavorState, id: string): FlavorBody | null =>
  state.status === 'absent' ? null : { id, ...state.flavor, createdAt: state.createdAt }

function decide(state: FlavorState, command: FlavorCommand, { id }: DecideContext): D {
  const reply = (s: FlavorState) => bodyOf(s, id)
  switch (command.method) {
    case 'create': {
      const { builtin, ...flavor } = command.args
      if (state.status === 'present') {
        return builtin || same(state.flavor, flavor) ? accept([], reply) : refuse('Conflict', `flavor ${id} exists already with other sizes`)
      }
      return builtin && state.status === 'deleted' ? accept([]) : accept([{ type: 'created', flavor }], reply)
    }
    case 'setSpecs':
      return decideSpecs(state, command.args.specs, id)
    case 'get':
      return state.status === 'present' ? accept([], reply) : refuse('NotFound', `there is no flavor ${id}`)
    case 'delete':
      return state.status === 'present' ? accept([{ type: 'deleted' }]) : refuse('NotFound', `there is no flavor ${id}`)
  }
}

function decideSpecs(state: FlavorState, changes: Readonly<Record<string, string | null>>, id: string): D {
  if (state.status !== 'present') return refuse('NotFound', `there is no flavor ${id}`)
  const before = state.flavor.extraSpecs ?? {}
  const missing = Object.keys(changes).find(key => changes[key] === null && !Object.hasOwn(before, key))
  if (missing !== undefined) return refuse('NotFound', `flavor ${id} has no extra spec ${JSON.stringify(missing)}`)
  const specs = Object.fromEntries(Object.entries({ ...before, ...changes }).filter((item): item is [string, string] => item[1] !== null))
  const wrong = specsProblem(specs)
  return wrong ? refuse('BadRequest', wrong) : accept([{ type: 'specsSet', specs }], s => bodyOf(s, id))
}

function evolve(state: FlavorState, event: FlavorEvent, at: number): FlavorState {
  switch (event.type) {
    case 'created':
      return { status: 'present', flavor: event.flavor, createdAt: at, updatedAt: at }
    case 'specsSet':
      return state.status === 'absent' ? state : { ...state, flavor: { ...state.flavor, extraSpecs: event.specs }, updatedAt: at }
    case 'deleted':
      return state.status === 'absent' ? state : { ...state, status: 'deleted', updatedAt: at }
  }
}

export const flavorActor = defineActor<FlavorState, FlavorCommand, FlavorEvent>({
  kind: 'flavor',
  version: 1,
  methods: {
    create: { check: checkObject({ name: text(255), vcpus: integer(1, 4096), ramMb: integer(1, 2 ** 31 - 1), diskGb: integer(0, 2 ** 31 - 1) }) },
    setSpecs: { check: checkObject({ specs: record }) },
    get: {},
    delete: {},
  },
  initial: () => ({ status: 'absent' }),
  decide,
  evolve,
  work: () => [],
  view(state, id) {
    const body = bodyOf(state, id)
    if (!body || state.status === 'absent') return null
    const columns = { name: body.name, deleted: state.status === 'deleted', created_at: state.createdAt, updated_at: state.updatedAt }
    return { table: 'flavor', id, columns, body }
  },
  // A deleted built-in flavor must be remembered as deleted.
  finished: () => false,
})

/** The flavors of a new cluster. */
export const BUILTIN_FLAVORS: readonly Omit<FlavorBody, 'createdAt'>[] = [
  { id: 'tiny', name: 'tiny', vcpus: 1, ramMb: 64, diskGb: 1 },
  { id: 'small', name: 'small', vcpus: 1, ramMb: 512, diskGb: 5 },
  { id: 'medium', name: 'medium', vcpus: 2, ramMb: 2048, diskGb: 20 },
  { id: 'large', name: 'large', vcpus: 4, ramMb: 8192, diskGb: 80 },
]
