/**
 * What the conductors believe of the agent in a guest: one durable actor beside each instance whose image says that it has an agent.
 *
 * It is an actor of its own and not a part of the instance, because all of it comes from a stranger. Whatever a guest says, however often, is
 * written into this record and no other; and if that should ever break its actor, the instance goes on. It is told of a guest by the operation
 * that builds it, and let go by the one that deletes it. What is to be heard comes from the guest's host, which tells only what has changed:
 * heartbeats themselves are written nowhere.
 *
 * A report counts when its order is above the newest; so what comes late, from this host or from the one before, changes nothing. A host that
 * is not known to have the guest is not believed: the instance is asked where it is.
 */
import type { InstanceBody } from '../api.ts'
import { address } from '../kernel/address.ts'
import { anyOf, checkObject, integer, optional, text } from '../kernel/check.ts'
import { accept, type DecideContext, type Decision, defineActor, refuse, type Work, type WorkResult } from '../kernel/define.ts'
import { SCHEDULED } from './backups.ts'
import { type Believed, believe, NOTHING_HEARD } from './believed.ts'
import type { BackupSchedule, GuestBody } from './body.ts'
import { BACKUP_KINDS, type BackupKind, backupId } from './contract.ts'
import { type AgentReport, checkReport, isNewer } from './report.ts'
import { backupRequest, checkSchedule, nextDue } from './schedule.ts'

/** A host that is not known is asked about once in so long, ms. */
const ASK_PAUSE_MS = 5_000

export interface GuestState extends Believed {
  readonly phase: 'absent' | 'kept' | 'dropped'
  readonly project: string
  readonly host: string
  /** Rank of the command that it is expected by, or was dropped with. */
  readonly rank: number
  /** Cluster time by which it must have been heard, ms; null when it was, or that has passed. */
  readonly bootBy: number | null
  /** A host that reports and is not the one known, until the instance has said where it is; and questions so far. */
  readonly stranger: string | null
  readonly asked: number
  readonly askedAt: number
  readonly schedule: BackupSchedule | null
  /** When the next backup begins by itself, and how many have. */
  readonly dueAt: number
  readonly scheduled: number
  /** The backup that is to begin by itself, until it has. */
  readonly beginning: { readonly number: number; readonly attempt: number; readonly at: number } | null
  readonly lastBackup: GuestBody['lastBackup']
  readonly createdAt: number
}

interface ExpectArgs {
  readonly host: string
  readonly order: number
  readonly project: string
  /** Time until it must be heard, ms. */
  readonly bootMs: number
}

export type GuestEvent =
  | ({ readonly type: 'expected' } & ExpectArgs)
  | { readonly type: 'reported'; readonly report: AgentReport }
  | { readonly type: 'notHeard'; readonly message: string }
  | { readonly type: 'strangerSeen'; readonly host: string }
  /** The instance is there, or nobody could say where. */
  | { readonly type: 'located'; readonly host: string | null }
  | { readonly type: 'dropped'; readonly order: number }
  | { readonly type: 'scheduleSet'; readonly schedule: BackupSchedule | null }
  | { readonly type: 'backupDue' }
  /** It was begun, or will not be. */
  | { readonly type: 'backupBegun' }
  | { readonly type: 'backupPutOff'; readonly at: number }
  | { readonly type: 'backedUp'; readonly backup: string; readonly kind: BackupKind }

type GuestCommand =
  | { readonly method: 'expect'; readonly args: ExpectArgs }
  | { readonly method: 'report'; readonly args: AgentReport }
  | { readonly method: 'drop'; readonly args: { readonly order: number } }
  | { readonly method: 'schedule'; readonly args: { readonly schedule?: BackupSchedule | null } }
  /** A backup is in the store. */
  | { readonly method: 'backedUp'; readonly args: { readonly backup: string; readonly kind: BackupKind } }
  | { readonly method: 'get'; readonly args: unknown }
  | { readonly method: '@result'; readonly args: WorkResult }
  | { readonly method: '@timer'; readonly args: { readonly key: string } }

