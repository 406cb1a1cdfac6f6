/**
 * Steps about the agent in a guest: its record beside the instance, the wait for its first word, and backups that it makes. What takes long is
 * watched by short looks; whoever does it goes on between them.
 */
import type { BackupLook } from '../../guest/transfers.ts'
import type { SendingLook } from '../../hypervisor/looks.ts'
import { address } from '../../kernel/address.ts'
import { minutes, seconds } from '../../kernel/env.ts'
import type { Fault } from '../../kernel/errors.ts'
import { isTransient } from '../../kernel/errors.ts'
import { type Found, type OnFault, type Request, type StepContext, step } from '../step.ts'
import { imageStep } from './image-steps.ts'

/** Time a look is held by the host, ms. */
const LOOK_MS = 2500
/** Longest that a build can be told to wait for an agent, ms. */
export const AGENT_WAIT_MAX_MS = minutes(10)

const hostOf = (c: StepContext): string => c.args.host ?? ''
const guest = (c: StepContext, method: string, args: object): Request => ({ to: address('guest', c.subject), method, args })
const toHost = (host: string, method: string, args: object): Request => ({ to: address('compute', host), method, args })
/** To whoever has the channel: the host of a guest, and of an agent outside of one the gateway that it talks to by then. */
const toChannel = (c: StepContext, method: string, args: object): Request =>
  c.args.subjectKind === 'agent' ? { to: address('agent-line', c.subject), method, args } : toHost(hostOf(c), method, args)

/** The record that its reports are written into. */
export const expectAgent = (hostFor: (c: StepContext) => string) =>
  step('expect', {
    do: c => {
      const { agent, project } = c.args.spec
      return agent ? guest(c, 'expect', { host: hostFor(c), order: c.order, project, bootMs: agent.bootMs }) : null
    },
    undo: c => (c.args.spec.agent ? guest(c, 'drop', { order: c.order }) : null),
  })

/** Until the service in the guest is ready, when its image says that nothing is to be done without. */
export const awaitAgent = (hostFor: (c: StepContext) => string) =>
  step('agent', {
    do: c => {
      const { agent } = c.args.spec
      return agent?.required ? toHost(hostFor(c), 'guestReady', { instance: c.subject, silentMs: agent.bootMs }) : null
    },
    onFault: giveUpUnlessTransient,
    timeoutMs: AGENT_WAIT_MAX_MS + seconds(15),
    attempts: 3,
  })

export const forgetAgent = step('agent', { do: c => (c.args.spec.agent ? guest(c, 'drop', { order: c.order }) : null), attempts: 20 })

/** What the guest itself says is final; what the way says is not. */
function giveUpUnlessTransient(_: StepContext, fault: Fault): OnFault {
  return { next: isTransient(fault) || fault.code === 'Conflict' ? 'retry' : 'giveUp' }
}

function requested(c: StepContext) {
  const { kind = 'full', parent = null } = c.args.change?.guest ?? {}
  return { instance: c.subject, backup: c.args.change?.snapshot?.image ?? '', kind, parent }
}

const isLook = <T extends BackupLook | SendingLook>(answer: unknown): answer is T => typeof answer === 'object' && answer !== null && 'done' in answer

export const makeBackup = [
  // Without what it builds on it would be worth nothing.
  step('parent', {
    do: c => {
      const { parent } = requested(c)
      return parent === null ? null : { to: address('image', parent), method: 'get', args: {} }
    },
    onFault: giveUpUnlessTransient,
  }),
  imageStep,
  step('dump', {
    do: c => toChannel(c, 'guestBackup', { ...requested(c), waitMs: LOOK_MS }),
    again: (_, answer) => (isLook<BackupLook>(answer) && !answer.done ? { backupBytes: answer.sizeBytes } : null),
    save: (_, answer): Found => (isLook<BackupLook>(answer) ? { sizeBytes: answer.sizeBytes, checksum: answer.checksum } : {}),
    undo: c => toChannel(c, 'guestForget', { instance: c.subject, backup: requested(c).backup }),
    onFault: giveUpUnlessTransient,
    timeoutMs: seconds(45),
    attempts: 5,
  }),
  step('upload', {
    do: c => {
      const backup = requested(c)
      return toChannel(c, 'uploadImage', { image: backup.backup, upload: c.operation, waitMs: LOOK_MS, backup })
    },
    again: (_, answer) => (isLook<SendingLook>(answer) && !answer.done ? { sentBytes: answer.sentBytes, totalBytes: answer.totalBytes } : null),
    // The store takes only the bytes that the agent has said; others are no backup, however often they come.
    onFault: giveUpUnlessTransient,
    timeoutMs: seconds(45),
    attempts: 20,
  }),
  step('free', {
    do: c => toChannel(c, 'guestForget', { instance: c.subject, backup: requested(c).backup }),
    onFault: () => ({ next: 'skip' }),
  }),
  step('note', {
    do: c => {
      const { backup, kind } = requested(c)
      return { to: address(c.args.subjectKind ?? 'guest', c.subject), method: 'backedUp', args: { backup, kind } }
    },
    // It is in the store; who does not know of it builds on an older one.
    onFault: (_, fault) => ({ next: isTransient(fault) ? 'retry' : 'skip' }),
  }),
]

export const putBackup = step('restore', {
  do: c => toChannel(c, 'guestRestore', { instance: c.subject, restore: c.operation, images: c.args.change?.guest?.backups ?? [], waitMs: LOOK_MS }),
  again: (_, answer) => (isLook<SendingLook>(answer) && !answer.done ? { sentBytes: answer.sentBytes, totalBytes: answer.totalBytes } : null),
  onFault: giveUpUnlessTransient,
  timeoutMs: seconds(45),
  attempts: 5,
})
