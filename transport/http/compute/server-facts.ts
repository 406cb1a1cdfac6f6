/** What can be read of one server beside its own document: diagnostics, addresses, security groups, topology and password. */
import type { FastifyInstance } from 'fastify'
import { COMPUTE, type HttpContext } from '../context.ts'
import { notFound } from '../requests/errors.ts'
import { instanceId } from '../requests/request.ts'
import type { IdParams } from '../requests/schemas.ts'
import { diagnosticsView } from '../views/diagnostics.ts'
import { livingInstance } from './servers.ts'

export function serverFactRoutes(app: FastifyInstance, context: HttpContext): void {
  const { api } = context
  const server = `${COMPUTE}/servers/:id`
  const living = (request: { params: IdParams }) => livingInstance(context, request.params.id)

  app.get<{ Params: IdParams }>(`${server}/diagnostics`, async request => {
    const instance = await living(request)
    return diagnosticsView(instance, await api.instanceDiagnostics({ id: instance.id }), request.novaMinor)
  })

  // Addresses are given by a network service, and there is none: a server has no network, as one that was made with `none` in Nova.
  app.get<{ Params: IdParams }>(`${server}/ips`, async request => {
    await living(request)
    return { addresses: {} }
  })

  app.get<{ Params: IdParams & { readonly network: string } }>(`${server}/ips/:network`, async request => {
    await living(request)
    throw notFound('Network', request.params.network)
  })

  app.get<{ Params: IdParams }>(`${server}/os-security-groups`, async request => {
    await living(request)
    return { security_groups: [] }
  })

  // No driver lays a guest out over the memory nodes of its host.
  app.get<{ Params: IdParams }>(`${server}/topology`, { config: { since: 'server.topology' } }, async request => {
    await living(request)
    return { nodes: [], pagesize_kb: null }
  })

  app.get<{ Params: IdParams }>(`${server}/os-server-password`, async request => ({ password: (await living(request)).about?.password ?? '' }))

  app.delete<{ Params: IdParams }>(`${server}/os-server-password`, async (request, reply) => {
    const instance = await living(request)
    if (instance.about?.password !== undefined) {
      await api.updateInstance({ id: instanceId(request.params.id), requestId: request.id, about: { password: null } })
    }
    return reply.code(204).send()
  })
}
