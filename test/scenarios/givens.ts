/** What a scenario may begin with. By default: 3 conductors, 2 hosts, no quotas, a delete that is final, and nothing that begins by itself. */
import { NO_LIMITS } from '../../actors/kernel/quota.ts'
import { SIM_SETTINGS } from '../sim/settings.ts'
import type { WorldSize } from '../sim/world.ts'
import { type Pattern, timeMs } from './words.ts'

export type Cluster = Required<Pick<WorldSize, 'conductors' | 'computes' | 'settings' | 'capacity'>>

export interface Given extends Pattern {
  apply(cluster: Cluster, values: readonly string[]): Cluster
}

export const DEFAULT_CLUSTER: Cluster = {
  conductors: 3,
  computes: 2,
  capacity: { vcpus: 64, ramMb: 1024, diskGb: 100 },
  settings: {
    ...SIM_SETTINGS,
    membership: { leaseMs: 6000, renewMs: 1000, pingMs: 300, suspectMs: 1200 },
    heartbeat: { intervalMs: 1000, suspectMs: 3000, downMs: 8000, auditMs: 5000 },
    // Longer than two heartbeats and a renewal: what is well keeps its lease.
    ha: { leaseMs: 6000, parallel: 3, massFraction: 0.5 },
    quotas: { limits: NO_LIMITS, checkMs: 4000 },
    timers: { reclaimMs: 0, confirmResizeMs: 0, shelvedOffloadMs: -1 },
  },
}

const ms = (word: string | undefined): number => timeMs(word ?? '') ?? 0

const settings = (cluster: Cluster, change: Partial<Cluster['settings']>): Cluster => ({ ...cluster, settings: { ...cluster.settings, ...change } })

const timer =
  (name: 'reclaimMs' | 'confirmResizeMs' | 'shelvedOffloadMs'): Given['apply'] =>
  (cluster, [time]) => {
    const { timers } = cluster.settings
    return timers ? settings(cluster, { timers: { ...timers, [name]: ms(time) } }) : cluster
  }

export const GIVENS: readonly Given[] = [
  { usage: 'NUMBER conductors', apply: (cluster, [count]) => ({ ...cluster, conductors: Number(count) }) },
  { usage: 'NUMBER hosts', apply: (cluster, [count]) => ({ ...cluster, computes: Number(count) }) },
  { usage: 'hosts of NUMBER MB', apply: (cluster, [mb]) => ({ ...cluster, capacity: { ...cluster.capacity, ramMb: Number(mb) } }) },
  { usage: 'soft delete for TIME', apply: timer('reclaimMs') },
  { usage: 'resizes confirmed after TIME', apply: timer('confirmResizeMs') },
  { usage: 'shelved offloaded after TIME', apply: timer('shelvedOffloadMs') },
  {
    usage: 'actions end within TIME',
    apply: (cluster, [time]) => settings(cluster, { deadlines: { buildMs: ms(time), actionMs: ms(time), deleteMs: 4 * ms(time) } }),
  },
  {
    usage: 'inboxes of NUMBER',
    apply: (cluster, [inbox]) => settings(cluster, { actors: { ...cluster.settings.actors, inbox: Number(inbox) } }),
  },
]
