/** Creating instances: first their project's quotas take them all, or refuse them all; then each is made. */
import {
  type ClusterApi,
  type CreateInstances,
  type FlavorBody,
  HA_POLICIES,
  type HaPolicy,
  type ImageBody,
  type InstanceBody,
  type Placement,
} from '../../actors/api.ts'
import { keptByInstances } from '../../actors/flavor/flavor.ts'
import { driveOf, expectedAgent } from '../../actors/guest/expected.ts'
import { address } from '../../actors/kernel/address.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { amountsOf } from '../../actors/kernel/quota.ts'
import { haPolicyOf } from '../../actors/placement/specs.ts'
import { checkFits } from '../images/fits.ts'
import { askedAgain, type Quotas } from './quotas.ts'

export interface InstanceCreationOptions {
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  /** Rejects when there is no such image or it is not active. */
  bootable(id: string): Promise<ImageBody>
  /** Rejects when something that the placement names is not there, or takes nothing. */
  checkPlacement(placement: Placement, count: number): Promise<void>
  readonly quotas: Quotas
  readonly agentBootMs?: number | undefined
}

export function instanceCreation({ call, bootable, checkPlacement, quotas, agentBootMs }: InstanceCreationOptions): ClusterApi['createInstances'] {
  async function createAll(args: CreateInstances, image: ImageBody, flavor: Omit<FlavorBody, 'createdAt'>, quota: number): Promise<InstanceBody[]> {
    const { project, metadata, reservation, requestId, by } = args
    const ha = args.ha ?? policyOf(metadata) ?? haPolicyOf(flavor.extraSpecs)
    const drive = driveOf(image)
    const about = drive ? { ...args.about, drive } : args.about
    const given = { ...(about ? { about } : {}), ...(args.tags ? { tags: args.tags } : {}) }
    const agent = expectedAgent(image, agentBootMs)
    const optional = { ...(agent ? { agent } : {}), ...(args.placement ? { placement: args.placement } : {}), ...(ha ? { ha } : {}), ...given }
    const whose = { project, ...(by ? { by } : {}), ...(by?.user === undefined ? {} : { user: by.user }) }
    const common = { ...whose, metadata, reservation, requestId, flavor, image: args.image, quota, ...optional }
    const several = args.ids.length > 1
    const outcomes = await Promise.allSettled(
      args.ids.map(
        (id, i) => call('instance', id, 'create', { ...common, name: several ? `${args.name}-${i + 1}` : args.name }) as Promise<InstanceBody>,
      ),
    )
    return outcomes.map(outcome => {
      if (outcome.status === 'rejected') throw outcome.reason
      // Another conductor, to whom the same request came earlier, has failed and taken it back.
      if (!args.repeatable && isLeaving(outcome.value)) throw again('an earlier try of this request was taken back')
      return outcome.value
    })
  }

  return async args => {
    policyOf(args.metadata)
    const image = await bootable(args.image)
    const flavor = keptByInstances((await call('flavor', args.flavor, 'get', {})) as FlavorBody)
    checkFits(image, flavor)
    if (args.placement) await checkPlacement(args.placement, args.ids.length)
    const holders = args.ids.map(id => address('instance', id))
    const taken = await quotas.take(args.project, holders, amountsOf(flavor))
    try {
      const created = await createAll(args, image, flavor, taken.number)
      taken.confirm()
      return created
    } catch (error) {
      if (!args.repeatable) {
        const back = { quota: taken.number, requestId: args.requestId }
        await Promise.allSettled(args.ids.map(id => call('instance', id, 'abandon', back)))
      }
      taken.doubt()
      throw askedAgain(error)
    }
  }
}

const isLeaving = ({ vmState, taskState }: InstanceBody): boolean => vmState === 'deleted' || taskState === 'deleting'

const again = (why: string): BatonError => new BatonError('Unavailable', `${why}; send the request again`, { retryAfterMs: 1000 })

/** The HA policy that the metadata of a new instance asks for. */
function policyOf({ ha_policy: asked }: CreateInstances['metadata']): HaPolicy | undefined {
  const policy = HA_POLICIES.find(known => known === asked)
  if (asked !== undefined && !policy) throw new BatonError('BadRequest', `ha_policy is ${asked}; it must be one of ${HA_POLICIES.join(', ')}`)
  return policy
}
