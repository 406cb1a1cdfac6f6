/** `baton usage` and `baton instance diagnostics`: what was used, and what is. */
import { argument, type Call, given, text } from '../call.ts'
import { endpointOf } from '../client/endpoint.ts'
import { type Guard, isNumber, isText, listOf, nullable, shape } from '../client/guards.ts'
import { httpClient } from '../client/http.ts'
import { findInstance } from '../client/resolve.ts'
import { type Column, card, print, printList } from '../output/table.ts'

const isUsage = shape({
  tenant_id: isText,
  start: isText,
  stop: isText,
  total_hours: isNumber,
  total_vcpus_usage: isNumber,
  total_memory_mb_usage: isNumber,
  total_local_gb_usage: isNumber,
})
type Usage = typeof isUsage extends Guard<infer T> ? T : never

const DAYS_DEFAULT = 28
const DAY_MS = 86_400_000

const rounded = (value: number): string => value.toFixed(2)

const USAGES: readonly Column<Usage>[] = [
  ['PROJECT', u => u.tenant_id],
  ['INSTANCE HOURS', u => rounded(u.total_hours)],
  ['VCPU HOURS', u => rounded(u.total_vcpus_usage)],
  ['MEMORY MB HOURS', u => rounded(u.total_memory_mb_usage)],
  ['DISK GB HOURS', u => rounded(u.total_local_gb_usage)],
]

/** All projects; a time is sent as it was given, and judged where it is read. */
export async function usage(call: Call): Promise<void> {
  const since = text(call.options, 'since') ?? new Date(Date.now() - DAYS_DEFAULT * DAY_MS).toISOString()
  const until = text(call.options, 'until')
  const query = new URLSearchParams({ start: since, ...(until === undefined ? {} : { end: until }) })
  const path = `/compute/v2.1/os-simple-tenant-usage?${query}`
  const { body } = await httpClient(endpointOf(call.options)).request('GET', path, shape({ tenant_usages: listOf(isUsage) }))
  printList(given(call.options, 'json'), USAGES, body.tenant_usages)
}

const isDiagnostics = shape({
  state: isText,
  driver: isText,
  uptime: nullable(isNumber),
  num_cpus: isNumber,
  num_disks: isNumber,
  num_nics: isNumber,
  cpu_details: listOf(shape({ time: isNumber })),
  memory_details: shape({ maximum: isNumber, used: nullable(isNumber) }),
})
type Diagnostics = typeof isDiagnostics extends Guard<infer T> ? T : never

const DIAGNOSTICS: readonly Column<Diagnostics>[] = [
  ['STATE', d => d.state],
  ['DRIVER', d => d.driver],
  ['UPTIME s', d => d.uptime],
  ['VCPUS', d => d.num_cpus],
  ['CPU TIME s', d => (d.cpu_details.length === 0 ? null : rounded(d.cpu_details.reduce((sum, cpu) => sum + cpu.time, 0) / 1e9))],
  ['MEMORY MB', d => d.memory_details.maximum],
  ['MEMORY USED MB', d => d.memory_details.used],
  ['DISKS', d => d.num_disks],
  ['INTERFACES', d => d.num_nics],
]

/** The first of Nova's microversions in which diagnostics are the same for all drivers. */
const SAME_FOR_ALL = { 'openstack-api-version': 'compute 2.48' }

export async function diagnostics(call: Call): Promise<void> {
  const client = httpClient(endpointOf(call.options))
  const { id } = await findInstance(client, argument(call, 0))
  const { body } = await client.request('GET', `/compute/v2.1/servers/${id}/diagnostics`, isDiagnostics, { headers: SAME_FOR_ALL })
  print(given(call.options, 'json'), body, () => card(DIAGNOSTICS, body))
}
