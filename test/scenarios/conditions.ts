/** What a scenario may wait for: looked at after every moment, so that what follows happens at once. */
import { type HostBody, VM_STATES } from '../../actors/api.ts'
import { bodies } from '../sim/checkers/checker.ts'
import type { Stage } from './stage.ts'
import { namesOf, type Pattern } from './words.ts'

export interface Condition extends Pattern {
  holds(stage: Stage, values: readonly string[]): boolean
}

const every = (names: string | undefined, holds: (name: string) => boolean): boolean => namesOf(names ?? '').every(holds)

/** Hosts on which its guest runs now. */
const runsOn = (stage: Stage, name: string): string[] =>
  [...stage.world.stores].flatMap(([host, store]) =>
    store.guests().some(g => g.spec.instance === stage.idOf(name) && g.power === 'running') ? [host] : [],
  )

const isCommand = (stage: Stage, phase: 'told' | 'did', method: string | undefined, name: string | undefined): boolean =>
  stage.command?.phase === phase && stage.command.command.method === method && stage.command.command.instance === stage.idOf(name ?? '')

/** The command this moment is about, on any host: that host is `it` from now on. */
function onAnyHost(stage: Stage, phase: 'told' | 'did', [method, name]: readonly string[]): boolean {
  if (!isCommand(stage, phase, method, name)) return false
  stage.it = stage.command?.command.host ?? null
  return true
}

const onHost = (stage: Stage, phase: 'told' | 'did', [host = '', method, name]: readonly string[]): boolean =>
  isCommand(stage, phase, method, name) && stage.nodes(host).includes(stage.command?.command.host ?? '')

/** The longer patterns first. */
export const CONDITIONS: readonly Condition[] = [
  { usage: 'any host told WORD NAME', holds: (stage, values) => onAnyHost(stage, 'told', values) },
  { usage: 'any host did WORD NAME', holds: (stage, values) => onAnyHost(stage, 'did', values) },
  { usage: 'NODE told WORD NAME', holds: (stage, values) => onHost(stage, 'told', values) },
  { usage: 'NODE did WORD NAME', holds: (stage, values) => onHost(stage, 'did', values) },
  {
    usage: 'NAME runs on NODE',
    holds: (stage, [names, node = '']) => every(names, name => runsOn(stage, name).some(h => stage.nodes(node).includes(h))),
  },
  { usage: 'NAME runs', holds: (stage, [names]) => every(names, name => runsOn(stage, name).length === 1) },
  { usage: 'NAME runs nowhere', holds: (stage, [names]) => every(names, name => runsOn(stage, name).length === 0) },
  { usage: 'NAME at step WORD', holds: (stage, [names, step]) => every(names, name => stepOf(stage, name) === step) },
  { usage: 'NAME undoes WORD', holds: (stage, [names, step]) => every(names, name => stepOf(stage, name, 'undo') === step) },
  { usage: 'NAME is there', holds: (stage, [names]) => every(names, name => stage.instance(name) !== undefined) },
  { usage: 'NAME rests', holds: (stage, [names]) => stage.waiting() === 0 && every(names, name => stage.instance(name)?.operation === null) },
  {
    usage: 'nothing is under way',
    holds: stage => stage.waiting() === 0 && [...stage.world.database.tables.views.operation.values()].every(row => row.columns.open === false),
  },
  { usage: 'all is answered', holds: stage => stage.waiting() === 0 },
  { usage: 'NODE is WORD', holds: (stage, [node = '', state = '']) => stage.nodes(node).every(name => nodeIs(stage, name, state)) },
  {
    usage: 'NAME moved from NODE',
    holds: (stage, [names, node = '']) =>
      every(names, name => inState(stage, name, 'active') && !stage.nodes(node).includes(stage.instance(name)?.host ?? '')),
  },
  ...VM_STATES.flatMap((state): Condition[] => [
    {
      usage: `NAME ${state} on NODE`,
      holds: (stage, [names, node = '']) =>
        every(names, name => inState(stage, name, state) && stage.nodes(node).includes(stage.instance(name)?.host ?? '')),
    },
    { usage: `NAME ${state}`, holds: (stage, [names]) => every(names, name => inState(stage, name, state)) },
  ]),
]

/** Whatever was asked for is answered and over. */
function inState(stage: Stage, name: string, state: string): boolean {
  const body = stage.instance(name)
  return stage.waiting() === 0 && body?.vmState === state && body.operation === null
}

/** The step its operation is at. */
function stepOf(stage: Stage, name: string, direction: 'do' | 'undo' = 'do'): string | null {
  const operation = stage.operation(name)
  const step = operation?.endedAt === null ? operation.steps.at(-1) : undefined
  return step?.direction === direction && step.state === 'running' ? step.name : null
}

/** A host in its state, or `lost`; a conductor `dead`, or `alive` when its newest life is. */
function nodeIs(stage: Stage, name: string, state: string): boolean {
  const host = bodies<HostBody>(stage.world, 'host').find(h => h.id === name)
  if (host) return state === 'lost' ? Boolean(host.ha?.lostAt) : host.state === state
  return [...stage.world.database.tables.conductors.values()].findLast(row => row.nodeId === name)?.state === state
}
