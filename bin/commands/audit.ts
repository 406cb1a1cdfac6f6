/** `baton audit list` and `verify` */
import type { AuditEntry, AuditVerdict } from '../../actors/kernel/audit.ts'
import { type Call, given, text } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { isFlag, isNumber, isText, listOf, nullable, shape } from '../client/guards.ts'
import { httpClient } from '../client/http.ts'
import { type Column, print, printList, timeText } from '../output/table.ts'

const isEntry = shape({
  ...{ seq: isNumber, at: isNumber, hash: isText, requestId: isText, action: isText, status: isNumber },
  ...{ user: nullable(isText), project: nullable(isText), target: nullable(isText) },
})
const isVerdict = shape({
  lines: isNumber,
  upTo: shape({ seq: isNumber, hash: isText }),
  isEnd: isFlag,
  broken: nullable(shape({ seq: isNumber, why: isText })),
})

const COLUMNS: readonly Column<AuditEntry>[] = [
  ['LINE', e => e.seq],
  ['TIME', e => timeText(e.at)],
  ['USER', e => e.user],
  ['PROJECT', e => e.project],
  ['ACTION', e => e.action],
  ['TARGET', e => e.target],
  ['STATUS', e => e.status],
  ['REQUEST', e => e.requestId],
]

export async function list({ options }: Call): Promise<void> {
  const [limit, before] = [text(options, 'limit'), text(options, 'before')]
  const query = { ...(limit === undefined ? {} : { limit }), ...(before === undefined ? {} : { before }) }
  const { body } = await httpClient(endpointOf(options)).request('GET', '/baton/v1/audit', shape({ audit: listOf(isEntry) }), { query })
  printList(given(options, 'json'), COLUMNS, body.audit)
}

/** Part by part, to the end or to the first line that does not fit. */
export async function verify({ options }: Call): Promise<void> {
  const client = httpClient(endpointOf(options))
  const ask = async (query: Readonly<Record<string, string>>): Promise<AuditVerdict> =>
    (await client.request('GET', '/baton/v1/audit/verify', shape({ verdict: isVerdict }), { query })).body.verdict
  let verdict = await ask({})
  let { lines } = verdict
  while (!verdict.isEnd && verdict.broken === null) {
    verdict = await ask({ seq: String(verdict.upTo.seq), hash: verdict.upTo.hash })
    lines += verdict.lines
  }
  print(given(options, 'json'), { ...verdict, lines }, () => verdictText({ ...verdict, lines }))
  if (verdict.broken !== null) process.exitCode = 1
}

export function verdictText({ lines, upTo, broken }: AuditVerdict): string {
  if (broken === null) return `The chain is whole: ${lines} lines, the newest ${upTo.seq} with hash ${upTo.hash || '(none)'}.`
  return `TAMPERED: line ${broken.seq}: ${broken.why}. The ${lines} lines before it fit.`
}
