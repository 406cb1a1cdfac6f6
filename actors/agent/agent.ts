/**
 * An agent outside of any guest: one durable actor for each that was enrolled.
 *
 * It is not the actor of a guest's agent: that one is made by a build, believes a host and lives as long as an instance; this one is enrolled by a
 * person, is proved by a key, and comes to whichever gateway it reaches. What both are told and how they are believed is the same, and stands in
 * `actors/guest/`.
 *
 * A gateway that an agent has proved its key to begins a *session* here (`attach`); sessions are numbered, and only the newest is believed. So an
 * agent that went on to another gateway is heard there and no more where it was; and when its key is replaced or it is deleted, there is no
 * session from that event on. The gateway is told so until it knows, and whatever it says meanwhile is not taken. Heartbeats end at the gateway.
 *
 * A command is written down before the agent hears of it, and is work of this state until its end is written down too: whoever has this actor
 * after a crash asks on, by the same name, under which the agent does it once in its life.
 */

import { SCHEDULED } from '../guest/backups.ts'
import type { BackupSchedule } from '../guest/body.ts'
import { BACKUP_KINDS, type BackupKind, backupId, methodName } from '../guest/contract.ts'
import { type AgentReport, checkReport, isNewer } from '../guest/report.ts'
import { backupRequest, checkSchedule } from '../guest/schedule.ts'
import { address } from '../kernel/address.ts'
import { anyOf, type Check, checkObject, integer, optional, record, text } from '../kernel/check.ts'
import { accept, type DecideContext, type Decision, defineActor, type Json, refuse, type Work, type WorkResult } from '../kernel/define.ts'
import { checkRequester } from '../kernel/requester.ts'
import type { OperationArgs } from '../operation/contract.ts'
import { type AgentBody, COMMAND_MAX_MS, COMMAND_MS } from './body.ts'
import { ARGS_MAX_BYTES, answered, bytesOf, OPEN_MAX, type OpenCommand, openOf, shown } from './commands.ts'
import { type AgentEvent, type AgentRecord, evolve, INITIAL, type Task } from './state.ts'

/** A gateway answers a question about a command after so long, done or not, ms. */
const COMMAND_LOOK_MS = 20_000
/** So long a gateway is told that a session is over; one that cannot be reached finds out by its next report. */
const LEAVE_MS = 120_000

type AgentMessage =
  | {
      readonly method: 'enroll'
      readonly args: { readonly name: string; readonly project: string; readonly key: string; readonly silentMs?: number | null }
    }
  | { readonly method: 'rotate'; readonly args: { readonly key: string } }
  | { readonly method: 'delete' | 'get' | 'door'; readonly args: unknown }
  | { readonly method: 'attach'; readonly args: { readonly key: string; readonly life: number } }
  | { readonly method: 'report'; readonly args: AgentReport }
  | { readonly method: 'doorLost'; readonly args: { readonly node: string; readonly life: number } }
  | {
      readonly method: 'exec'
      readonly args: {
        readonly command: string
        readonly method: string
        readonly args: Readonly<Record<string, Json>>
        readonly timeoutMs?: number
      }
    }
  | { readonly method: 'operate'; readonly args: Omit<Task, 'operation'> }
  | { readonly method: 'ended'; readonly args: { readonly operation: string } }
  | { readonly method: 'schedule'; readonly args: { readonly schedule?: BackupSchedule | null } }
  | { readonly method: 'backedUp'; readonly args: { readonly backup: string; readonly kind: BackupKind } }
  | { readonly method: '@result'; readonly args: WorkResult }
  | { readonly method: '@timer'; readonly args: { readonly key: string } }

type D = Decision<AgentRecord, AgentEvent>

function decide(state: AgentRecord, message: AgentMessage, { id, now, from }: DecideContext): D {
  const reply = (s: AgentRecord) => bodyOf(s, id)
  if (message.method === 'enroll') {
    const { name, project, key, silentMs = null } = message.args
    if (state.phase === 'absent') return accept([{ type: 'enrolled', name, project, key, silentMs }], reply)
    // The same request, once more.
    return state.phase === 'enrolled' && state.key === key && state.project === project
      ? accept([], reply)
      : refuse('Conflict', `there was an agent ${id} already`)
  }
  if (message.method === '@result') return decideResult(state, message.args)
  if (message.method === '@timer') return decideTimer(state, message.args.key, id, now)
  if (state.phase !== 'enrolled') return refuse('NotFound', `there is no agent ${id}`)
  switch (message.method) {
    case 'get':
      return accept([], reply)
    case 'door':
      return accept([], s => ({ door: s.door }))
    case 'rotate':
      return accept(message.args.key === state.key ? [] : [{ type: 'keyRotated', key: message.args.key }], reply)
    case 'delete':
      return accept([{ type: 'deleted' }])
    case 'attach': {
      const { key, life } = message.args
      if (key !== state.key) return refuse('Forbidden', `this is not the key of agent ${id}; was it replaced?`)
      return accept([{ type: 'attached', door: { node: from.node, life } }], s => ({ session: s.session, silentMs: s.silentMs }))
    }
    case 'report': {
      const { order } = message.args
      const isItsOwn = state.door?.node === from.node && order.rank === state.session
      if (!isItsOwn) return accept([], () => ({ taken: false, why: `the session of agent ${id} with ${from.node} is over` }))
      return accept(isNewer(order, state.order) ? [{ type: 'reported', report: message.args }] : [], () => ({ taken: true }))
    }
    case 'doorLost': {
      const { node, life } = message.args
      const isThere = state.door?.node === node && state.door.life === life
      return accept(isThere ? [{ type: 'doorLost', message: `gateway ${node} has gone, and the agent has not come to another` }] : [])
    }
    case 'exec':
      return decideExec(state, message.args, id, now)
    case 'operate':
      return decideOperate(state, message.args, id)
    case 'ended':
      return accept(state.task?.operation === message.args.operation ? [{ type: 'operationEnded', operation: message.args.operation }] : [])
    case 'schedule':
      return accept([{ type: 'scheduleSet', schedule: message.args.schedule ?? null }], reply)
    case 'backedUp':
      return accept(state.lastBackup?.id === message.args.backup ? [] : [{ type: 'backedUp', ...message.args }])
  }
}

