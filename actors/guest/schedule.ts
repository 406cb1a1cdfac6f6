/** Backups that begin by themselves: what is asked of the instance, and when it is asked again. Pure. */

import { BACKUP_DRIVER } from '../image/body.ts'
import type { ActArgs } from '../instance/requests.ts'
import { checkObject, integer } from '../kernel/check.ts'
import type { Fault } from '../kernel/errors.ts'
import { propertiesOf } from './backups.ts'
import type { BackupSchedule, GuestBody } from './body.ts'
import type { AgentAbout } from './report.ts'

const DAY_MS = 86_400_000
export const checkSchedule = checkObject({ everyMs: integer(1000, 366 * DAY_MS), keep: integer(1, 1000), fullEvery: integer(1, 1000) })

const AGAIN_BASE_MS = 5_000
const AGAIN_CAP_MS = 300_000
/** After so many refusals the next one has its turn. */
const ATTEMPTS = 10

/** Pause before a backup that was refused is asked for again, ms; null: not any more. */
export const nextDue = (attempt: number, fault: Fault | undefined): number | null =>
  attempt >= ATTEMPTS || fault?.code === 'NotFound' ? null : Math.min(AGAIN_CAP_MS, AGAIN_BASE_MS * 2 ** (attempt - 1))

interface Scheduled {
  readonly id: string
  readonly schedule: BackupSchedule
  readonly number: number
  readonly lastBackup: GuestBody['lastBackup']
  readonly about: AgentAbout | null
  readonly series: string
}

/** The same for the same number, so that asked twice it is made once. */
export function backupRequest({ id, schedule, number, lastBackup, about, series }: Scheduled): ActArgs {
  const parent = (number - 1) % schedule.fullEvery === 0 || !about?.backups.includes('incremental') ? null : (lastBackup?.id ?? null)
  const kind = parent === null ? 'full' : 'incremental'
  const name = `scheduled-${number}`
  const snapshot = {
    // An instance is built once, and its backups are numbered: no two have this id.
    ...{ image: `${id.slice(0, 40)}-s${number}`, name, properties: propertiesOf(kind, parent, about?.service ?? ''), driver: BACKUP_DRIVER },
    ...{ backupType: series, rotation: schedule.keep },
  }
  return { action: 'guest-backup', requestId: `req-backup-${id}-${number}`, change: { snapshot, guest: { kind, parent } } }
}
