/** `baton alerts` */
import type { AlertBody, AlertsBody, WebhookBody } from '../../actors/alerts/body.ts'
import { type Call, given } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { type Guard, isNumber, isText, listOf, nullable, oneOf, shape } from '../client/guards.ts'
import { httpClient } from '../client/http.ts'
import { type Column, duration, print, table, timeText } from '../output/table.ts'

const isAlert: Guard<AlertBody> = shape({
  ...{ id: isNumber, code: isText, severity: oneOf('warning', 'critical'), subject: isText, message: isText, remedy: isText },
  ...{ firedAt: isNumber, clearedAt: nullable(isNumber) },
})
const isWebhook: Guard<WebhookBody> = shape({
  ...{ waiting: isNumber, delivered: isNumber, givenUp: isNumber },
  failure: nullable(shape({ at: isNumber, attempts: isNumber, message: isText })),
})
const isAlerts: Guard<AlertsBody> = shape({ firing: listOf(isAlert), ended: listOf(isAlert), webhook: isWebhook })

const COLUMNS: readonly Column<AlertBody>[] = [
  ['ALERT', a => a.id],
  ['SEVERITY', a => a.severity],
  ['CODE', a => a.code],
  ['SUBJECT', a => a.subject],
  ['SINCE', a => timeText(a.firedAt)],
  ['WHAT', a => a.message],
]
const ENDED: readonly Column<AlertBody>[] = [
  ...COLUMNS.slice(0, 5),
  ['LASTED', a => duration((a.clearedAt ?? a.firedAt) - a.firedAt)],
  ...COLUMNS.slice(5),
]

export async function alerts({ options }: Call): Promise<void> {
  const { body } = await httpClient(endpointOf(options)).request('GET', '/baton/v1/alerts', shape({ alerts: isAlerts }))
  const isHistory = given(options, 'history')
  const { ended, ...now } = body.alerts
  print(given(options, 'json'), isHistory ? body.alerts : now, () => alertsText(body.alerts, isHistory))
}

/** What fires, what is to be done about it, and what the webhook has not heard. */
export function alertsText({ firing, ended, webhook }: AlertsBody, isHistory: boolean): string {
  const remedies = new Map(firing.map(({ code, remedy }) => [code, remedy]))
  const parts = [
    firing.length === 0 ? 'No alert fires.' : table(COLUMNS, firing),
    ...(remedies.size > 0 ? [`Next:\n${[...remedies].map(([code, remedy]) => `  ${code}: ${remedy}`).join('\n')}`] : []),
    ...(isHistory ? [ended.length === 0 ? 'None was there before.' : `Over:\n${table(ENDED, ended)}`] : []),
    ...webhookText(webhook),
  ]
  return parts.join('\n\n')
}

function webhookText({ waiting, givenUp, failure }: WebhookBody): string[] {
  if (!failure) return []
  const lost = givenUp > 0 ? `; ${givenUp} given up in all` : ''
  return [`WEBHOOK: ${failure.message}, attempt ${failure.attempts} at ${timeText(failure.at)}; ${waiting} wait${lost}`]
}
