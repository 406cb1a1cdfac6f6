/** Resource providers, by the plugin `osc-placement`. */
import { ok, deepStrictEqual as same } from 'node:assert'
import { type Client, has } from './session.ts'

export async function resourceProviders({ shows, refuses, offers }: Client): Promise<void> {
  if (!(await offers('/placement/resource_providers'))) return
  const found = await shows('resource provider list', rows => same(rows.length, 4))
  const host = String(found?.[0].uuid)
  await shows(`resource provider show ${host}`, provider => has(provider, { uuid: host, name: found?.[0].name }))
  await shows(`resource provider inventory list ${host}`, rows => ok(['VCPU', 'MEMORY_MB', 'DISK_GB'].every(name => hasClass(rows, name))))
  await shows(`resource provider usage show ${host}`, rows => ok(hasClass(rows, 'VCPU')))
  await shows('allocation candidate list --resource VCPU=1 --resource MEMORY_MB=64', rows => same(rows.length, 4))
  await shows(`resource provider inventory show ${host} VCPU`, inventory => ok(inventory.total > 0))
  await shows(`resource provider trait list ${host}`, rows => ok(Array.isArray(rows)))
  await shows('resource provider list --name nothing-of-this-name', rows => same(rows, []))
  await shows('resource class list', rows =>
    ok(['VCPU', 'MEMORY_MB', 'DISK_GB'].every(name => rows.some((row: { name: string }) => row.name === name))),
  )
  await shows('trait list --name startswith:COMPUTE_', rows => ok(Array.isArray(rows)))
  // Providers are the hosts: none is made by hand.
  await refuses('resource provider create shared-disks', /Resource providers are the compute hosts/)
}

const hasClass = (rows: { resource_class: string }[], name: string): boolean => rows.some(row => row.resource_class === name)
