/** A host's actor as others see it. */
import type { HostPlacement } from '../placement/amounts.ts'
import type { HostBody } from './body.ts'
import { closedBecause, modeOf, shownReason } from './duty.ts'
import type { HostActorState } from './host.ts'
import { NO_POLICY } from './policy.ts'
import { NO_RECOVERY } from './recovery.ts'

export function bodyWith(state: HostActorState, id: string, placement: HostPlacement): HostBody {
  return {
    id,
    state: state.state,
    enabled: closedBecause(state) === null,
    disabledReason: shownReason(state),
    mode: modeOf(state),
    operation: state.task?.operation ?? null,
    driver: state.info.driver,
    vcpus: state.info.vcpus,
    ramMb: state.info.ramMb,
    diskGb: state.info.diskGb,
    vcpusUsed: state.used.vcpus,
    ramMbUsed: state.used.ramMb,
    diskGbUsed: state.used.diskGb,
    claims: state.claims.size,
    pid: state.info.pid,
    version: state.info.version,
    createdAt: state.createdAt,
    stateSince: state.stateSince,
    generation: state.generation ?? 0,
    placement,
    ha: haOf(state),
  }
}

function haOf(state: HostActorState): HostBody['ha'] {
  const { policy = NO_POLICY, recovery = NO_RECOVERY } = state
  const stands = Object.values(recovery.asked)
  return {
    instances: policy.offered.length,
    learned: policy.learned.length,
    lostAt: recovery.lostAt,
    evacuating: stands.filter(asked => asked.stands === 'moving').length,
    fenceTries: recovery.fenceTries,
  }
}
