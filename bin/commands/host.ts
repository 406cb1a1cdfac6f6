/** `baton host list`, `show`, `enable`, `disable`, `undrain`, `fenced` and `delete`. What moves its instances is in `host-empty.ts`. */
import type { HostBody } from '../../actors/api.ts'
import { argument, type Call, given, text } from '../call.ts'
import { isHost } from '../client/bodies.ts'
import { endpointOf } from '../client/endpoint.ts'
import { isAnything, shape } from '../client/guards.ts'
import { httpClient } from '../client/http.ts'
import { listAll } from '../client/pages.ts'
import { type Column, card, print, printList, timeText } from '../output/table.ts'

const COLUMNS: readonly Column<HostBody>[] = [
  ['ID', h => h.id],
  ['STATE', h => h.state],
  ['MODE', h => `${h.mode}${h.mode !== 'disabled' || h.disabledReason === null ? '' : `: ${h.disabledReason}`}`],
  ['DRIVER', h => h.driver],
  ['VCPUS', h => `${h.vcpusUsed}/${h.vcpus}`],
  ['RAM MB', h => `${h.ramMbUsed}/${h.ramMb}`],
  ['DISK GB', h => `${h.diskGbUsed}/${h.diskGb}`],
  ['CLAIMS', h => h.claims],
]

const DETAILS: readonly Column<HostBody>[] = [
  ...COLUMNS,
  ['PID', h => h.pid],
  ['VERSION', h => h.version],
  ['OPERATION', h => h.operation],
  ['SEEN FIRST', h => timeText(h.createdAt)],
  ['STATE SINCE', h => timeText(h.stateSince)],
  ['RESERVED', ({ placement: p }) => p && `${p.reserved.vcpus} vcpus, ${p.reserved.ramMb} MB ram, ${p.reserved.diskGb} GB disk`],
  ['RATIOS', ({ placement: p }) => p && `cpu ${p.ratios.vcpu}, ram ${p.ratios.ram}, disk ${p.ratios.disk}`],
  [
    'RESOURCES',
    ({ placement: p }) =>
      p &&
      Object.entries(p.custom)
        .map(([name, total]) => `${name} ${p.customUsed[name] ?? 0}/${total}`)
        .join(', '),
  ],
  ['TRAITS', ({ placement: p }) => p?.traits.join(', ')],
  ['HA', h => haText(h)],
  ['LEASE', h => leaseText(h)],
]

export const hostCard = (host: HostBody): string => card(DETAILS, host)

function haText({ ha }: HostBody): string {
  if (!ha || ha.instances === 0) return 'no instance to evacuate'
  const lost = ha.lostAt === null ? '' : `; lost since ${timeText(ha.lostAt)}, ${ha.evacuating} on their way`
  return `${ha.instances} to evacuate, ${ha.learned} of them known to its watchdog${lost}`
}

function leaseText({ lease }: HostBody): string {
  if (!lease) return 'unknown: nobody listens to it just now'
  const left = lease.leftMs === 0 ? 'run out' : `${seconds(lease.leftMs)} left`
  return `heard ${seconds(lease.heardAgoMs)} ago, ${left}${lease.armed ? '' : ', its watchdog is not armed yet'}`
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

export async function list(call: Call): Promise<void> {
  const hosts = await listAll(httpClient(endpointOf(call.options)), { path: '/baton/v1/hosts', name: 'hosts', item: isHost })
  printList(given(call.options, 'json'), COLUMNS, hosts)
}

export async function show(call: Call): Promise<void> {
  const path = `/baton/v1/hosts/${encodeURIComponent(argument(call, 0))}`
  const { body } = await httpClient(endpointOf(call.options)).request('GET', path, shape({ host: isHost }))
  print(given(call.options, 'json'), body.host, () => hostCard(body.host))
}

export const enable = (call: Call): Promise<void> => turn(call, 'enable')

export const undrain = (call: Call): Promise<void> => turn(call, 'undrain')

export async function remove(call: Call): Promise<void> {
  const id = argument(call, 0)
  await httpClient(endpointOf(call.options)).request('DELETE', `/baton/v1/hosts/${encodeURIComponent(id)}`, isAnything)
  print(given(call.options, 'json'), { id }, () => `${id}: deleted`)
}

export const fenced = (call: Call): Promise<void> => turn(call, 'fenced')

export const disable = (call: Call): Promise<void> => turn(call, 'disable', { reason: text(call.options, 'reason') ?? 'by an operator' })

async function turn(call: Call, how: 'enable' | 'disable' | 'fenced' | 'undrain', body?: object): Promise<void> {
  const path = `/baton/v1/hosts/${encodeURIComponent(argument(call, 0))}/${how}`
  const { body: answer } = await httpClient(endpointOf(call.options)).request('POST', path, shape({ host: isHost }), {
    repeatable: true,
    ...(body === undefined ? {} : { body }),
  })
  print(given(call.options, 'json'), answer.host, () => hostCard(answer.host))
}
