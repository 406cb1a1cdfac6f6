/** What people may ask of an instance. The table of `states.ts` says when. */
import type { BlockMigration, DiskRequest, InstanceAction, InterfaceRequest, UpdateInstance } from '../api.ts'
import { NO_DEVICES } from '../hypervisor/driver.ts'
import { accept, type DecideContext, type Decision, refuse } from '../kernel/define.ts'
import { amountsOf } from '../kernel/quota.ts'
import type { Requester } from '../kernel/requester.ts'
import { byVerdict } from '../operation/trace.ts'
import { asked as askedAbout, isPast, taking } from '../project/holding.ts'
import { aboutAfter } from './about.ts'
import { acceptedBody, answerTo } from './answers.ts'
import { deviceChange, kept } from './devices.ts'
import { bodyOf, type Change, type InstanceEvent, type InstanceSpec, type InstanceState, type Task } from './model.ts'
import { INSTANCE_OPERATIONS, type InstanceOperation, type OperationRow, rowOf } from './states.ts'

type D = Decision<InstanceState, InstanceEvent>

export interface ActArgs {
  readonly action: InstanceAction
  readonly mode?: 'soft' | 'hard'
  readonly change?: Change
  /** The host to go to. */
  readonly host?: string
  /** The device that comes or goes. */
  readonly disk?: DiskRequest
  readonly interface?: InterfaceRequest
  /** Of a live migration: whether the disk is copied too. */
  readonly blockMigration?: BlockMigration
  /**
   * The host that an operator has emptied of its instances. The request is refused unless the instance is there, so that whoever
   * asks twice moves it once; and as an operator's, it is not held up by a lock.
   */
  readonly leaving?: string
  /** What is to begin by itself, so long after this is done, ms. */
  readonly followUp?: Task['followUp']
  readonly requestId: string
  readonly by?: Requester
  /** Of the reservation with its project, when it is to grow. */
  readonly quota?: number
}

export interface CreateArgs extends InstanceSpec {
  readonly requestId: string
  readonly by?: Requester
  /** Of the reservation with its project. */
  readonly quota?: number
  readonly tags?: readonly string[]
}

export interface DeleteArgs {
  readonly requestId: string
  readonly by?: Requester
  /** For how long it can be restored, ms; absent or 0: not at all. */
  readonly reclaimMs?: number
}

export type UpdateArgs = Omit<UpdateInstance, 'id'>

export const nextId = (state: InstanceState, id: string): string => `${id}.${state.operations + 1}`

const deleted = (id: string): D => refuse('NotFound', `instance ${id} is deleted`)

const givenUp = (id: string): D => refuse('StaleCommand', `what was reserved for instance ${id} was given up meanwhile`)

export function decideCreate(state: InstanceState, args: CreateArgs, { id }: DecideContext): D {
  const { requestId, by, quota, tags, ...spec } = args
  const { asked, holding } = state
  const reply = (s: InstanceState) => bodyOf(s, id)
  const taken = taking(holding, quota, amountsOf(spec.flavor))
  if (!state.spec) {
    if (quota !== undefined && isPast(holding, quota)) return givenUp(id)
    const task: Task = { operation: `${id}.1`, kind: 'build', requestId, ...(by ? { by } : {}), mode: null }
    return accept([...taken, { type: 'created', spec, ...(tags ? { tags: [...new Set(tags)] } : {}), task }], reply)
  }
  const same = asked?.name === spec.name && asked.flavor === spec.flavor.id && asked.image === spec.image && state.spec.project === spec.project
  return same ? accept(taken, reply) : refuse('Conflict', `instance ${id} was created already with other arguments; use another client token`)
}

/** What is entered for it in that project, after it has given up that reservation unless it was taken. Without a number nothing changes. */
export function decideHolds(state: InstanceState, { project, number }: { project: string; number?: number }): D {
  if (state.spec && state.spec.project !== project) return accept([], () => ({ held: null }))
  return accept(number === undefined ? [] : askedAbout(state.holding, number), s => ({ held: s.holding?.amounts ?? null }))
}

/**
 * Whoever asked for several gives them up, because one of them could not be made. If this one was made for that reservation it is
 * deleted; if not, it never will be. If it was asked for again meanwhile, that request has the last word.
 */
export function decideAbandon(state: InstanceState, { quota, requestId }: { quota: number; requestId: string }, id: string): D {
  const number = state.holding?.number ?? 0
  if (quota > number) return accept(askedAbout(state.holding, quota))
  const untouched = state.spec && state.operations === 1 && state.vmState !== 'deleted'
  return quota === number && untouched ? decideDelete(state, { requestId }, id) : accept([])
}

