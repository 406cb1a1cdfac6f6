/** Who there is: projects, users, roles, the catalogue, tokens and application credentials. */
import { ok, deepStrictEqual as same } from 'node:assert'
import { ANN } from './people.ts'
import { type Client, has, hasRow } from './session.ts'

export async function people({ shows, does, refuses }: Client): Promise<void> {
  const project = await shows('project create --description demonstration demo', made => has(made, { name: 'demo', enabled: true }))
  await shows('project list', rows => hasRow(rows, { Name: 'demo', ID: project?.id }))
  await does('project set --description changed demo')
  await shows('project show demo', found => has(found, { name: 'demo', description: 'changed' }))
  await shows(`user create --project demo --password ${ANN.password} --email ann@example.org ann`, made =>
    has(made, { name: 'ann', email: 'ann@example.org', enabled: true }),
  )
  await shows('user list', rows => hasRow(rows, { Name: 'ann' }))
  await does('user set --disable ann')
  await shows('user show ann', found => has(found, { name: 'ann', enabled: false }))
  await does('user set --enable ann')
  await shows('role create helper', made => has(made, { name: 'helper' }))
  await shows('role list', rows => ok(['admin', 'member', 'reader', 'helper'].every(name => rows.some((row: { Name: string }) => row.Name === name))))
  await does('role add --project demo --user ann helper')
  await does('role add --project demo --user ann member')
  await shows('role assignment list --names --user ann', rows => {
    hasRow(rows, { Role: 'helper', User: 'ann@Default', Project: 'demo@Default' })
    hasRow(rows, { Role: 'member', User: 'ann@Default', Project: 'demo@Default' })
  })
  await does('role remove --project demo --user ann helper')
  await shows('role assignment list --names --user ann --project demo', rows => same(rows.length, 1))

  await shows('group create --description everybody staff', made => has(made, { name: 'staff', description: 'everybody' }))
  await shows('group list', rows => hasRow(rows, { Name: 'staff' }))
  await does('group add user staff ann')
  await shows('user list --group staff', rows => hasRow(rows, { Name: 'ann' }))
  await does('role add --project demo --group staff reader')
  await shows('role assignment list --names --group staff', rows => hasRow(rows, { Role: 'reader', Group: 'staff@Default', Project: 'demo@Default' }))
  await does('group remove user staff ann')
  await does('group delete staff')
  await does('implied role create --implied-role reader helper')
  await shows('implied role list', rows => hasRow(rows, { 'Prior Role Name': 'helper', 'Implied Role Name': 'reader' }))
  await does('implied role delete --implied-role reader helper')

  const asAnn = '--os-cloud ann'
  await shows(`${asAnn} token issue`, token => same(token.project_id, project?.id))
  await shows(`${asAnn} server list`, rows => same(rows, []))
  await refuses(`${asAnn} hypervisor list`, /403/)
  await refuses('--os-cloud guess token issue', /401/)
  await shows(`${asAnn} application credential create --secret of-the-script robot`, made => has(made, { name: 'robot', secret: 'of-the-script' }))
  await shows(`${asAnn} application credential list`, rows => hasRow(rows, { Name: 'robot' }))
  await does(`${asAnn} application credential delete robot`)

  await does('role delete helper')
  await does('user delete ann')
  await does('project delete demo')
  await refuses('project show demo', /No project with a name or ID of 'demo'/)
}

export async function places({ shows, does, refuses }: Client): Promise<void> {
  await shows('token issue', token => ok(token.id.length > 20 && token.project_id !== ''))
  await shows('catalog list', rows => ok(['compute', 'identity', 'image'].every(type => rows.some((row: { Type: string }) => row.Type === type))))
  await shows('catalog show compute', found => has(found, { type: 'compute' }))
  await shows('endpoint list', rows => ok(rows.length >= 3))
  await shows('endpoint list --service compute --interface public', rows => hasRow(rows, { 'Service Type': 'compute', Interface: 'public' }))
  await shows('service create --name clock --description time clock', made => has(made, { name: 'clock', type: 'clock' }))
  await shows('service list', rows => hasRow(rows, { Name: 'clock', Type: 'clock' }))
  await shows('endpoint create --region RegionOne clock public http://127.0.0.1:1/', made =>
    has(made, { service_type: 'clock', interface: 'public' }),
  )
  await shows('service show clock', found => has(found, { enabled: true }))
  await does('service delete clock')
  await refuses('service show clock', /clock/)
  await shows('region list', rows => hasRow(rows, { Region: 'RegionOne' }))
  await shows('region create --description elsewhere two', made => has(made, { region: 'two' }))
  await does('region delete two')
  await shows('domain list', rows => hasRow(rows, { Name: 'Default', Enabled: true }))
  await shows('versions show --service compute', rows => ok(rows.some((row: { Version: string; Status: string }) => row.Status === 'CURRENT')))
}
