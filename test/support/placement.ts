/** Hosts, demands and schedulers for tests of placement. */
import type { AggregateBody, HostBody } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { ANYWHERE, type Demand } from '../../actors/scheduler/demand.ts'
import { type HostView, viewOf } from '../../actors/scheduler/host-view.ts'
import { createScheduler, type Scheduler } from '../../actors/scheduler/scheduler.ts'
import { type SchedulerSettings, schedulerSettings } from '../../actors/scheduler/settings.ts'

export const DEFAULTS = { ratios: { vcpu: 4, ram: 1, disk: 1 }, reserved: { vcpus: 0, ramMb: 0, diskGb: 0 } }
export const DEMAND: Demand = { ...ANYWHERE, vcpus: 1, ramMb: 100, diskGb: 1, driver: 'fake' }

export const host = (id: string, more: Partial<HostBody> = {}): HostBody => ({
  id,
  state: 'up',
  enabled: true,
  disabledReason: null,
  mode: 'enabled',
  operation: null,
  driver: 'fake',
  vcpus: 4,
  ramMb: 1000,
  diskGb: 10,
  vcpusUsed: 0,
  ramMbUsed: 0,
  diskGbUsed: 0,
  claims: 0,
  pid: 1,
  version: '0',
  createdAt: 0,
  stateSince: 0,
  ...more,
})

/** A host with these traits and custom resources. */
export const offering = (id: string, traits: readonly string[], custom: Readonly<Record<string, number>> = {}): HostBody =>
  host(id, { placement: { ...DEFAULTS, traits, custom, customUsed: {} } })

export const aggregate = (id: number, hosts: readonly string[], metadata: AggregateBody['metadata']): AggregateBody => ({
  id,
  uuid: `u${id}`,
  name: `a${id}`,
  hosts,
  metadata,
  createdAt: 0,
  updatedAt: 0,
})

export const seen = (body: HostBody, aggregates: readonly AggregateBody[] = []): HostView =>
  viewOf(
    body,
    aggregates.filter(a => a.hosts.includes(body.id)),
    DEFAULTS,
  )

export interface SchedulerParts {
  readonly random?: () => number
  readonly nowMs?: () => number
  readonly settings?: Partial<SchedulerSettings>
  readonly aggregates?: readonly AggregateBody[]
}

export function schedulerOf(hosts: readonly HostBody[], { random = () => 0, nowMs = () => 0, settings, aggregates }: SchedulerParts = {}): Scheduler {
  const scheduler = createScheduler({ random, nowMs, settings: { ...schedulerSettings(DEFAULTS), ...settings } })
  for (const each of hosts) scheduler.learn(each)
  if (aggregates) scheduler.learnAggregates(aggregates)
  return scheduler
}

/** What was thrown. */
export function faultOf(fn: () => unknown): BatonError {
  try {
    fn()
  } catch (error) {
    if (error instanceof BatonError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
