/** The durable actors that a conductor hosts: one line for each kind. */
import { agentActor } from '../../actors/agent/agent.ts'
import { doorKeysActor } from '../../actors/agent/door-keys.ts'
import { alertsActor } from '../../actors/alerts/alerts.ts'
import { diskActor } from '../../actors/disk/disk.ts'
import { flavorActor } from '../../actors/flavor/flavor.ts'
import { guestActor } from '../../actors/guest/guest.ts'
import { hostActor } from '../../actors/host/host.ts'
import { hostOperationActor } from '../../actors/host-operation/host-operation.ts'
import { directoryActor } from '../../actors/identity/directory.ts'
import { keyringActor } from '../../actors/identity/keyring.ts'
import { imageActor } from '../../actors/image/image.ts'
import { instanceActor } from '../../actors/instance/instance.ts'
import type { AnyActor } from '../../actors/kernel/define.ts'
import { NO_LIMITS } from '../../actors/kernel/quota.ts'
import { keyPairsActor } from '../../actors/key-pairs/key-pairs.ts'
import { catalogue } from '../../actors/operation/catalogue/index.ts'
import { operationActor } from '../../actors/operation/operation.ts'
import { aggregatesActor } from '../../actors/placement/aggregates.ts'
import { NOTHING } from '../../actors/placement/amounts.ts'
import { groupActor } from '../../actors/placement/group.ts'
import { namesActor } from '../../actors/placement/names.ts'
import { defaultLimitsActor } from '../../actors/project/default-limits.ts'
import { type ProjectSettings, projectActor } from '../../actors/project/project.ts'
import type { ConductorSettings } from '../config/conductor-settings.ts'

/** Longer than any request that reserves something takes: it is asked about only when whoever asked has gone. Ms. */
export const QUOTA_CHECK_MS = 40_000
const NO_QUOTAS: ProjectSettings = { limits: NO_LIMITS, checkMs: QUOTA_CHECK_MS }

export interface Abilities {
  /** There is a command that makes sure that nothing runs on a host any more. */
  readonly canFence: boolean
  /** There is a webhook to tell of alerts. */
  readonly notifies: boolean
}

/** By kind. */
export function durableActors(settings: ConductorSettings, { canFence, notifies }: Abilities): ReadonlyMap<string, AnyActor> {
  const { ratios, reserved = NOTHING, ha, identity } = settings
  const quotas = settings.quotas ?? NO_QUOTAS
  const definitions: AnyActor[] = [
    ...[instanceActor, operationActor(catalogue(settings.deadlines)), hostOperationActor],
    ...[hostActor(ratios, reserved, { parallel: ha.parallel, fence: canFence }), aggregatesActor, groupActor, namesActor],
    ...[flavorActor, imageActor(settings.images), diskActor, guestActor, keyPairsActor, projectActor(quotas), defaultLimitsActor(quotas.limits)],
    ...[agentActor, doorKeysActor, alertsActor({ notifies })],
    ...(identity ? [directoryActor(identity.tokenMs), keyringActor(identity.tokenMs)] : []),
  ]
  return new Map(definitions.map(d => [d.kind, d]))
}
