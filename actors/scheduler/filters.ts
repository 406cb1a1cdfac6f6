/**
 * Filters: pure yes or no about one host for one demand. The first that says no names the reason. Which are asked, and in which
 * order, is configured (`scheduler.filters`); cheap ones that refuse many stand best in front.
 */
import { fits, lacks, shortages } from '../placement/amounts.ts'
import { breaks } from '../placement/rules.ts'
import type { Demand } from './demand.ts'
import type { HostView } from './host-view.ts'

export interface Filter {
  readonly name: string
  /** Null to pass, else why not. */
  readonly refuses: (host: HostView, demand: Demand) => string | null
  /** The change after which this host would pass, in words; null when nobody would want it. Asked only of a host that was refused. */
  readonly remedy: (host: HostView, demand: Demand) => string | null
  /** How large that change is, compared with others. */
  readonly cost: (host: HostView, demand: Demand) => number
}

const MB = 'ram (MB)'

const filter = (name: string, cost: number, refuses: Filter['refuses'], remedy: Filter['remedy'] = () => null): Filter => ({
  name,
  refuses,
  remedy,
  cost: () => cost,
})

const metadataHas = (value: string | undefined, wanted: string): boolean => value?.split(',').some(v => v.trim() === wanted) ?? false

/** The first metadata item that no aggregate of the host has. */
function missingMetadata({ aggregates }: HostView, { aggregateSpecs }: Demand): [key: string, value: string] | null {
  for (const key in aggregateSpecs) {
    const wanted = aggregateSpecs[key] ?? ''
    if (!aggregates.some(a => metadataHas(a.metadata[key], wanted))) return [key, wanted]
  }
  return null
}

const capacity: Filter = {
  name: 'capacity',
  refuses: (host, demand) => (fits(host.capacity, host.used, demand) ? null : lacks(host.capacity, host.used, demand)),
  remedy(host, demand) {
    const lacking = shortages(host.capacity, host.used, demand)
    const free = lacking.map(s => `${Math.ceil(s.wanted - s.free)} ${s.resource}`).join(' and ')
    const toFree = `free ${free} on ${host.id}`
    // Nothing at all is left of something: no flavor would fit.
    if (lacking.some(s => s.free < 1)) return toFree
    const most = lacking.map(s => `at most ${Math.floor(s.free)} ${s.resource === MB ? 'MB ram' : s.resource}`)
    return `${toFree}, or use a flavor with ${most.join(' and ')}`
  },
  /** Relative to what is wanted: a little is missing rather than much. */
  cost: (host, demand) => 1 + shortages(host.capacity, host.used, demand).reduce((sum, s) => sum + (s.wanted - s.free) / s.wanted, 0),
}

export const FILTERS: readonly Filter[] = [
  filter('host', 100, (host, { host: only }) => (only === null || only === host.id ? null : `${only} was asked for`)),
  filter(
    'enabled',
    1,
    ({ body }) => (body.enabled ? null : (body.disabledReason ?? 'disabled')),
    ({ id }) => `enable host ${id}`,
  ),
  filter(
    'up',
    2,
    ({ body }) => (body.state === 'up' ? null : `is ${body.state}`),
    ({ id, body }) => `bring host ${id} back, which is ${body.state}`,
  ),
  filter('retry', 50, ({ id }, { avoid }) => (avoid.includes(id) ? 'refused or failed already' : null)),
  filter(
    'zone',
    1.5,
    (host, { zone }) => (zone === null || host.zone === zone ? null : `is in zone ${host.zone}, not ${zone}`),
    host => `ask for zone ${host.zone}, where ${host.id} is`,
  ),
  filter(
    'image',
    4,
    ({ id, body }, { driver, imageHosts }) => {
      if (driver !== null && driver !== body.driver) return `runs ${body.driver}, the image needs ${driver}`
      return imageHosts && !imageHosts.includes(id) ? `does not have the image; it is on ${imageHosts.join(', ')}` : null
    },
    ({ id, body }) => `use an image for the driver ${body.driver} that ${id} has`,
  ),
  filter(
    'traits',
    2,
    ({ traits }, { traits: { required, forbidden } }) => {
      const missing = required.find(trait => !traits.has(trait))
      if (missing !== undefined) return `lacks trait ${missing}`
      const unwanted = forbidden.find(trait => traits.has(trait))
      return unwanted === undefined ? null : `has trait ${unwanted}, which is forbidden`
    },
    ({ id, traits }, { traits: { required, forbidden } }) => {
      const missing = required.filter(trait => !traits.has(trait))
      if (missing.length > 0) return `add ${missing.join(', ')} to the traits of ${id}`
      return `use a flavor that allows ${forbidden.filter(trait => traits.has(trait)).join(', ')}, which ${id} has`
    },
  ),
  filter(
    'aggregates',
    2,
    (host, demand) => {
      const missing = missingMetadata(host, demand)
      return missing === null ? null : `is in no aggregate with ${missing[0]}=${missing[1]}`
    },
    (host, demand) => `add ${host.id} to an aggregate with ${(missingMetadata(host, demand) ?? []).join('=')}`,
  ),
  filter(
    'group',
    3,
    ({ id }, { group }) => (group === null ? null : breaks(group, id)),
    ({ id }, { group }) => `use another server group than ${group?.id} on ${id}`,
  ),
  filter(
    'same-host',
    3,
    ({ id }, { beside }) => {
      const away = beside.find(n => n.host !== id)
      return away === undefined ? null : `instance ${away.instance}, beside which it is to be, is on ${away.host ?? 'no host'}`
    },
    ({ id }) => `drop the hint same_host to use ${id}`,
  ),
  filter(
    'different-host',
    3,
    ({ id }, { apartFrom }) => {
      const here = apartFrom.find(n => n.host === id)
      return here === undefined ? null : `instance ${here.instance}, from which it is to be apart, is here`
    },
    ({ id }) => `drop the hint different_host to use ${id}`,
  ),
  capacity,
]

export const FILTER_NAMES: readonly string[] = FILTERS.map(({ name }) => name)
