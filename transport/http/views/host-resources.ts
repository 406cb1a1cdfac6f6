/** The room of a host in the words of Nova's /os-hosts: all of it, what is taken, and what each project has there. */
import type { HostBody, InstanceBody } from '../../../actors/api.ts'

export interface Resource {
  readonly host: string
  /** A project's id, or one of Nova's words in parentheses. */
  readonly project: string
  readonly cpu: number
  readonly memory_mb: number
  readonly disk_gb: number
}

export function hostResources(host: HostBody, instances: readonly InstanceBody[]): Resource[] {
  const row = (project: string, cpu: number, memory_mb: number, disk_gb: number): Resource => ({ host: host.id, project, cpu, memory_mb, disk_gb })
  const sumOf = (project: string, some: readonly InstanceBody[]): Resource => {
    const sum = (amount: 'vcpus' | 'ramMb' | 'diskGb'): number => some.reduce((total, { flavor }) => total + flavor[amount], 0)
    return row(project, sum('vcpus'), sum('ramMb'), sum('diskGb'))
  }
  const projects = Map.groupBy(instances, ({ project }) => project)
  return [
    row('(total)', host.vcpus, host.ramMb, host.diskGb),
    row('(used_now)', host.vcpusUsed, host.ramMbUsed, host.diskGbUsed),
    sumOf('(used_max)', instances),
    ...[...projects].map(([project, own]) => sumOf(project, own)),
  ]
}