type D = Decision<GuestState, GuestEvent>

function decide(state: GuestState, command: GuestCommand, { id, now, from }: DecideContext): D {
  const reply = (s: GuestState) => bodyOf(s, id)
  if (command.method === 'expect') {
    // A copy of the command that comes late must not bring back what was dropped.
    return accept(command.args.order > state.rank ? [{ type: 'expected', ...command.args }] : [])
  }
  if (command.method === 'drop') return accept(command.args.order > state.rank ? [{ type: 'dropped', order: command.args.order }] : [])
  if (state.phase !== 'kept') return refuse('NotFound', `nothing is known of an agent in instance ${id}`)
  switch (command.method) {
    case 'report':
      return decideReport(state, command.args, from.node, id, now)
    case 'schedule':
      return accept([{ type: 'scheduleSet', schedule: command.args.schedule ?? null }], reply)
    case 'backedUp':
      return accept(state.lastBackup?.id === command.args.backup ? [] : [{ type: 'backedUp', ...command.args }])
    case 'get':
      return accept([], reply)
    case '@timer':
      return decideTimer(state, command.args.key, now)
    case '@result':
      return decideResult(state, command.args, now)
  }
}

function decideReport(state: GuestState, report: AgentReport, host: string, id: string, now: number): D {
  if (host !== state.host) {
    const asks = state.stranger === null && now >= state.askedAt + ASK_PAUSE_MS
    // The refusal would undo the event; so it is answered that nothing was taken, and the host says it again.
    return accept(asks ? [{ type: 'strangerSeen', host }] : [], () => ({ taken: false, why: `instance ${id} is not known to be on ${host}` }))
  }
  const isNews = isNewer(report.order, state.order) && !(report.about === null && state.about === null && report.on)
  return accept(isNews ? [{ type: 'reported', report }] : [], () => ({ taken: true }))
}

const bootKey = (at: number): string => `boot:${at}`
const dueKey = (at: number): string => `due:${at}`
const whereKey = ({ asked }: GuestState): string => `where:${asked}`
const beginKey = ({ beginning }: GuestState): string => `begin:${beginning?.number}:${beginning?.attempt}`

function decideTimer(state: GuestState, key: string, now: number): D {
  if (state.bootBy !== null && key === bootKey(state.bootBy)) {
    const seconds = Math.round((now - state.updatedAt) / 1000)
    return accept([{ type: 'notHeard', message: `no heartbeat of the agent within ${seconds} s of the build; look at \`baton instance log\`` }])
  }
  return accept(state.schedule && !state.beginning && key === dueKey(state.dueAt) ? [{ type: 'backupDue' }] : [])
}

function decideResult(state: GuestState, { key, ok, value, fault }: WorkResult, now: number): D {
  if (state.stranger !== null && key === whereKey(state)) {
    const body = ok && isInstance(value) ? value : null
    return accept([{ type: 'located', host: body?.host ?? null }])
  }
  if (!state.beginning || key !== beginKey(state)) return accept([])
  const next = ok ? null : nextDue(state.beginning.attempt, fault)
  return accept([next === null ? { type: 'backupBegun' } : { type: 'backupPutOff', at: now + next }])
}

const isInstance = (value: unknown): value is InstanceBody => typeof value === 'object' && value !== null && 'vmState' in value

/** Once it was heard, nobody waits for it any more. */
function reported(state: GuestState, report: AgentReport, at: number): GuestState {
  const next = believe(state, report, at)
  return next.agent === 'up' ? { ...next, bootBy: null } : next
}

export const INITIAL: GuestState = {
  ...NOTHING_HEARD,
  ...{ phase: 'absent', project: '', host: '', rank: -1, bootBy: null, stranger: null, asked: 0, askedAt: 0 },
  ...{ schedule: null, dueAt: 0, scheduled: 0, beginning: null, lastBackup: null, createdAt: 0 },
}