function decideExec(state: AgentRecord, args: Extract<AgentMessage, { method: 'exec' }>['args'], id: string, now: number): D {
  const { command, method, args: given, timeoutMs = COMMAND_MS } = args
  const reply = (s: AgentRecord) => {
    const found = s.commands.find(each => each.id === command)
    return found ? shown(found) : null
  }
  if (state.commands.some(each => each.id === command)) return accept([], reply)
  const declared = state.about?.methods.map(({ name }) => name)
  if (!declared) return refuse('Conflict', `agent ${id} was not heard yet, so nobody knows what it can do; start it with its key file`)
  if (!declared.includes(method)) return refuse('BadRequest', `agent ${id} has no method ${method}; it has ${declared.join(', ') || 'none'}`)
  const bytes = bytesOf(given)
  if (bytes > ARGS_MAX_BYTES) return refuse('TooLarge', `arguments of a command have at most ${ARGS_MAX_BYTES} bytes, not ${bytes}`)
  if (openOf(state.commands).length >= OPEN_MAX) return refuse('Overloaded', `${OPEN_MAX} commands wait for agent ${id} already`)
  return accept([{ type: 'commanded', command, method, args: given, deadlineAt: now + timeoutMs }], reply)
}

function decideOperate(state: AgentRecord, args: Omit<Task, 'operation'>, id: string): D {
  const { task, lastTask } = state
  const known = [task, lastTask].find(each => each?.requestId === args.requestId)
  if (known) return accept([], () => ({ operation: known.operation }))
  if (task) return refuse('Conflict', `agent ${id} is busy with operation ${task.operation}; wait for its end, or cancel it`)
  const operation = `${id}.${state.operations + 1}`
  return accept([{ type: 'operationBegun', task: { ...args, operation } }], () => ({ operation }))
}

const dueKey = (at: number): string => `due:${at}`
const deadlineKey = (command: string): string => `deadline:${command}`
const commandKey = ({ id, attempt }: OpenCommand): string => `command:${id}:${attempt}`
const leaveKey = ({ node, session }: AgentRecord['leaving'][number]): string => `leave:${node}:${session}`

function decideTimer(state: AgentRecord, key: string, id: string, now: number): D {
  if (state.schedule && key === dueKey(state.dueAt)) return accept([{ type: 'backupDue', task: scheduledTask(state, id) }])
  const left = state.leaving.find(each => `until:${leaveKey(each)}` === key)
  if (left) return accept([{ type: 'left', node: left.node }])
  const late = openOf(state.commands).find(each => deadlineKey(each.id) === key)
  if (!late) return accept([])
  const message = `${late.method} was not done within ${Math.round((now - late.askedAt) / 1000)} s; whether it was begun, only the agent knows`
  return accept([{ type: 'commandEnded', command: late.id, fault: { code: 'DeadlineExceeded', message } }])
}

/** Left out while another operation is under way, or there is nobody to make it: the next one has its turn. */
function scheduledTask(state: AgentRecord, id: string): Task | null {
  const { schedule, task, about, agent, lastBackup } = state
  if (!schedule || task || agent !== 'up' || !about || about.backups.length === 0) return null
  const number = state.scheduled + 1
  const { requestId, change } = backupRequest({ id, schedule, number, lastBackup, about, series: SCHEDULED })
  return { operation: `${id}.${state.operations + 1}`, kind: 'guest-backup', requestId, change: change ?? {} }
}

function decideResult(state: AgentRecord, { key, ok, value, fault }: WorkResult): D {
  const left = state.leaving.find(each => leaveKey(each) === key)
  if (left) return accept([{ type: 'left', node: left.node }])
  const command = openOf(state.commands).find(each => commandKey(each) === key)
  if (!command) return accept([])
  if (!ok) return accept([{ type: 'commandEnded', command: command.id, fault: fault ?? { code: 'Internal', message: 'no reason was given' } }])
  const answer = isAnswer(value) ? value : { done: true, value: null }
  if (!answer.done) return accept([{ type: 'commandAsked', command: command.id }])
  return accept([{ type: 'commandEnded', command: command.id, ...answered(answer.value ?? null) }])
}

