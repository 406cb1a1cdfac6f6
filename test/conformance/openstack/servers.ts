/** Servers: made, shown, changed, moved and deleted. */
import { ok, deepStrictEqual as same } from 'node:assert'
import { type Client, has, hasRow } from './session.ts'

const IMAGE = 'fake-image'
/** Without a network service there is nothing to attach to. */
const MADE = `--flavor tiny --image ${IMAGE} --nic none --wait`

export async function serverLife(client: Client): Promise<void> {
  const { shows, does, refuses } = client
  await shows(`server create ${MADE} --property colour=red --tag first one`, made => {
    has(made, { name: 'one', status: 'ACTIVE', properties: { colour: 'red' } })
    ok(String(made.image).startsWith(IMAGE))
  })
  await shows('server show one', one => has(one, { name: 'one', 'OS-EXT-STS:vm_state': 'active', 'OS-EXT-STS:power_state': 1, tags: ['first'] }))
  await shows('server list --name one', rows => hasRow(rows, { Name: 'one', Status: 'ACTIVE', Flavor: 'tiny', Image: IMAGE }))
  await shows('server list --status SHUTOFF', rows => same(rows, []))
  await shows('server list --long --all-projects', rows => hasRow(rows, { Name: 'one', 'Task State': null, 'Power State': 1 }))

  for (const [action, status] of [
    ['stop', 'SHUTOFF'],
    ['start', 'ACTIVE'],
    ['pause', 'PAUSED'],
    ['unpause', 'ACTIVE'],
    ['suspend', 'SUSPENDED'],
    ['resume', 'ACTIVE'],
  ] as const) {
    await does(`server ${action} one`)
    await settles(client, 'one', status)
  }
  await does('server reboot --wait one')
  await does('server reboot --hard --wait one')
  await does('server rescue one')
  await settles(client, 'one', 'RESCUE')
  await does('server unrescue one')
  await settles(client, 'one', 'ACTIVE')
  await does('server shelve --wait one')
  await settles(client, 'one', 'SHELVED_OFFLOADED')
  await does('server unshelve --wait one')
  await settles(client, 'one', 'ACTIVE')
  await shows(`server rebuild --image ${IMAGE} --wait one`, one => has(one, { name: 'one' }))
  await settles(client, 'one', 'ACTIVE')
  await does('console log show one')
  await shows('server event list one', rows => ok(rows.length >= 10, `${rows.length} events`))
  await shows('server event list --limit 1 one', rows => same(rows.length, 1))
  await does('server delete --wait one')
  await refuses('server show one', /No server with a name or ID of 'one'/)
}

export async function serverChanges(client: Client): Promise<void> {
  const { shows, does, refuses } = client
  await shows(`server create ${MADE} two`, made => has(made, { name: 'two', status: 'ACTIVE' }))
  await does('server set --property size=small --tag blue --name deux two')
  await shows('server show deux', two => has(two, { properties: { size: 'small' }, tags: ['blue'] }))
  await does('server unset --property size --tag blue deux')
  await shows('server show deux', two => has(two, { properties: {}, tags: [] }))
  await does('server set --description two-in-french deux')
  await shows('server show deux', two => has(two, { description: 'two-in-french' }))
  await does('server lock --reason because deux')
  await shows('server show deux', two => has(two, { locked: true, locked_reason: 'because' }))
  await shows('server list --locked', rows => hasRow(rows, { Name: 'deux' }))
  await does('server unlock deux')
  await shows('server show deux', two => has(two, { locked: false }))

  await does('server resize --flavor small --wait deux')
  await settles(client, 'deux', 'VERIFY_RESIZE')
  await does('server resize confirm deux')
  await settles(client, 'deux', 'ACTIVE')
  await shows('server show deux', two => has(two, { flavor: two.flavor }))
  await does('server resize --flavor tiny --wait deux')
  await does('server resize revert deux')
  await settles(client, 'deux', 'ACTIVE')
  await does('server migrate --wait deux')
  await does('server migration confirm deux')
  await settles(client, 'deux', 'ACTIVE')
  await does('server migrate --live-migration --wait deux')
  await settles(client, 'deux', 'ACTIVE')
  await shows('server migration list --server deux', rows => ok(rows.length >= 4, `${rows.length} migrations`))
  await does('server set --state error deux')
  await shows('server show deux', two => has(two, { status: 'ERROR' }))
  await does('server set --state active deux')
  await refuses('server resize --flavor nothing deux', /No Flavor found|could not be found|No flavor with a name or ID/i)
  await refuses(`server create --flavor tiny --image nothing --nic none three`, /nothing/)
  await shows('server image create --name kept --wait deux', image => has(image, { name: 'kept' }))
  await does('image delete kept')
  await does('server delete --wait deux')
}

export async function serverGroups({ shows, does, refuses }: Client): Promise<void> {
  const group = await shows('server group create --policy anti-affinity apart', made => has(made, { name: 'apart', policy: 'anti-affinity' }))
  await shows('server group list', rows => hasRow(rows, { Name: 'apart', Policy: 'anti-affinity' }))
  await shows(`server create ${MADE} --hint group=${group?.id} --min 2 --max 2 pair`, made => has(made, { status: 'ACTIVE' }))
  await shows('server group show apart', found => same(found.members.length, 2))
  const hosts = await shows('server list --long --name pair -c Host', rows => same(new Set(rows.map((row: { Host: string }) => row.Host)).size, 2))
  ok(hosts === null || hosts.length === 2)
  await does('server delete --wait pair-1 pair-2')
  await does('server group delete apart')
  // The client itself stumbles over what is not there.
  await refuses('server group show apart', /apart|NoneType/)
}

/** Until the server has this status: the client has no word for waiting for most of them. */
const settles = ({ eventually }: Pick<Client, 'eventually'>, name: string, status: string): Promise<unknown> =>
  eventually(`server show ${name}`, server => has(server, { status }))
