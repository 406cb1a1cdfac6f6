/** What simulated conductors and agents are told: short times, so that much happens in a few simulated seconds. */
import type { SessionSettings } from '../../actors/guest/session.ts'
import { NO_LIMITS } from '../../actors/kernel/quota.ts'
import type { ConductorSettings } from '../../supervisors/config/conductor-settings.ts'

export const SIM_SETTINGS: ConductorSettings & Required<Pick<ConductorSettings, 'quotas'>> = {
  membership: { leaseMs: 6000, renewMs: 1000, pingMs: 150, suspectMs: 900 },
  heartbeat: { intervalMs: 1000, suspectMs: 2500, downMs: 5000, auditMs: 6000 },
  actors: { inbox: 1000, total: 20_000, idleMs: 8000, snapshotEvery: 5 },
  restart: { limit: 5, periodMs: 60_000, backoffBaseMs: 50, backoffCapMs: 2000 },
  ha: { leaseMs: 4500, parallel: 3, massFraction: 0.5 },
  ratios: { vcpu: 4, ram: 1, disk: 1 },
  // What leaks room is a bug that the checkers must see: the reconciler must not tidy up behind it.
  reconcile: { unknownGuests: 'keep', vanishedGuests: 'error', claims: 'report' },
  quotas: { limits: { ...NO_LIMITS, instances: 8, cores: 9, ram: 2200 }, checkMs: 4000 },
  agentBootMs: 6000,
  timers: { reclaimMs: 3000, confirmResizeMs: 14_000, shelvedOffloadMs: 1500 },
}

/** Of agents in guests. */
export const SIM_AGENTS: SessionSettings = { heartbeatMs: 1000, silentMs: 4000 }
