/** Resource providers, by the plugin `osc-placement`. */
import { ok, deepStrictEqual as same } from 'node:assert'
import { type Client, has, hasRow } from './session.ts'

export async function resourceProviders({ shows, does, refuses, offers }: Client): Promise<void> {
  if (!(await offers('/placement/resource_providers'))) return
  const found = await shows('resource provider list', rows => same(rows.length, 4))
  const host = String(found?.[0].uuid)
  await shows(`resource provider show ${host}`, provider => has(provider, { uuid: host, name: found?.[0].name }))
  await shows(`resource provider inventory list ${host}`, rows => ok(['VCPU', 'MEMORY_MB', 'DISK_GB'].every(name => hasClass(rows, name))))
  await shows(`resource provider usage show ${host}`, rows => ok(hasClass(rows, 'VCPU')))
  await shows('allocation candidate list --resource VCPU=1 --resource MEMORY_MB=64', rows => same(rows.length, 4))
  await shows('resource provider create shared-disks', made => has(made, { name: 'shared-disks', generation: 0 }))
  const own = await shows('resource provider list --name shared-disks', rows => hasRow(rows, { name: 'shared-disks' }))
  const id = String(own?.[0].uuid)
  await shows(`resource provider inventory set --resource DISK_GB=100 ${id}`, rows => ok(hasClass(rows, 'DISK_GB')))
  await does(`resource provider delete ${id}`)
  await refuses(`resource provider show ${id}`, /404|No resource provider/i)
}

const hasClass = (rows: { resource_class: string }[], name: string): boolean => rows.some(row => row.resource_class === name)
