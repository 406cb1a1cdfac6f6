/**
 * Whose the things are that a request names in its body. The guard has seen to what the path is about; here it is seen to that nobody boots
 * the image of another project, joins its group, or learns where its instances are. What is not to be known is answered as what is not there.
 */
import type { FastifyRequest } from 'fastify'
import { type ClusterApi, isVisible, type Placement } from '../../../actors/api.ts'
import type { Claims } from '../../../actors/identity/api.ts'
import { notFound } from '../requests/errors.ts'
import { isAdmin, projectIn } from './checks.ts'

/** The claims of who must not use everything, null for an admin and where there are no identities. */
const bound = ({ claims }: FastifyRequest): Claims | null => (!claims || isAdmin(claims) ? null : claims)

/** Rejects `NotFound` for an image that who asks may not know of. */
export async function checkImage(request: FastifyRequest, api: Pick<ClusterApi, 'getImage'>, id: string): Promise<void> {
  const claims = bound(request)
  if (claims && !isVisible(await api.getImage({ id }), projectIn(claims))) throw notFound('Image', id)
}

/** The same for what a placement names: the group, and the instances to be near to or far from. */
export async function checkPlacementIds(
  request: FastifyRequest,
  api: Pick<ClusterApi, 'getGroup' | 'getInstance'>,
  { group, sameHost = [], differentHost = [] }: Placement,
): Promise<void> {
  const claims = bound(request)
  if (!claims) return
  const own = projectIn(claims)
  if (group !== undefined && (await api.getGroup({ id: group })).project !== own) throw notFound('Server group', group)
  for (const id of new Set([...sameHost, ...differentHost])) {
    if ((await api.getInstance({ id })).project !== own) throw notFound('Instance', id)
  }
}
