/**
 * How each operation is brought about, read from the product's own tables: which states it may begin in and which operations
 * lead there (`instance/states.ts`), which steps it has (the catalogue). Only what no table says stands here: arguments
 * that a request needs, and what must have happened to a host before. An operation for which this is not enough is
 * reported as one without a recipe, so that its author adds a line.
 */
import type { ActOnInstance, VmState } from '../../../actors/api.ts'
import { BY_HAND, propertiesOf } from '../../../actors/guest/backups.ts'
import { FAKE_IMAGE } from '../../../actors/hypervisor/drivers/images.ts'
import { INSTANCE_OPERATIONS, type InstanceOperation } from '../../../actors/instance/states.ts'

export interface Recipe {
  readonly kind: InstanceOperation
  /** The state in which it begins; null for what begins from nothing. */
  readonly from: VmState | null
  /** Operations that led there from a fresh, active instance. */
  readonly path: readonly InstanceOperation[]
  /** The instance's host has lost its power and is said to be fenced. */
  readonly darkHost: boolean
  /** Its disk is a file of its host: there are steps that only such an instance meets. */
  readonly localDisk?: true
}

type Details = Omit<ActOnInstance, 'id' | 'action' | 'requestId'>

const IMAGE = { image: '5eed0000-0000-4000-8000-000000000001', name: 'made', properties: {} }
const DISK = { disk: { id: 'disk-1' } }
const INTERFACE = { interface: { id: 'port-1' } }

/** Arguments without which the request would be refused. */
const DETAILS: Readonly<Partial<Record<InstanceOperation, Details>>> = {
  resize: { flavor: 'small' },
  rebuild: { image: FAKE_IMAGE.id },
  snapshot: { snapshot: IMAGE },
  backup: { snapshot: { ...IMAGE, backupType: 'daily', rotation: 1 } },
  'guest-restore': { guest: { backups: [IMAGE.image] } },
  'attach-disk': DISK,
  'detach-disk': DISK,
  'attach-interface': INTERFACE,
  'detach-interface': INTERFACE,
}

/** The arguments of the request, when it is the `nth` of its kind from 0: the second backup builds on the first. */
export function detailsOf(kind: InstanceOperation, nth: number): Details {
  if (kind !== 'guest-backup') return DETAILS[kind] ?? {}
  const image = (n: number): string => `5eed0000-0000-4000-8000-00000000000${n + 1}`
  const [guest, parent] =
    nth === 0 ? ([{ kind: 'full', parent: null }, null] as const) : ([{ kind: 'incremental', parent: image(nth - 1) }, image(nth - 1)] as const)
  return { snapshot: { ...IMAGE, image: image(nth), properties: propertiesOf(guest.kind, parent, 'lines'), backupType: BY_HAND, rotation: 9 }, guest }
}

/** What must have been done in that state before, when no state tells of it; each list is a way of its own. */
const FIRST: Readonly<Partial<Record<InstanceOperation, readonly (readonly InstanceOperation[])[]>>> = {
  'detach-disk': [['attach-disk']],
  'guest-backup': [[], ['guest-backup']],
  'guest-restore': [['guest-backup']],
  'detach-interface': [['attach-interface']],
  delete: [[], ['attach-disk']],
}

/** These are only for instances whose host is gone. */
const ON_DARK_HOSTS: ReadonlySet<InstanceOperation> = new Set(['evacuate'])

/** Whose disk is carried. */
const CARRY_DISKS: ReadonlySet<string> = new Set(['resize', 'migrate'])
const diskOf = (kind: string): Pick<Recipe, 'localDisk'> => (CARRY_DISKS.has(kind) ? { localDisk: true } : {})

/** From different states: what is resized may have run before or not, and that matters. A third way has shown nothing more. */
const WAYS_PER_STATE = 2

const kinds = Object.keys(INSTANCE_OPERATIONS).filter((kind): kind is InstanceOperation => kind in INSTANCE_OPERATIONS)

/** A few ways from a fresh, active instance to each state, the shortest first, by operations that are done. */
function ways(): ReadonlyMap<VmState, readonly (readonly InstanceOperation[])[]> {
  const found = new Map<VmState, (readonly InstanceOperation[])[]>([['active', [[]]]])
  for (const [state, [path = []]] of found) {
    for (const kind of kinds) {
      const { from, done, second } = INSTANCE_OPERATIONS[kind]
      if (!from.includes(state) || second === 'needs' || ON_DARK_HOSTS.has(kind) || kind === 'delete' || state === 'resized') continue
      if (done.vmState === 'same' || done.vmState === 'kept' || done.vmState === 'back' || done.vmState === 'active') continue
      const known = found.get(done.vmState) ?? []
      const before = path.join()
      if (known.length < WAYS_PER_STATE && known.every(way => way.slice(0, -1).join() !== before))
        found.set(done.vmState, [...known, [...path, kind]])
    }
  }
  return found
}

const WAYS = ways()

/** All ways to bring an operation about, the shortest first; none when nothing is known of it. */
export function recipesFor(name: string): Recipe[] {
  const kind = kinds.find(k => k === name)
  if (!kind) return []
  if (kind === 'build') return [{ kind, from: null, path: [], darkHost: false }]
  return INSTANCE_OPERATIONS[kind].from
    .flatMap(from =>
      (FIRST[kind] ?? [[]])
        .filter(first => first.every(each => INSTANCE_OPERATIONS[each].from.includes(from)))
        .flatMap(first =>
          (WAYS.get(from) ?? []).map(path => ({ kind, from, path: [...path, ...first], darkHost: ON_DARK_HOSTS.has(kind), ...diskOf(kind) })),
        ),
    )
    .toSorted((a, b) => a.path.length - b.path.length)
}
