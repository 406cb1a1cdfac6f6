/** What a report makes of what was believed of an agent, in a guest or outside of one. Pure. */
import type { AgentState } from './body.ts'
import type { BackupReport, ServiceStatus } from './contract.ts'
import type { AgentAbout, AgentReport, ReportOrder } from './report.ts'

export interface Believed {
  readonly agent: AgentState
  readonly status: ServiceStatus
  readonly message: string | null
  readonly about: AgentAbout | null
  readonly backup: BackupReport | null
  /** The newest report that counted. */
  readonly order: ReportOrder
  readonly updatedAt: number
}

export const NO_ORDER: ReportOrder = { rank: -1, life: -1, number: -1 }

export const NOTHING_HEARD: Believed = {
  ...{ agent: 'never', status: 'NEW', message: null, about: null, backup: null, order: NO_ORDER, updatedAt: 0 },
}

const NOT_YET: ReadonlySet<ServiceStatus> = new Set(['NEW', 'BUILDING'])

/** One that falls silent before its service was ever ready has failed, one that was ready is unknown. */
export function believe<S extends Believed>(state: S, { order, on, heard, status, message, about, backup }: AgentReport, at: number): S {
  const known: S = { ...state, order, about: about ?? state.about, backup: backup ?? state.backup, updatedAt: at }
  if (!on) return { ...known, agent: 'off' }
  if (!heard) {
    if (about === null || state.agent === 'never') return known
    const lost = NOT_YET.has(status ?? state.status)
    return { ...known, agent: 'unknown', ...(lost ? { status: 'ERROR', message: 'the agent fell silent before its service was ready' } : {}) }
  }
  return { ...known, agent: 'up', status: status ?? state.status, message }
}
