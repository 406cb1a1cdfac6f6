/** What an operator may set about a conductor, in the shape in which its parts take it. */
import type { ReconcilePolicy } from '../../actors/host/policies.ts'
import type { ImageSettings } from '../../actors/image/image.ts'
import type { Deadlines } from '../../actors/operation/catalogue/index.ts'
import type { Ratios, Resources } from '../../actors/placement/amounts.ts'
import type { ProjectSettings } from '../../actors/project/project.ts'
import type { SchedulerSettings } from '../../actors/scheduler/settings.ts'
import type { RestartPolicy } from '../hosting/restart.ts'
import type { IdentitySettings } from '../identity/service.ts'
import type { InstanceTimers } from '../requests/instance-requests.ts'

export interface ConductorSettings {
  readonly membership: { readonly leaseMs: number; readonly renewMs: number; readonly pingMs: number; readonly suspectMs: number }
  readonly heartbeat: { readonly intervalMs: number; readonly suspectMs: number; readonly downMs: number; readonly auditMs: number }
  readonly actors: { readonly inbox: number; readonly total: number; readonly idleMs: number; readonly snapshotEvery: number }
  readonly restart: RestartPolicy
  readonly ratios: Ratios
  readonly ha: { readonly leaseMs: number; readonly parallel: number; readonly massFraction: number }
  /** Kept back on every host of which no operator has said otherwise; nothing by default. */
  readonly reserved?: Resources
  /** Default: the built-in filters and weighers. */
  readonly scheduler?: Omit<SchedulerSettings, 'defaults'>
  readonly deadlines?: Deadlines
  readonly timers?: InstanceTimers
  readonly reconcile?: ReconcilePolicy
  readonly quotas?: ProjectSettings
  readonly images?: ImageSettings
  /** Largest image, bytes; default: no limit. */
  readonly imageMaxBytes?: number
  /** Time in which the agent of a new guest must be heard, ms. */
  readonly agentBootMs?: number
  /** Silence after which nobody knows how an agent is, ms. */
  readonly agentSilentMs?: number
  /** Agents outside of guests that one project may have; default: no limit. */
  readonly agentsMax?: number
  /** Left out, this cluster has no identities. */
  readonly identity?: IdentitySettings
}
