/** The documents by which clients find out what is spoken here. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { COMPUTE, IMAGE } from './context.ts'
import { OPENAPI_PATH, openApiDocument } from './openapi.ts'
import { type Page, sendPage, wantsPage } from './page.ts'
import { MAX_MINOR, MIN_MINOR } from './requests/microversion.ts'
import { routeInfosOf } from './requests/not-found.ts'
import { originOf } from './requests/request.ts'

const computeVersion = (origin: string) => ({
  id: 'v2.1',
  status: 'CURRENT',
  version: `2.${MAX_MINOR}`,
  min_version: `2.${MIN_MINOR}`,
  updated: '2013-07-23T11:33:21Z',
  links: [{ rel: 'self', href: `${origin}${COMPUTE}/` }],
})

const MEDIA_TYPES = [{ base: 'application/json', type: 'application/vnd.openstack.compute+json;version=2.1' }]

/** Clients look here for what there is: 2.5 brought shared images' visibility, 2.7 hidden ones. */
const imageVersions = (origin: string) =>
  ['v2.9', 'v2.7', 'v2.6', 'v2.5', 'v2.4', 'v2.3', 'v2.2', 'v2.1', 'v2.0'].map((id, i) => ({
    id,
    status: i === 0 ? 'CURRENT' : 'SUPPORTED',
    links: [{ rel: 'self', href: `${origin}${IMAGE}/` }],
  }))

/** At `/` a browser gets the page, if there is one. */
export function versionRoutes(app: FastifyInstance, page: Page | null): void {
  let document: string | undefined
  app.get(OPENAPI_PATH, async (_request, reply) => {
    // All routes are there by now, and no more will come.
    document ??= JSON.stringify(openApiDocument(routeInfosOf(app)))
    return reply.type('application/json; charset=utf-8').send(document)
  })

  app.get('/', async (request, reply) =>
    page && wantsPage(request) ? sendPage(request, reply, page) : { versions: [computeVersion(originOf(request))] },
  )
  app.get('/compute', async request => ({ versions: [computeVersion(originOf(request))] }))
  app.get(COMPUTE, async request => ({ version: { ...computeVersion(originOf(request)), 'media-types': MEDIA_TYPES } }))
  const imageService = (request: FastifyRequest) => ({ versions: imageVersions(originOf(request)) })
  app.get('/image', async (request, reply) => reply.code(300).send(imageService(request)))
  app.get('/image/versions', async request => imageService(request))
}
