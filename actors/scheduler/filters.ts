/** Filters: pure yes or no about one host for one request. The first that says no names the reason. */
import type { HostBody } from '../api.ts'
import { lacks, type Ratios, type Resources } from '../host/host.ts'
import { HOST_ROW_LIMIT } from '../host/limits.ts'
import { checkObject, integer, listOf, text } from '../kernel/check.ts'

export interface PickRequest extends Resources {
  /** Hosts that have refused already. */
  readonly avoid: readonly string[]
  /** The driver that can run the image; null when the image is unknown, and then no host refuses it for that. */
  readonly driver: string | null
  /** The hosts that have the image, when it is to be booted and not all hosts have it. */
  readonly imageHosts?: readonly string[] | null
}

const amount = integer(0, Number.MAX_SAFE_INTEGER)

/** A pick as it is asked for: what must fit, the image, and the hosts to leave out. */
export const checkPick = checkObject({
  image: text(128, 0),
  vcpus: amount,
  ramMb: amount,
  diskGb: amount,
  avoid: listOf(text(128, 0), HOST_ROW_LIMIT),
})

export interface Filter {
  readonly name: string
  /** Null to pass, else why not. */
  readonly refuses: (host: HostBody, request: PickRequest, ratios: Ratios) => string | null
}

const usedOf = (host: HostBody): Resources => ({ vcpus: host.vcpusUsed, ramMb: host.ramMbUsed, diskGb: host.diskGbUsed })

export const FILTERS: readonly Filter[] = [
  { name: 'enabled', refuses: host => (host.enabled ? null : (host.disabledReason ?? 'disabled')) },
  { name: 'up', refuses: host => (host.state === 'up' ? null : `is ${host.state}`) },
  {
    name: 'image',
    refuses: (host, { driver, imageHosts }) => {
      if (driver !== null && driver !== host.driver) return `runs ${host.driver}, the image needs ${driver}`
      return imageHosts && !imageHosts.includes(host.id) ? `does not have the image; it is on ${imageHosts.join(', ')}` : null
    },
  },
  { name: 'retry', refuses: (host, request) => (request.avoid.includes(host.id) ? 'refused or failed already' : null) },
  { name: 'capacity', refuses: (host, request, ratios) => lacks(host, usedOf(host), request, ratios) },
]