function evolve(state: GuestState, event: GuestEvent, at: number): GuestState {
  switch (event.type) {
    case 'expected': {
      const { host, order: rank, project, bootMs } = event
      return { ...INITIAL, phase: 'kept', host, rank, project, bootBy: at + bootMs, createdAt: state.createdAt || at, updatedAt: at }
    }
    case 'reported':
      return reported(state, event.report, at)
    case 'notHeard':
      return { ...state, bootBy: null, status: 'ERROR', message: event.message, updatedAt: at }
    case 'strangerSeen':
      return { ...state, stranger: event.host, asked: state.asked + 1, askedAt: at }
    case 'located':
      return { ...state, stranger: null, host: event.host === state.stranger && event.host !== null ? event.host : state.host }
    case 'dropped':
      return { ...state, phase: 'dropped', rank: event.order, bootBy: null, stranger: null, schedule: null, beginning: null, updatedAt: at }
    case 'scheduleSet':
      return { ...state, schedule: event.schedule, dueAt: event.schedule ? at + event.schedule.everyMs : 0, beginning: null, updatedAt: at }
    case 'backupDue': {
      const number = state.scheduled + 1
      return { ...state, scheduled: number, beginning: { number, attempt: 1, at }, dueAt: at + (state.schedule?.everyMs ?? 0) }
    }
    case 'backupBegun':
      return { ...state, beginning: null }
    case 'backupPutOff':
      return { ...state, beginning: state.beginning && { ...state.beginning, attempt: state.beginning.attempt + 1, at: event.at } }
    case 'backedUp':
      return { ...state, lastBackup: { id: event.backup, kind: event.kind, at }, updatedAt: at }
  }
}

function work(state: GuestState, id: string): Work[] {
  if (state.phase !== 'kept') return []
  const { bootBy, stranger, schedule, beginning, dueAt } = state
  const found: Work[] = []
  if (bootBy !== null) found.push({ type: 'timer', key: bootKey(bootBy), at: bootBy })
  if (stranger !== null) found.push({ type: 'call', key: whereKey(state), to: address('instance', id), method: 'get', args: {} })
  if (schedule && !beginning) found.push({ type: 'timer', key: dueKey(dueAt), at: dueAt })
  if (schedule && beginning) {
    const args = backupRequest({ id, schedule, number: beginning.number, lastBackup: state.lastBackup, about: state.about, series: SCHEDULED })
    found.push({ type: 'call', key: beginKey(state), to: address('instance', id), method: 'act', args, notBefore: beginning.at })
  }
  return found
}

export function bodyOf(state: GuestState, id: string): GuestBody | null {
  if (state.phase === 'absent') return null
  const { project, host, agent, status, message, about, backup, schedule, lastBackup, createdAt, updatedAt } = state
  return { id, project, host, agent, status, message, about, backup, schedule, lastBackup, createdAt, updatedAt }
}

const rank = integer(0, Number.MAX_SAFE_INTEGER)

export const guestActor = defineActor<GuestState, GuestCommand, GuestEvent>({
  kind: 'guest',
  version: 1,
  methods: {
    expect: { check: checkObject({ host: text(128), order: rank, project: text(64), bootMs: integer(1, 86_400_000) }) },
    report: { check: checkReport, from: ['compute'] },
    drop: { check: checkObject({ order: rank }) },
    schedule: { check: checkObject({ schedule: optional(checkSchedule) }) },
    backedUp: { check: checkObject({ backup: backupId, kind: anyOf(...BACKUP_KINDS) }) },
    get: { reads: true },
  },
  initial: () => INITIAL,
  decide,
  evolve,
  work,
  view(state, id) {
    const body = bodyOf(state, id)
    if (!body) return null
    const { project, host, agent, status, createdAt, updatedAt } = body
    const columns = { project, host, agent, status, deleted: state.phase === 'dropped', created_at: createdAt, updated_at: updatedAt }
    return { table: 'guest', id, columns, body }
  },
  finished: state => state.phase === 'dropped',
})
