/** A difference as it is found: what is compared here, what is shown of it, and what is needed to treat it. */

import type { GuestReport } from '../hypervisor/hypervisor.ts'
import { FINDINGS, type FindingCode } from './codes.ts'
import type { DoctorScope, FindingBody } from './report.ts'

export interface Difference {
  readonly code: FindingCode
  /** Key of the actor or node that it is about. */
  readonly subject: string
  readonly believed: string
  readonly seen: string
  readonly instance?: string
  readonly host?: string
  readonly guest?: GuestReport
  readonly claim?: string
  readonly operation?: string
  /** Cluster time, ms. */
  readonly since?: number
  /** When the instance had last changed, as it was looked at; cluster time, ms. */
  readonly asOf?: number
}

/** The same for the same difference at another look. */
export const keyOf = ({ code, subject, host, claim }: Difference): string => `${code} ${subject} ${host ?? ''} ${claim ?? ''}`

export const isWithin = (scope: DoctorScope, { instance, host }: Difference): boolean =>
  (scope.instance === undefined || scope.instance === instance) && (scope.host === undefined || scope.host === host)

export function findingOf(difference: Difference): FindingBody {
  const { code, subject, instance, host, operation, believed, seen, since } = difference
  const { severity, byItself, repair, command } = FINDINGS[code]
  const names: Readonly<Record<string, string | undefined>> = { instance, host, operation, actor: subject }
  const filled = command?.replace(/<(\w+)>/g, (whole, name: string) => names[name] ?? whole) ?? null
  return {
    code,
    severity,
    subject,
    instance: instance ?? null,
    host: host ?? null,
    believed,
    seen,
    since: since ?? null,
    byItself,
    repair,
    command: filled,
  }
}

const WORST: readonly FindingBody['severity'][] = ['critical', 'warning', 'info']

/** Worst first, then by code and subject. */
export function bySeverity(a: FindingBody, b: FindingBody): number {
  const rank = WORST.indexOf(a.severity) - WORST.indexOf(b.severity)
  if (rank !== 0) return rank
  return a.code.localeCompare(b.code) || a.subject.localeCompare(b.subject)
}