/** Why the operation may not begin now, or null. */
export function refusal(state: InstanceState, kind: InstanceOperation, row: OperationRow, id: string): D | null {
  const { vmState, task } = state
  if (!row.from.includes(vmState) || task) {
    const now = task ? `${vmState} (${rowOf(task.kind, task.mode).task})` : vmState
    const must = `it must be ${row.from.join(' or ')} with no task under way`
    return refuse('Conflict', `cannot ${kind} instance ${id} while it is ${now}; ${must}`, { allowed: row.from, vmState })
  }
  if (row.second === 'needs' && !state.origin) {
    return refuse('Conflict', `cannot ${kind} instance ${id}: it holds room on no second host; it must be resized`, { allowed: ['resized'], vmState })
  }
  if (row.second === 'never' && state.origin) {
    const help = 'confirm the resize to free the second one, or delete the instance'
    return refuse('Conflict', `cannot ${kind} instance ${id}: it holds room on two hosts, ${state.host} and ${state.origin.host}; ${help}`)
  }
  const disks = row.moves ? (state.devices?.disks ?? []) : []
  if (disks.length > 0) {
    const named = disks.map(d => d.id).join(', ')
    return refuse('Conflict', `cannot ${kind} instance ${id}: its disks are local to host ${state.host} (${named}); detach them first`)
  }
  if (row.onHost && !state.host) return refuse('Conflict', `cannot ${kind} instance ${id}: it is on no host; delete it and create it again`)
  return null
}

const lockedBy = ({ locked }: InstanceState, kind: string, id: string): D =>
  refuse('Conflict', `cannot ${kind} instance ${id}: it is locked${locked?.reason ? ` (${locked.reason})` : ''}; unlock it first`)

export function decideAct(state: InstanceState, args: ActArgs, id: string): D {
  const { action, mode, host, blockMigration, leaving, followUp, requestId, by, quota } = args
  const taken = args.change?.flavor ? taking(state.holding, quota, amountsOf(args.change.flavor)) : []
  const known = answerTo(state, requestId)
  if (known && 'accepted' in known) return accept(taken, () => known.accepted)
  if (known) return { ok: false, fault: known.refused }
  if (state.vmState === 'deleted') return deleted(id)
  const row = rowOf(action, mode)
  if (leaving !== undefined && state.host !== leaving) return refuse('Conflict', `instance ${id} is not on host ${leaving} any more`)
  if (row.locks && state.locked && leaving === undefined) return lockedBy(state, action, id)
  const refused = refusal(state, action, row, id)
  if (refused) return refused
  if (quota !== undefined && isPast(state.holding, quota)) return givenUp(id)
  if (host !== undefined && host === state.host) return refuse('Conflict', `cannot ${action} instance ${id} to ${host}: it is there already`)
  const devices = deviceChange(action, state.devices ?? NO_DEVICES, args, id)
  if ('code' in devices) return { ok: false, fault: devices }
  const change = devices.change ?? args.change
  if (change?.flavor && change.flavor.id === state.spec?.flavor.id) {
    return refuse('BadRequest', `instance ${id} has flavor ${change.flavor.name} already; choose another`)
  }
  const task: Task = {
    operation: nextId(state, id),
    kind: action,
    requestId,
    ...(by ? { by } : {}),
    mode: mode ?? null,
    ...(change ? { change } : {}),
    ...(host === undefined ? {} : { wanted: host }),
    ...(blockMigration === undefined ? {} : { blockMigration }),
    ...(followUp ? { followUp } : {}),
  }
  return accept([...taken, { type: 'taskAccepted', task }], () => acceptedBody(task))
}

export function decideDelete(state: InstanceState, { requestId, by, reclaimMs = 0 }: DeleteArgs, id: string): D {
  // First of all, or the soft one of two deletes would be refused for the sake of the other when its answer was lost.
  const known = answerTo(state, requestId)
  if (known && 'accepted' in known) return accept([], () => ({ operation: known.accepted.operation }))
  if (known) return { ok: false, fault: known.refused }
  const underWay = state.task?.kind === 'delete' || state.task?.kind === 'soft-delete' ? state.task : null
  const deleting = state.next ?? underWay
  if (deleting) {
    // Who asks for a delete for good while it is deleted softly, gets it when that is over.
    if (state.next || deleting.kind === 'delete' || reclaimMs > 0)
      return refuse('Conflict', `instance ${id} is being deleted already, by operation ${deleting.operation}`)
  }
  if (state.vmState === 'deleted') return deleted(id)
  if (state.locked) return lockedBy(state, 'delete', id)
  if (state.vmState === 'soft-delete' && reclaimMs > 0) {
    return refuse('Conflict', `instance ${id} is deleted softly already; restore it, or delete it with force`)
  }
  const softly = reclaimMs > 0 && state.host !== null && !state.origin && INSTANCE_OPERATIONS['soft-delete'].from.includes(state.vmState)
  const task: Task = {
    operation: nextId(state, id),
    kind: softly ? 'soft-delete' : 'delete',
    requestId,
    ...(by ? { by } : {}),
    mode: null,
    ...(softly ? { followUp: { kind: 'delete', afterMs: reclaimMs } } : {}),
  }
  return accept([state.task ? { type: 'deleteQueued', task } : { type: 'taskAccepted', task }], () => ({ operation: task.operation }))
}

