/** `baton doctor` and `baton doctor --repair` */
import type { DoctorBody, FindingBody, RepairBody } from '../../actors/doctor/report.ts'
import { toFault } from '../../actors/kernel/errors.ts'
import { type Call, given, text } from '../call.ts'
import { isDoctor } from '../client/doctor.ts'
import { endpointOf } from '../client/endpoint.ts'
import { shape } from '../client/guards.ts'
import { httpClient } from '../client/http.ts'
import { EXIT, exitCodeOf } from '../exit.ts'
import { report } from '../output/report.ts'
import { type Column, card, duration, print, table, timeText } from '../output/table.ts'

/** 0: nothing differs. 1: something does. 2: it could not look, or not everywhere. */
const UNSEEN = 2

export async function doctor(call: Call): Promise<void> {
  const json = given(call.options, 'json')
  const body = await ask(call).catch(error => {
    if (exitCodeOf(toFault(error).code) !== EXIT.unreachable.code) throw error
    process.exitCode = UNSEEN
    report(error, { command: 'doctor', json, debug: process.env.BATON_DEBUG === '1' })
    return null
  })
  if (!body) return
  print(json, body, () => doctorText(body))
  process.exitCode = body.findings.length > 0 ? 1 : body.unseen.length > 0 ? UNSEEN : 0
}

async function ask({ options }: Call): Promise<DoctorBody> {
  const [instance, host] = [text(options, 'instance'), text(options, 'host')]
  const scope = { ...(instance === undefined ? {} : { instance }), ...(host === undefined ? {} : { host }) }
  const client = httpClient(endpointOf(options))
  const answer = given(options, 'repair')
    ? client.request('POST', '/baton/v1/doctor/repair', shape({ doctor: isDoctor }), { body: scope, repeatable: true })
    : client.request('GET', '/baton/v1/doctor', shape({ doctor: isDoctor }), { query: scope })
  return (await answer).body.doctor
}

const COLUMNS: readonly Column<FindingBody>[] = [
  ['SEVERITY', f => f.severity],
  ['CODE', f => f.code],
  ['SUBJECT', f => f.subject],
  ['HOST', f => f.host],
  ['BELIEVED', f => f.believed],
  ['SEEN', f => f.seen],
]

const REPAIRS: readonly Column<RepairBody>[] = [
  ['OUTCOME', r => r.outcome],
  ['CODE', r => r.finding.code],
  ['SUBJECT', r => r.finding.subject],
  ['HOST', r => r.finding.host],
  ['DETAIL', r => r.detail],
]

const ADVICE: readonly Column<FindingBody>[] = [
  ['by itself', f => f.byItself],
  ['--repair', f => f.repair ?? 'nothing: only a person can'],
  ['by hand', f => f.command],
  ['since', f => (f.since === null ? null : timeText(f.since))],
]

/** The report as a person reads it: what was repaired, what differs, what can be done about each kind, what was not seen. */
export function doctorText({ findings, leftOff, unseen, looked, repairs, tookMs }: DoctorBody): string {
  const { hosts, guests, claims, instances, operations, actors } = looked
  const there = `${hosts} hosts with ${guests} guests and ${claims} claims`
  const parts = [`Looked at ${instances} instances, ${there}, ${operations} open operations and ${actors} actors, in ${duration(tookMs)}.`]
  if (repairs.length > 0) parts.push(table(REPAIRS, repairs))
  if (findings.length === 0) parts.push('Nothing differs.')
  else parts.push(table(COLUMNS, findings), ...kindsOf(findings).map(f => `${f.code}\n${card(ADVICE, f)}`))
  if (leftOff > 0) parts.push(`${leftOff} more findings are not listed; name an instance or a host.`)
  if (unseen.length > 0) parts.push(`Not seen:\n${unseen.map(why => `  ${why}`).join('\n')}`)
  return parts.join('\n\n')
}

/** The first of each kind: what is done about it is the same for all. */
const kindsOf = (findings: readonly FindingBody[]): FindingBody[] => findings.filter((f, i) => findings.findIndex(g => g.code === f.code) === i)
