/** `baton node list` and `drain` */
import type { NodeBody } from '../../actors/api.ts'
import { argument, type Call, given } from '../call.ts'
import { isNode } from '../client/bodies.ts'
import { endpointOf } from '../client/endpoint.ts'
import { isText, listOf, shape } from '../client/guards.ts'
import { httpClient } from '../client/http.ts'
import { type Column, print, printList } from '../output/table.ts'

export const NODE_COLUMNS: readonly Column<NodeBody>[] = [
  ['ID', n => n.id],
  ['ROLE', n => n.role],
  ['PID', n => n.pid],
  ['STATE', n => n.state],
  ['ENDPOINT', n => n.endpoint],
  ['VERSION', n => n.version],
  ['SHARDS', n => (n.role === 'conductor' ? n.shards : null)],
  [
    'LOAD',
    n =>
      Object.entries(n.load)
        .map(([name, value]) => `${name} ${Math.round(value * 100) / 100}`)
        .join(', '),
  ],
]

export async function list(call: Call): Promise<void> {
  const { body } = await httpClient(endpointOf(call.options)).request('GET', '/baton/v1/nodes', shape({ nodes: listOf(isNode) }))
  printList(given(call.options, 'json'), NODE_COLUMNS, body.nodes)
}

export async function drain(call: Call): Promise<void> {
  const id = argument(call, 0)
  const path = `/baton/v1/nodes/${encodeURIComponent(id)}/drain`
  const { body } = await httpClient(endpointOf(call.options)).request('POST', path, shape({ node: shape({ state: isText }) }), { repeatable: true })
  print(given(call.options, 'json'), { id, state: body.node.state }, () => `${id}: ${body.node.state}`)
}
