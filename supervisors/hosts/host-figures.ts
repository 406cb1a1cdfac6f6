/** All hosts in a few numbers, however many there are: what a screen shows of ten thousand without being told of each. Pure. */
import type { HostFigures } from '../../actors/cluster/bodies.ts'
import type { HostBody } from '../../actors/host/body.ts'

/** Parts of the fill, from empty to full. */
const STEPS = 10

/** Where the most of one kind is promised, of what there is; 0 to 1, and above where more is promised than there is. */
const fillOf = ({ vcpus, vcpusUsed, ramMb, ramMbUsed, diskGb, diskGbUsed, placement }: HostBody): number =>
  Math.max(
    ...[
      [vcpusUsed, vcpus * (placement?.ratios.vcpu ?? 1)] as const,
      [ramMbUsed, ramMb * (placement?.ratios.ram ?? 1)] as const,
      [diskGbUsed, diskGb * (placement?.ratios.disk ?? 1)] as const,
    ].map(([used, of]) => (of > 0 ? used / of : 0)),
  )

export function hostFigures(hosts: readonly HostBody[]): HostFigures {
  const states: Record<string, number> = {}
  const fill = new Array<number>(STEPS).fill(0)
  const sums = { vcpus: 0, vcpusUsed: 0, ramMb: 0, ramMbUsed: 0, diskGb: 0, diskGbUsed: 0, claims: 0 }
  let count = 0
  for (const host of hosts) {
    if (host.state === 'gone') continue
    count++
    const state = host.state === 'up' ? host.mode : host.state
    states[state] = (states[state] ?? 0) + 1
    if (host.state !== 'up') continue
    const step = Math.min(STEPS - 1, Math.floor(fillOf(host) * STEPS))
    fill[step] = (fill[step] ?? 0) + 1
    sums.vcpus += host.vcpus
    sums.vcpusUsed += host.vcpusUsed
    sums.ramMb += host.ramMb
    sums.ramMbUsed += host.ramMbUsed
    sums.diskGb += host.diskGb
    sums.diskGbUsed += host.diskGbUsed
    sums.claims += host.claims
  }
  return { count, states, fill, ...sums }
}