/** A timer of the instance's own. Who set it has the right to it, so a lock does not hold it up. */
export function decideDue(state: InstanceState, key: string, id: string): D {
  const { due } = state
  const mode = due?.mode ?? null
  if (!due || key !== dueKey(due) || state.task || refusal(state, due.kind, rowOf(due.kind, mode), id)) return accept([])
  const operation = nextId(state, id)
  const task = { operation, kind: due.kind, requestId: `req-due-${operation}`, mode, ...(due.ha ? { ha: due.ha } : {}) }
  return accept([{ type: 'taskAccepted', task: { ...task, ...byVerdict(operation, due.verdict) } }])
}

export const dueKey = ({ kind, at }: { kind: string; at: number }): string => `due:${kind}:${at}`

export function decideLock(state: InstanceState, reason: string | null, id: string): D {
  const reply = (s: InstanceState) => bodyOf(s, id)
  if (state.vmState === 'deleted') return deleted(id)
  return accept(state.locked && state.locked.reason === reason ? [] : [{ type: 'locked', reason }], reply)
}

export function decideUnlock(state: InstanceState, id: string): D {
  if (state.vmState === 'deleted') return deleted(id)
  return accept(state.locked ? [{ type: 'unlocked' }] : [], s => bodyOf(s, id))
}

export function decideUpdate(state: InstanceState, args: UpdateArgs, id: string): D {
  const { name, requestId } = args
  const tags = tagsAfter(state.tags, args)
  if (tags && tags.length > MAX_TAGS) return refuse('BadRequest', `instance ${id} would have ${tags.length} tags; at most ${MAX_TAGS} are allowed`)
  if (state.vmState === 'deleted') return deleted(id)
  if (state.updates?.includes(requestId)) return accept([], s => bodyOf(s, id))
  // As in Nova, a lock holds metadata, but neither name nor tags.
  const metadata = metadataAfter(state.spec?.metadata ?? {}, args)
  if (metadata && state.locked) return lockedBy(state, 'change the metadata of', id)
  const devices = args.disk && kept(state.devices ?? NO_DEVICES, args.disk)
  if (devices === null) return refuse('NotFound', `disk ${args.disk?.id} is not attached to instance ${id}`)
  if (devices && state.task) return refuse('Conflict', `cannot change a disk of instance ${id} while operation ${state.task.operation} is under way`)
  const about = args.about && aboutAfter(state.spec?.about ?? {}, args.about)
  const spec = { ...(name === undefined ? {} : { name }), ...(metadata ? { metadata } : {}), ...(about ? { about } : {}) }
  return accept([{ type: 'updated', spec, requestId, ...(tags ? { tags } : {}), ...(devices ? { devices } : {}) }], s => bodyOf(s, id))
}

/** As in Nova, a guest leaves its password once; its owner clears it before it can leave another. */
export function decidePassword(state: InstanceState, password: string, { id, from }: DecideContext): D {
  if (!state.spec || state.vmState === 'deleted' || state.host !== from.node) return refuse('NotFound', `instance ${id} is not on host ${from.node}`)
  const { about = {} } = state.spec
  if (about.password === password) return accept([])
  if (about.password !== undefined) return refuse('Conflict', `instance ${id} has left its password already`)
  return accept([{ type: 'updated', spec: { about: { ...about, password } } }])
}

const MAX_TAGS = 50

/** Each tag once, or null when nothing was asked about them. */
function tagsAfter(before: readonly string[], { tags, addTags, removeTags }: UpdateArgs): readonly string[] | null {
  if (!tags && !addTags && !removeTags) return null
  return [...new Set([...(tags ?? before), ...(addTags ?? [])])].filter(tag => !removeTags?.includes(tag))
}

/** Null when nothing was asked about it. */
function metadataAfter(before: InstanceSpec['metadata'], { metadata, setMetadata, unsetMetadata }: UpdateArgs): InstanceSpec['metadata'] | null {
  if (!metadata && !setMetadata && !unsetMetadata) return null
  const items = Object.entries({ ...(metadata ?? before), ...setMetadata })
  return Object.fromEntries(items.filter(([key]) => !unsetMetadata?.includes(key)))
}

/** States from which an operator may say what an instance is: those in which it is on one host, or on none at all and in error. */
const RESET_FROM = ['active', 'stopped', 'paused', 'suspended', 'rescued', 'error']

export function decideReset(state: InstanceState, vmState: 'active' | 'error', id: string): D {
  if (state.vmState === 'deleted') return deleted(id)
  if (state.task) {
    return refuse('Conflict', `operation ${state.task.operation} of instance ${id} is under way; cancel it, or wait for its deadline`)
  }
  if (!RESET_FROM.includes(state.vmState)) {
    return refuse('Conflict', `cannot reset instance ${id} while it is ${state.vmState}; it must be ${RESET_FROM.join(' or ')}`, {
      allowed: RESET_FROM,
    })
  }
  if (vmState === 'active' && !state.host) return refuse('Conflict', `instance ${id} is on no host, so it cannot be active`)
  if (vmState === 'active' && state.origin)
    return refuse('Conflict', `instance ${id} holds room on two hosts; confirm the resize first, or delete it`)
  return accept([{ type: 'stateReset', vmState }], s => bodyOf(s, id))
}
