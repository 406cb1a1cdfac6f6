/** `baton group list`, `show`, `create` and `delete` */
import type { GroupBody } from '../../actors/api.ts'
import { argument, type Call, given, integer, required } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { httpClient } from '../client/http.ts'
import { createGroup, deleteGroup, findGroup, listGroups } from '../client/placement.ts'
import { type Column, card, print, printList, timeText } from '../output/table.ts'

const COLUMNS: readonly Column<GroupBody>[] = [
  ['ID', g => g.id],
  ['NAME', g => g.name],
  ['POLICY', g => g.policy],
  ['MAX PER HOST', g => g.maxServerPerHost],
  ['MEMBERS', g => g.members.length],
]

const DETAILS: readonly Column<GroupBody>[] = [...COLUMNS, ['INSTANCES', g => g.members.join(', ')], ['CREATED', g => timeText(g.createdAt)]]

const clientOf = (call: Call) => httpClient(endpointOf(call.options))

export async function list(call: Call): Promise<void> {
  printList(given(call.options, 'json'), COLUMNS, await listGroups(clientOf(call)))
}

export async function show(call: Call): Promise<void> {
  const group = await findGroup(clientOf(call), argument(call, 0))
  print(given(call.options, 'json'), group, () => card(DETAILS, group))
}

export async function create(call: Call): Promise<void> {
  const policy = required(call.options, 'policy')
  const max = integer(call.options, 'maxPerHost', 1)
  const body = { name: argument(call, 0), policy, ...(max === undefined ? {} : { maxServerPerHost: max }) }
  const group = await createGroup(clientOf(call), body)
  print(given(call.options, 'json'), group, () => card(DETAILS, group))
}

export async function remove(call: Call): Promise<void> {
  const client = clientOf(call)
  const { id, name } = await findGroup(client, argument(call, 0))
  await deleteGroup(client, id)
  print(given(call.options, 'json'), { id, name, deleted: true }, () => `server group ${name} (${id}) is deleted`)
}
