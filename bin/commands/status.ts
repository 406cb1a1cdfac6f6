/** `baton status` */
import { spreadText } from '../../actors/alerts/advice.ts'
import type { StatusBody } from '../../actors/api.ts'
import { type Call, given } from '../call.ts'
import { isStatus } from '../client/bodies.ts'
import { endpointOf } from '../client/endpoint.ts'
import { shape } from '../client/guards.ts'
import { httpClient } from '../client/http.ts'
import { print, table } from '../output/table.ts'
import { NODE_COLUMNS } from './node.ts'

export async function status(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const { body } = await client.request('GET', '/baton/v1/status', shape({ status: isStatus }))
  print(given(call.options, 'json'), body.status, () => statusText(body.status, client.endpoint))
}

/** The status as a person reads it: numbers first, what is wrong last. */
export function statusText(status: StatusBody, endpoint: string): string {
  const instances = Object.entries(status.instances)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state}`)
  const { connected, waitingCommits } = status.database
  const lines = [
    `Baton ${status.version} at ${endpoint}`,
    `Instances   ${instances.join(', ') || 'none'}`,
    `Hosts       ${
      Object.entries(status.hosts.states)
        .map(([state, count]) => `${count} ${state}`)
        .join(', ') || 'none'
    }`,
    `Operations  ${status.operationsOpen} open`,
    `Database    ${connected ? 'connected' : 'AWAY: nothing is accepted until it is back'}, ${waitingCommits} commits wait`,
    `Advice      ${status.advice.addConductor ? 'add a conductor' : 'no conductor needed'}: ${status.advice.because}`,
    ...(status.advice.spread ? [`            ${spreadText(status.advice.spread)}`] : []),
    ...status.alerts.map(alert => `ALERT       ${alert}`),
    ...(status.poisoned.length > 0 ? [`Set aside   ${status.poisoned.join(', ')}`] : []),
  ]
  return `${lines.join('\n')}\n\n${table(NODE_COLUMNS, status.nodes)}`
}
