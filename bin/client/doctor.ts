/** Guards for what the doctor says. */

import { FINDINGS, type FindingCode } from '../../actors/doctor/codes.ts'
import type { DoctorBody, FindingBody, RepairBody } from '../../actors/doctor/report.ts'
import { type Guard, isNumber, isText, listOf, nullable, oneOf, shape } from './guards.ts'

const isCode: Guard<FindingCode> = (value): value is FindingCode => isText(value) && Object.hasOwn(FINDINGS, value)

const isFinding: Guard<FindingBody> = shape({
  code: isCode,
  severity: oneOf('critical', 'warning', 'info'),
  subject: isText,
  instance: nullable(isText),
  host: nullable(isText),
  believed: isText,
  seen: isText,
  since: nullable(isNumber),
  byItself: isText,
  repair: nullable(isText),
  command: nullable(isText),
})

const isRepair: Guard<RepairBody> = shape({ finding: isFinding, outcome: oneOf('repaired', 'pending', 'left', 'refused'), detail: isText })

export const isDoctor: Guard<DoctorBody> = shape({
  at: isNumber,
  tookMs: isNumber,
  findings: listOf(isFinding),
  leftOff: isNumber,
  unseen: listOf(isText),
  looked: shape({ hosts: isNumber, guests: isNumber, claims: isNumber, instances: isNumber, operations: isNumber, actors: isNumber }),
  repairs: listOf(isRepair),
})
