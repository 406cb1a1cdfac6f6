/** What conductors ask of the agents in a host's guests. None of it is ranked: it changes nothing that a later command could contradict. */
import { BACKUP_KINDS, backupId, methodName } from '../guest/contract.ts'
import type { GuestArgs, Guests } from '../guest/guests.ts'
import type { BackupRequest, Transfers } from '../guest/transfers.ts'
import { anyOf, type Check, checkObject, integer, listOf, optional, record, text } from '../kernel/check.ts'
import type { Logger } from '../kernel/env.ts'
import { toFault } from '../kernel/errors.ts'

/** The agents of a host's guests, and the way of bytes through them. */
export interface HostAgents {
  readonly guests: Guests
  readonly transfers: Transfers
}

const instance = text(128)
const waitMs = integer(0, 60_000)
const request = { instance, backup: backupId, kind: anyOf(...BACKUP_KINDS), parent: optional(backupId) }

export const checkBackupRequest = checkObject(request)

export const AGENT_CHECKS = {
  guestReady: checkObject({ instance, silentMs: integer(1, 86_400_000) }),
  guestLook: checkObject({ instance }),
  guestExec: checkObject({ instance, method: methodName, args: record, timeoutMs: integer(1, 600_000) }),
  guestBackup: checkObject({ ...request, waitMs }),
  guestForget: checkObject({ instance, backup: backupId }),
  guestRestore: checkObject({ instance, restore: text(256), images: listOf(text(64), 100), waitMs }),
} as const satisfies Record<string, Check>

export type AgentMethod = keyof typeof AGENT_CHECKS

export const isAgentMethod = (method: string): method is AgentMethod => Object.hasOwn(AGENT_CHECKS, method)

interface Args extends BackupRequest {
  readonly method: string
  readonly args: GuestArgs
  readonly silentMs: number
  readonly timeoutMs: number
  readonly waitMs: number
  readonly restore: string
  readonly images: readonly string[]
}

/** So long an agent has for what it should do at once, ms. */
const AT_ONCE_MS = 5_000
const THAW_ATTEMPTS = 3

/** Sets a password by the agent, where it can; undefined where it cannot. */
export function passwordByAgent({ guests }: HostAgents, instance: string, password: string): Promise<unknown> | undefined {
  if (!guests.methods(instance).includes('set_password')) return undefined
  return guests.session(instance).command('set_password', { password }, AT_ONCE_MS)
}

/**
 * Does `task` while the guest holds its writes back, where its agent can; where it cannot, or does not answer, without. An agent
 * thaws by itself when nobody says so, since whoever has frozen it may be gone.
 */
export async function whileFrozen<T>(agents: HostAgents | undefined, instance: string, log: Logger, task: () => Promise<T>): Promise<T> {
  const declared = agents?.guests.methods(instance) ?? []
  if (!agents || !declared.includes('freeze') || !declared.includes('thaw')) return task()
  const session = agents.guests.session(instance)
  const isFrozen = await session.command('freeze', {}, AT_ONCE_MS).then(
    () => true,
    error => {
      log.warn({ instance, fault: toFault(error) }, 'a guest could not be frozen: its disk is copied as it is')
      return false
    },
  )
  try {
    return await task()
  } finally {
    for (let attempt = 1; isFrozen && attempt <= THAW_ATTEMPTS; attempt++) {
      const isThawed = await session.command('thaw', {}, AT_ONCE_MS).then(
        () => true,
        error => {
          log.warn({ instance, attempt, fault: toFault(error) }, 'a guest could not be thawed')
          return false
        },
      )
      if (isThawed) break
    }
  }
}

/** `args` were checked. */
export function serveAgents({ guests, transfers }: HostAgents, method: AgentMethod, checked: unknown): Promise<unknown> {
  const args = checked as Args
  switch (method) {
    case 'guestReady':
      return guests.ready(args.instance, args.silentMs)
    case 'guestLook':
      return Promise.resolve(guests.look(args.instance))
    case 'guestExec':
      return guests
        .session(args.instance)
        .command(args.method, args.args, args.timeoutMs)
        .then(value => ({ value }))
    case 'guestBackup':
      return transfers.backup({ ...args, parent: args.parent ?? null }, args.waitMs)
    case 'guestForget':
      return transfers.forget(args.instance, args.backup)
    case 'guestRestore':
      return transfers.restore(args, args.waitMs)
  }
}
