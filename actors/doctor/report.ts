/** What the doctor says, as plain data. */
import type { FindingCode, Severity } from './codes.ts'

/** A difference between what is believed and what is seen. */
export interface FindingBody {
  readonly code: FindingCode
  readonly severity: Severity
  /** `instance/<id>`, `host/<id>`, `operation/<id>`, `node/<id>`, or the key of another actor. */
  readonly subject: string
  readonly instance: string | null
  readonly host: string | null
  readonly believed: string
  readonly seen: string
  /** Cluster time in ms, when it is known. */
  readonly since: number | null
  /** What the reconciler does about it, and when. */
  readonly byItself: string
  /** What a repair would do; null when only a person can. */
  readonly repair: string | null
  /** For a person. */
  readonly command: string | null
}

export interface RepairBody {
  readonly finding: FindingBody
  /** `repaired`: not there any more. `left`: by policy, or only a person can. `pending`: done, but still to be seen. */
  readonly outcome: 'repaired' | 'pending' | 'left' | 'refused'
  readonly detail: string
}

export interface DoctorBody {
  /** Cluster time, ms; and the time one look took. */
  readonly at: number
  readonly tookMs: number
  readonly findings: readonly FindingBody[]
  /** Findings beyond those listed. */
  readonly leftOff: number
  /** What could not be looked at, and why. */
  readonly unseen: readonly string[]
  /** How much was looked at. */
  readonly looked: Readonly<Record<'hosts' | 'guests' | 'claims' | 'instances' | 'operations' | 'actors', number>>
  /** Of a repair: what became of each finding that was seen twice. */
  readonly repairs: readonly RepairBody[]
}

/** Only what is about this instance, or this host. */
export interface DoctorScope {
  readonly instance?: string
  readonly host?: string
}
