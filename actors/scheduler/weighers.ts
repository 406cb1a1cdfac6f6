/** Weighers: pure numbers about hosts that passed every filter; the larger the better. Each is scaled to 0…1 over the candidates. */
import type { HostBody } from '../api.ts'
import type { Ratios } from '../host/host.ts'

export interface Weigher {
  readonly name: string
  readonly multiplier: number
  readonly weigh: (host: HostBody, ratios: Ratios) => number
}

/** Spread by free memory, as Nova's default does, then by free processors. */
export const WEIGHERS: readonly Weigher[] = [
  { name: 'ram', multiplier: 1, weigh: (host, ratios) => host.ramMb * ratios.ram - host.ramMbUsed },
  { name: 'cpu', multiplier: 1, weigh: (host, ratios) => host.vcpus * ratios.vcpu - host.vcpusUsed },
]

/** Total weight of each host, in the order given. */
export function weigh(hosts: readonly HostBody[], weighers: readonly Weigher[], ratios: Ratios): number[] {
  const totals = hosts.map(() => 0)
  for (const { multiplier, weigh: of } of weighers) {
    const raw = hosts.map(host => of(host, ratios))
    const least = Math.min(...raw)
    const span = Math.max(...raw) - least
    if (span > 0) for (const [i, value] of raw.entries()) totals[i] = (totals[i] ?? 0) + (multiplier * (value - least)) / span
  }
  return totals
}
