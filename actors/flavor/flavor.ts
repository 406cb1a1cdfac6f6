/** A flavor: a named size for instances. Its size never changes; its extra specs do, and instances keep those they were created with. */
import type { FlavorBody } from '../api.ts'
import { type Check, checkObject, flag, integer, optional, record, text } from '../kernel/check.ts'
import { accept, type DecideContext, type Decision, defineActor, refuse } from '../kernel/define.ts'
import { BatonError } from '../kernel/errors.ts'
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
  | { readonly method: 'describe'; readonly args: { readonly description: string | null } }
  | { readonly method: 'setAccess'; readonly args: { readonly project: string; readonly granted: boolean } }
  | { readonly method: 'get'; readonly args: unknown }
  | { readonly method: 'delete'; readonly args: unknown }

type FlavorEvent =
  | { readonly type: 'created'; readonly flavor: Definition }
  | { readonly type: 'specsSet'; readonly specs: Specs }
  | { readonly type: 'described'; readonly description: string | null }
  | { readonly type: 'accessSet'; readonly access: readonly string[] }
  | { readonly type: 'deleted' }

type D = Decision<FlavorState, FlavorEvent>

const same = (a: Definition, b: Definition): boolean =>
  a.name === b.name &&
  a.vcpus === b.vcpus &&
  a.ramMb === b.ramMb &&
  a.diskGb === b.diskGb &&
  (a.ephemeralGb ?? 0) === (b.ephemeralGb ?? 0) &&
  (a.swapMb ?? 0) === (b.swapMb ?? 0) &&
  (a.rxtxFactor ?? 1) === (b.rxtxFactor ?? 1)

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
    case 'describe': {
      const { description } = command.args
      return state.status === 'present' ? accept([{ type: 'described', description }], reply) : missing(id)
    }
    case 'setAccess':
      return decideAccess(state, command.args, id)
    case 'get':
      return state.status === 'present' ? accept([], reply) : refuse('NotFound', `there is no flavor ${id}`)
    case 'delete':
      return state.status === 'present' ? accept([{ type: 'deleted' }]) : refuse('NotFound', `there is no flavor ${id}`)
  }
}

const positive: Check = value => (typeof value === 'number' && value > 0 && value < 2 ** 31 ? null : 'must be a number above 0')

const missing = (id: string): D => refuse('NotFound', `there is no flavor ${id}`)

/** As many projects as may share a flavor that is not public. */
const MAX_ACCESS = 10_000

function decideAccess(state: FlavorState, { project, granted }: { project: string; granted: boolean }, id: string): D {
  if (state.status !== 'present') return missing(id)
  const { isPublic = true, access = [] } = state.flavor
  if (isPublic) return refuse('Conflict', `flavor ${id} is public: every project has access to it`)
  if (granted === access.includes(project)) {
    return granted
      ? refuse('Conflict', `project ${project} has access to flavor ${id} already`)
      : refuse('NotFound', `project ${project} has no access to flavor ${id}`)
  }
  if (granted && access.length >= MAX_ACCESS)
    return refuse('Forbidden', `flavor ${id} is shared with ${access.length} projects, and cannot be with more`)
  const after = granted ? [...access, project] : access.filter(other => other !== project)
  return accept([{ type: 'accessSet', access: after }], s => bodyOf(s, id))
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
    case 'described':
      return state.status === 'absent' ? state : { ...state, flavor: { ...state.flavor, description: event.description }, updatedAt: at }
    case 'accessSet':
      return state.status === 'absent' ? state : { ...state, flavor: { ...state.flavor, access: event.access }, updatedAt: at }
    case 'deleted':
      return state.status === 'absent' ? state : { ...state, status: 'deleted', updatedAt: at }
  }
}

export const flavorActor = defineActor<FlavorState, FlavorCommand, FlavorEvent>({
  kind: 'flavor',
  version: 1,
  methods: {
    create: {
      check: checkObject({
        name: text(255),
        vcpus: integer(1, 4096),
        ramMb: integer(1, 2 ** 31 - 1),
        diskGb: integer(0, 2 ** 31 - 1),
        ephemeralGb: optional(integer(0, 2 ** 31 - 1)),
        swapMb: optional(integer(0, 2 ** 31 - 1)),
        rxtxFactor: optional(positive),
        description: optional(text(65_535)),
        isPublic: optional(flag),
      }),
    },
    describe: { check: checkObject({ description: optional(text(65_535)) }) },
    setAccess: { check: checkObject({ project: text(64), granted: flag }) },
    setSpecs: { check: checkObject({ specs: record }) },
    get: { reads: true },
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

/** What an instance keeps of its flavor: what it is made of, not who may use it. Throws `BadRequest` for one that no driver can make. */
export function keptByInstances({ createdAt: _, access: _access, description: _description, isPublic: _isPublic, ...kept }: FlavorBody): FlavorKept {
  if ((kept.ephemeralGb ?? 0) > 0 || (kept.swapMb ?? 0) > 0) {
    throw new BatonError('BadRequest', `flavor ${kept.id} has an ephemeral disk or swap, which no driver makes yet; choose one without`)
  }
  return kept
}
type FlavorKept = Omit<FlavorBody, 'createdAt'>

/** The flavors of a new cluster. */
export const BUILTIN_FLAVORS: readonly Omit<FlavorBody, 'createdAt'>[] = [
  { id: 'tiny', name: 'tiny', vcpus: 1, ramMb: 64, diskGb: 1 },
  { id: 'small', name: 'small', vcpus: 1, ramMb: 512, diskGb: 5 },
  { id: 'medium', name: 'medium', vcpus: 2, ramMb: 2048, diskGb: 20 },
  { id: 'large', name: 'large', vcpus: 4, ramMb: 8192, diskGb: 80 },
]
