/** A host as filters and weighers see it: its newest summary, made ready to be asked quickly and often. */
import type { AggregateBody, HostBody } from '../api.ts'
import { capacityOf, type HostDefaults, type HostPlacement, plus, type Resources } from '../placement/amounts.ts'
import { zoneAmong } from '../placement/zones.ts'

export interface HostView {
  readonly id: string
  readonly body: HostBody
  readonly zone: string
  readonly aggregates: readonly AggregateBody[]
  readonly traits: ReadonlySet<string>
  /** What it can promise in all, what it has promised, and that together with what was only handed out here. */
  readonly capacity: Resources
  readonly used: Resources
  readonly expected: Resources
  /** Builds that failed on it lately; see `failures.ts`. */
  readonly failures: number
}

const placementOf = (body: HostBody, { ratios, reserved }: HostDefaults): HostPlacement =>
  body.placement ?? { ratios, reserved, custom: {}, customUsed: {}, traits: [] }

/** `aggregates` are those that it is in. */
export function viewOf(body: HostBody, aggregates: readonly AggregateBody[], defaults: HostDefaults): HostView {
  const placement = placementOf(body, defaults)
  const used = { vcpus: body.vcpusUsed, ramMb: body.ramMbUsed, diskGb: body.diskGbUsed, custom: placement.customUsed }
  return {
    id: body.id,
    body,
    zone: zoneAmong(aggregates),
    aggregates,
    traits: new Set(placement.traits),
    capacity: capacityOf(body, placement),
    used,
    expected: used,
    failures: 0,
  }
}

/** The same host with what was handed out of it and what went wrong on it. */
export const expecting = (host: HostView, handedOut: Resources | null, failures: number): HostView =>
  handedOut === null && failures === 0 ? host : { ...host, expected: handedOut ? plus(host.used, handedOut) : host.used, failures }
