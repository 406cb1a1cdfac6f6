/** `baton node list`, `show` and `drain` */
import type { NodeBody } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { argument, type Call, given } from '../call.ts'
import { isNode } from '../client/bodies.ts'
import { endpointOf } from '../client/endpoint.ts'
import { isText, listOf, shape } from '../client/guards.ts'
import { httpClient } from '../client/http.ts'
import { LOAD_COLUMNS, loadLines } from '../output/load.ts'
import { type Column, card, print, printList } from '../output/table.ts'

export const NODE_COLUMNS: readonly Column<NodeBody>[] = [
  ['ID', n => n.id],
  ['ROLE', n => n.role],
  ['PID', n => n.pid],
  ['STATE', n => n.state],
  ['ENDPOINT', n => n.endpoint],
  ['VERSION', n => n.version],
  ['SHARDS', n => (n.role === 'conductor' ? n.shards : null)],
  ...LOAD_COLUMNS,
]

export async function list(call: Call): Promise<void> {
  const { body } = await httpClient(endpointOf(call.options)).request('GET', '/baton/v1/nodes', shape({ nodes: listOf(isNode) }))
  printList(given(call.options, 'json'), NODE_COLUMNS, body.nodes)
}

/** One node: there is no path of its own, for who asks has all of them in one answer. */
export async function show(call: Call): Promise<void> {
  const id = argument(call, 0)
  const { body } = await httpClient(endpointOf(call.options)).request('GET', '/baton/v1/nodes', shape({ nodes: listOf(isNode) }))
  const node = body.nodes.find(each => each.id === id)
  if (!node) throw new BatonError('NotFound', `there is no node ${id}; \`baton node list\` shows those there are`)
  print(given(call.options, 'json'), node, () => nodeText(node))
}

export const nodeText = (node: NodeBody): string =>
  card(
    [
      ...NODE_COLUMNS.slice(0, -LOAD_COLUMNS.length),
      ['NODE.JS', n => n.node],
      ...loadLines(node).map(([title, text]) => [title, () => text] as const),
    ],
    node,
  )

export async function drain(call: Call): Promise<void> {
  const id = argument(call, 0)
  const path = `/baton/v1/nodes/${encodeURIComponent(id)}/drain`
  const { body } = await httpClient(endpointOf(call.options)).request('POST', path, shape({ node: shape({ state: isText }) }), { repeatable: true })
  print(given(call.options, 'json'), { id, state: body.node.state }, () => `${id}: ${body.node.state}`)
}
