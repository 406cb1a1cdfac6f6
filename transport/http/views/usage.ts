/** What projects have used of the cloud within a period, in Nova's words. Pure: instances in, sums out. */
import type { InstanceBody } from '../../../actors/api.ts'
import { isoMicros, isoMicrosOrNull } from './time.ts'

const HOUR_MS = 3_600_000

/** Ms since 1970. */
export interface Period {
  readonly start: number
  readonly stop: number
}

/** Whether an instance counts at all: it was launched before the end of the period, and not gone before it began. */
export const wasThere = ({ launchedAt, deletedAt }: InstanceBody, { start, stop }: Period): boolean =>
  launchedAt !== null && launchedAt <= stop && (deletedAt === null || deletedAt >= start)

/** Hours of the period in which it was there. */
export function hoursOf({ launchedAt, deletedAt }: InstanceBody, { start, stop }: Period): number {
  if (launchedAt === null) return 0
  return Math.max(0, Math.min(stop, deletedAt ?? stop) - Math.max(start, launchedAt)) / HOUR_MS
}

const serverUsage = (instance: InstanceBody, period: Period, nowMs: number) => {
  const { launchedAt, deletedAt, flavor } = instance
  return {
    instance_id: instance.id,
    name: instance.name,
    tenant_id: instance.project,
    flavor: flavor.name,
    vcpus: flavor.vcpus,
    memory_mb: flavor.ramMb,
    local_gb: flavor.diskGb,
    hours: hoursOf(instance, period),
    started_at: isoMicrosOrNull(launchedAt),
    ended_at: isoMicrosOrNull(deletedAt),
    state: deletedAt === null ? instance.vmState : 'terminated',
    uptime: launchedAt === null ? 0 : Math.floor(Math.max(0, (deletedAt ?? nowMs) - launchedAt) / 1000),
  }
}

interface Sum {
  readonly tenant_id: string
  readonly start: string
  readonly stop: string
  total_hours: number
  total_vcpus_usage: number
  total_memory_mb_usage: number
  total_local_gb_usage: number
  readonly server_usages?: ReturnType<typeof serverUsage>[]
}

/** A sum for each project, in the order in which projects first come; with every server when `detailed`. */
export function usagesOf(instances: readonly InstanceBody[], period: Period, nowMs: number, detailed: boolean): Sum[] {
  const sums = new Map<string, Sum>()
  for (const instance of instances) {
    const { project, flavor } = instance
    const sum = sums.get(project) ?? newSum(project, period, detailed)
    const hours = hoursOf(instance, period)
    sum.total_hours += hours
    sum.total_vcpus_usage += hours * flavor.vcpus
    sum.total_memory_mb_usage += hours * flavor.ramMb
    sum.total_local_gb_usage += hours * flavor.diskGb
    sum.server_usages?.push(serverUsage(instance, period, nowMs))
    sums.set(project, sum)
  }
  return [...sums.values()]
}

const newSum = (project: string, { start, stop }: Period, detailed: boolean): Sum => ({
  tenant_id: project,
  start: isoMicros(start),
  stop: isoMicros(stop),
  total_hours: 0,
  total_vcpus_usage: 0,
  total_memory_mb_usage: 0,
  total_local_gb_usage: 0,
  ...(detailed ? { server_usages: [] } : {}),
})
