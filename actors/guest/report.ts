/** What a host tells the conductors of an agent in one of its guests: only when something about it has changed. */
import { type Check, checkObject, flag, integer, optional } from '../kernel/check.ts'
import {
  AGENT_FIELDS,
  BACKUP_FIELDS,
  type BackupKind,
  type BackupReport,
  type DeclaredMethod,
  type ServiceStatus,
  STATUS_FIELDS,
} from './contract.ts'
import type { AgentBelief } from './session.ts'

/**
 * Orders reports, whichever host they come from and however late: the rank of the newest command that the guest has obeyed, the life of the
 * host's agent, and the number of the report in it. One that is not above the newest is dropped.
 */
export interface ReportOrder {
  readonly rank: number
  readonly life: number
  readonly number: number
}

export interface AgentReport {
  readonly order: ReportOrder
  /** Whether the guest runs; of one that does not, nothing is to be heard. */
  readonly on: boolean
  readonly heard: boolean
  readonly status: ServiceStatus | null
  readonly message: string | null
  /** Null before its first word. */
  readonly about: AgentAbout | null
  readonly backup: BackupReport | null
}

export interface AgentAbout {
  readonly agent: string
  readonly boot: string
  readonly service: string
  readonly methods: readonly DeclaredMethod[]
  readonly backups: readonly BackupKind[]
}

const count = integer(0, Number.MAX_SAFE_INTEGER)

export const checkReport: Check = checkObject({
  order: checkObject({ rank: count, life: count, number: count }),
  on: flag,
  heard: flag,
  status: optional(STATUS_FIELDS.status),
  message: STATUS_FIELDS.message,
  about: optional(checkObject(AGENT_FIELDS)),
  backup: optional(checkObject(BACKUP_FIELDS)),
})

export const isNewer = (a: ReportOrder, b: ReportOrder): boolean =>
  a.rank !== b.rank ? a.rank > b.rank : a.life !== b.life ? a.life > b.life : a.number > b.number

/** A report of what is believed now. */
export function reportOf({ heard, hello, status, message, backup }: AgentBelief, on: boolean): Omit<AgentReport, 'order'> {
  const about = hello && {
    ...{ agent: hello.agent, boot: hello.boot, service: hello.service, methods: hello.methods },
    backups: hello.backups ?? [],
  }
  return { on, heard: on && heard === true, status, message, about, backup }
}
