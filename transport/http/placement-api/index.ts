/** /placement: OpenStack's Placement, 1.0 to 1.39, over what the host actors say. */
import type { FastifyInstance } from 'fastify'
import { type HttpContext, PLACEMENT } from '../context.ts'
import { PLACEMENT_API } from '../requests/microversion.ts'
import { allocationRoutes } from './allocations.ts'
import { candidateRoutes } from './candidates.ts'
import { since } from './changes.ts'
import { inventoryRoutes } from './inventories.ts'
import { createKnown } from './known.ts'
import { nameRoutes } from './names.ts'
import { providerRoutes } from './providers.ts'

const { major, minMinor, maxMinor } = PLACEMENT_API

const VERSION = {
  id: `v${major}.${minMinor}`,
  min_version: `${major}.${minMinor}`,
  max_version: `${major}.${maxMinor}`,
  status: 'CURRENT',
  links: [{ rel: 'self', href: '' }],
}

export function placementApiRoutes(app: FastifyInstance, context: HttpContext): void {
  const known = createKnown(context)
  app.addHook('onSend', async (request, reply) => {
    const { url = '' } = request.routeOptions
    if (!url.startsWith(`${PLACEMENT}/`) || request.method !== 'GET' || reply.statusCode >= 300) return
    if (since(request.placementMinor, 'last-modified')) reply.headers({ 'last-modified': new Date().toUTCString(), 'cache-control': 'no-cache' })
  })
  app.get(PLACEMENT, async () => ({ versions: [VERSION] }))
  providerRoutes(app, context, known)
  inventoryRoutes(app, context, known)
  nameRoutes(app, context, known)
  allocationRoutes(app, context, known)
  candidateRoutes(app, context, known)
}