const isAnswer = (value: unknown): value is { readonly done: boolean; readonly value?: Json } =>
  typeof value === 'object' && value !== null && 'done' in value && typeof value.done === 'boolean'

/** An operation reads it as it reads an instance; there is no flavor and no host. */
function argsOf({ name, project }: AgentRecord, { change }: Task): OperationArgs {
  const flavor = { id: 'none', name: 'none', vcpus: 0, ramMb: 0, diskGb: 0 }
  const spec = { name, project, flavor, image: '', metadata: {}, reservation: '' }
  return { spec, host: null, claim: null, mode: null, subjectKind: 'agent', change }
}

function work(state: AgentRecord, id: string): Work[] {
  const found: Work[] = []
  for (const each of state.leaving) {
    const args = { agent: id, session: each.session }
    found.push({ type: 'call', key: leaveKey(each), to: address('agent-door', each.node), method: 'sessionOver', args })
    found.push({ type: 'timer', key: `until:${leaveKey(each)}`, at: each.at + LEAVE_MS })
  }
  if (state.phase !== 'enrolled') return found
  const { schedule, dueAt, task } = state
  for (const command of openOf(state.commands)) {
    const args = { agent: id, command: command.id, method: command.method, args: command.args, waitMs: COMMAND_LOOK_MS }
    found.push({ type: 'timer', key: deadlineKey(command.id), at: command.deadlineAt })
    const { deadlineAt } = command
    found.push({ type: 'call', key: commandKey(command), to: address('agent-line', id), method: 'agentExec', args, deadlineAt })
  }
  if (schedule) found.push({ type: 'timer', key: dueKey(dueAt), at: dueAt })
  if (task) {
    const { operation, kind, requestId, by } = task
    const args = { kind, subject: id, requestId, ...(by ? { by } : {}), args: argsOf(state, task) }
    const context = { requestId, ...(by?.trace === undefined ? {} : { trace: by.trace }) }
    found.push({ type: 'call', key: `start:${operation}`, to: address('operation', operation), method: 'start', args, context })
  }
  return found
}

export function bodyOf(state: AgentRecord, id: string): AgentBody | null {
  if (state.phase === 'absent') return null
  const { name, project, key, keys, silentMs, door, agent, status, message, about, backup, lastBackup, schedule, task } = state
  const commands = state.commands.map(shown)
  return {
    ...{ id, name, project, key, keys, silentMs, gateway: door?.node ?? null, agent, status, message, about, backup, lastBackup, schedule },
    ...{ operation: task?.operation ?? null, commands, openCommands: openOf(state.commands).length },
    ...{ createdAt: state.createdAt, updatedAt: state.updatedAt },
  }
}

export const publicKey: Check = value =>
  typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) ? null : 'must be an X25519 public key: 64 hexadecimal digits in small letters'

const positive = integer(1, Number.MAX_SAFE_INTEGER)
export const silentMsCheck = integer(1000, 86_400_000)

export const agentActor = defineActor<AgentRecord, AgentMessage, AgentEvent>({
  kind: 'agent',
  version: 1,
  methods: {
    enroll: { check: checkObject({ name: text(255), project: text(64), key: publicKey, silentMs: optional(silentMsCheck) }) },
    rotate: { check: checkObject({ key: publicKey }) },
    delete: {},
    attach: { check: checkObject({ key: publicKey, life: positive }), from: ['gateway'] },
    report: { check: checkReport, from: ['gateway'] },
    doorLost: { check: checkObject({ node: text(128), life: positive }) },
    exec: {
      check: checkObject({ command: backupId, method: methodName, args: record, timeoutMs: optional(integer(1, COMMAND_MAX_MS)) }),
    },
    operate: {
      check: checkObject({ kind: anyOf('guest-backup', 'guest-restore'), requestId: text(128), by: optional(checkRequester), change: record }),
    },
    ended: { check: checkObject({ operation: text(256) }) },
    schedule: { check: checkObject({ schedule: optional(checkSchedule) }) },
    backedUp: { check: checkObject({ backup: backupId, kind: anyOf(...BACKUP_KINDS) }) },
    get: { reads: true },
    door: { reads: true },
  },
  initial: () => INITIAL,
  decide,
  evolve,
  work,
  view(state, id) {
    const body = bodyOf(state, id)
    if (!body) return null
    const { name, project, key, agent, status, createdAt, updatedAt } = body
    const door = state.door ? doorKey(state.door) : ''
    const columns = { name, project, key, door, agent, status, deleted: state.phase === 'deleted', created_at: createdAt, updated_at: updatedAt }
    return { table: 'agent', id, columns, body }
  },
  finished: state => state.phase === 'deleted' && state.leaving.length === 0,
})

/** A life of a gateway in one word, by which agents are looked up that have their sessions there. */
export const doorKey = ({ node, life }: { readonly node: string; readonly life: number }): string => `${node}#${life}`
