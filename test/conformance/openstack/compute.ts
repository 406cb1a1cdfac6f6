/** What servers are made of and run on: flavors, key pairs, aggregates, hosts, quotas. */
import { ok, deepStrictEqual as same } from 'node:assert'
import { type Client, has, hasRow } from './session.ts'

export async function flavors({ shows, does, refuses }: Client): Promise<void> {
  await shows('flavor list', rows => hasRow(rows, { Name: 'tiny', RAM: 64, Disk: 1, VCPUs: 1, 'Is Public': true }))
  await shows('flavor create --ram 256 --disk 3 --vcpus 2 --id f256 --property trait:CUSTOM_X=required f256', made =>
    has(made, { id: 'f256', name: 'f256', ram: 256, disk: 3, vcpus: 2, 'os-flavor-access:is_public': true }),
  )
  await shows('flavor show f256', flavor => has(flavor, { id: 'f256', ram: 256, properties: { 'trait:CUSTOM_X': 'required' } }))
  await does('flavor unset --property trait:CUSTOM_X f256')
  await does('flavor set --description of-the-script f256')
  await shows('flavor show f256', flavor => has(flavor, { properties: {}, description: 'of-the-script' }))
  await shows('flavor list --min-ram 2048', rows => ok(rows.every((row: { RAM: number }) => row.RAM >= 2048) && rows.length >= 2))
  await shows('flavor create --private --ram 64 --disk 1 --vcpus 1 --id hidden hidden', made => has(made, { 'os-flavor-access:is_public': false }))
  await does('flavor set --project admin hidden')
  await shows('flavor show hidden', flavor => same(flavor.access_project_ids.length, 1))
  await does('flavor unset --project admin hidden')
  await shows('flavor list --private', rows => hasRow(rows, { Name: 'hidden' }))
  await does('flavor delete f256 hidden')
  await refuses('flavor show f256', /f256/)
}

export async function keyPairs({ shows, does, refuses }: Client): Promise<void> {
  await does('keypair create mine')
  await shows('keypair show mine', pair => has(pair, { name: 'mine', type: 'ssh' }))
  await shows('keypair list', rows => hasRow(rows, { Name: 'mine', Type: 'ssh' }))
  await refuses('keypair create mine', /409/)
  await does('keypair delete mine')
  await shows('keypair list', rows => same(rows, []))
}

export async function places({ shows, does, refuses }: Client): Promise<void> {
  const hosts = await shows('hypervisor list', rows => ok(rows.length === 4 && rows.every((row: { State: string }) => row.State === 'up')))
  const host = String(hosts?.[0]['Hypervisor Hostname'])
  // Up to 2.87 the client asks for the uptime, too, and for statistics.
  await shows(`--os-cloud older hypervisor show ${host}`, shown => has(shown, { hypervisor_hostname: host, state: 'up' }))
  await shows('--os-cloud older hypervisor stats show', stats => has(stats, { count: 4 }))
  await shows(`hypervisor list --matching ${host}`, rows => hasRow(rows, { 'Hypervisor Hostname': host }))
  await shows('aggregate create --zone north rack', made => has(made, { name: 'rack', availability_zone: 'north' }))
  await shows(`aggregate add host rack ${host}`, found => has(found, { hosts: [host] }))
  await does('aggregate set --property ssd=true rack')
  await shows('aggregate show rack', found => has(found, { hosts: [host], properties: { ssd: 'true' } }))
  await shows('aggregate list --long', rows => hasRow(rows, { Name: 'rack', 'Availability Zone': 'north' }))
  await shows('availability zone list --compute', rows => hasRow(rows, { 'Zone Name': 'north', 'Zone Status': 'available' }))
  await does('aggregate unset --property ssd rack')
  await refuses('aggregate delete rack', /409|400/)
  await shows(`aggregate remove host rack ${host}`, found => has(found, { hosts: [] }))
  await does('aggregate delete rack')
  await shows('aggregate list', rows => same(rows, []))

  await shows('compute service list --service nova-compute', rows => same(rows.length, 4))
  await does(`compute service set --disable --disable-reason maintenance ${host} nova-compute`)
  await shows('compute service list --long --service nova-compute', rows =>
    hasRow(rows, { Host: host, Status: 'disabled', 'Disabled Reason': 'maintenance' }),
  )
  await does(`compute service set --enable ${host} nova-compute`)
  await shows(`compute service list --host ${host}`, rows => hasRow(rows, { Host: host, Status: 'enabled', State: 'up' }))
}

export async function shares({ shows, does, offers }: Client): Promise<void> {
  await does('quota set --instances 17 --cores 34 admin')
  await shows('quota show admin', quota => has(quota, { instances: 17, cores: 34 }))
  await shows('quota show --default admin', quota => has(quota, { instances: -1, cores: -1 }))
  await does('quota set --instances -1 --cores -1 admin')
  await shows('quota list --compute', rows => ok(Array.isArray(rows)))
  await shows('limits show --absolute', rows => hasRow(rows, { Name: 'maxTotalInstances', Value: -1 }))
  if (!(await offers('/compute/v2.1/os-simple-tenant-usage'))) return
  await shows('usage list', rows => ok(Array.isArray(rows)))
  await shows('usage show --project admin', usage => ok('CPU Hours' in usage || 'Servers' in usage, JSON.stringify(usage)))
}
