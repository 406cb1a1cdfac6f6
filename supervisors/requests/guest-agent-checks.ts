/** What the cluster's interface takes about agents in guests and their backups. */
import { AGENT_STATES, EXEC_MAX_MS, type GuestApi } from '../../actors/api.ts'
import { BACKUP_KINDS, backupId, methodName } from '../../actors/guest/contract.ts'
import { checkSchedule } from '../../actors/guest/schedule.ts'
import { anyOf, type Check, checkObject, integer, listOf, optional, record, text } from '../../actors/kernel/check.ts'
import { checkRequester } from '../../actors/kernel/requester.ts'

const id = text(256)
const begun = { requestId: text(128), by: optional(checkRequester) }
const page = { limit: optional(integer(1, 10_000)), marker: optional(id), project: optional(text(64)) }

/** Of an action. */
export const checkGuestRequest = checkObject({
  kind: optional(anyOf(...BACKUP_KINDS)),
  parent: optional(backupId),
  backups: optional(listOf(text(64), 100)),
})

export const GUEST_CHECKS: Readonly<Record<keyof GuestApi, Check>> = {
  listGuests: checkObject({ ...page, agent: optional(anyOf(...AGENT_STATES)) }),
  getGuest: checkObject({ id }),
  execGuest: checkObject({ id, method: methodName, args: record, timeoutMs: optional(integer(1, EXEC_MAX_MS)) }),
  scheduleBackups: checkObject({ id, schedule: optional(checkSchedule) }),
  createBackup: checkObject({
    ...{ id, backup: backupId, name: text(255), kind: anyOf(...BACKUP_KINDS), parent: optional(backupId) },
    keep: optional(integer(1, 1000)),
    ...begun,
  }),
  listBackups: checkObject({ ...page, instance: optional(id) }),
  getBackup: checkObject({ id }),
  deleteBackup: checkObject({ id }),
  restoreBackup: checkObject({ id, backup: id, ...begun }),
}
