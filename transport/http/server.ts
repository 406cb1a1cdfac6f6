/**
 * The HTTP face: Nova's and Glance's paths, Baton's own, and health. It knows the cluster only as a `ClusterApi`.
 *
 * The way of a request: the socket's limits (`listener.ts`), limits and guards (`onRequest`), JSON, schema (`validation.ts`), route, and on
 * any error `errors.ts`. Every answer carries the request id, under which operations and logs can be found.
 */
import { randomUUID } from 'node:crypto'
import fastify, { type FastifyInstance } from 'fastify'
import type { ClusterApi } from '../../actors/api.ts'
import type { IdentityGate } from '../../actors/identity/api.ts'
import type { AuditLine } from '../../actors/kernel/audit.ts'
import type { Logger } from '../../actors/kernel/env.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Tracing } from '../../actors/kernel/tracing.ts'
import { alertRoutes } from './baton/alerts.ts'
import { auditRoutes } from './baton/audit.ts'
import { batonRoutes } from './baton/baton.ts'
import { doctorRoutes } from './baton/doctor.ts'
import { evidenceRoutes } from './baton/evidence.ts'
import { guestRoutes } from './baton/guests.ts'
import { hostRoutes } from './baton/hosts.ts'
import { aggregateRoutes } from './compute/aggregates.ts'
import { computeImageRoutes, imageMetadataRoutes } from './compute/compute-images.ts'
import { extensionRoutes } from './compute/extensions.ts'
import { externalEventRoutes } from './compute/external-events.ts'
import { extraSpecRoutes } from './compute/extra-specs.ts'
import { flavorRoutes } from './compute/flavors.ts'
import { groupRoutes } from './compute/groups.ts'
import { consoleRoutes } from './compute/guest-actions.ts'
import { hypervisorRoutes } from './compute/hypervisors.ts'
import { instanceActionRoutes } from './compute/instance-actions.ts'
import { keyPairRoutes } from './compute/key-pairs.ts'
import { migrationRoutes } from './compute/migrations.ts'
import { novaHostRoutes } from './compute/nova-hosts.ts'
import { placementRoutes } from './compute/placement.ts'
import { quotaRoutes } from './compute/quotas.ts'
import { serverActionRoutes } from './compute/server-actions.ts'
import { serverDetailRoutes } from './compute/server-details.ts'
import { serverDeviceRoutes } from './compute/server-devices.ts'
import { serverFactRoutes } from './compute/server-facts.ts'
import { serverRoutes } from './compute/servers.ts'
import { serviceRoutes } from './compute/services.ts'
import { usageRoutes } from './compute/usage.ts'
import { createHostStatuses, createZones } from './compute/zones.ts'
import { COMPUTE, type HttpContext, type ImageStreams, isPlacement, type Readiness } from './context.ts'
import { HEALTH, healthRoutes } from './health.ts'
import { withIdentity } from './identity/index.ts'
import { imageDataRoutes, parseImageTypes } from './images/data.ts'
import { imageInfoRoutes, imageMemberRoutes, imageRoutes } from './images/records.ts'
import { HTTP_LIMITS, type HttpLimits } from './limits.ts'
import { createListener, limitBody, refuseConnection } from './listener.ts'
import { type Page, pageRoutes } from './page.ts'
import { placementApiRoutes } from './placement-api/index.ts'
import { type Answered, watchAnswers } from './requests/answered.ts'
import { auditRequests } from './requests/audited.ts'
import { withDeadlines } from './requests/deadline.ts'
import { HttpRefusal, requestIdHeaders, sendError } from './requests/errors.ts'
import { COMPUTE_API, MIN_MINOR, minorOf, nameMicroversion, PLACEMENT_API } from './requests/microversion.ts'
import { refuseEmptyIds, watchRoutes } from './requests/not-found.ts'
import { guardOrigins } from './requests/origins.ts'
import { limitAddresses, limitTokens, NO_RATE_LIMITS, type RateLimits } from './requests/rate-limits.ts'
import { watchVersions } from './requests/schema-versions.ts'
import { isStreamed } from './requests/streamed.ts'
import { traceRequests } from './requests/trace.ts'
import { describeValidation } from './requests/validation.ts'
import { validatorOf } from './requests/validators.ts'
import type { TlsPair } from './tls.ts'
import { versionRoutes } from './versions.ts'

export interface HttpServerOptions {
  readonly api: ClusterApi
  /** The way of the bytes of images. */
  readonly images: ImageStreams
  /** Who may do what, and rules over the defaults; left out, anybody may do anything. */
  readonly identity?: { readonly gate: IdentityGate; readonly rules: readonly string[] }
  /** Bounds that differ from `HTTP_LIMITS`. */
  readonly limits?: Partial<HttpLimits>
  /** Left out, anybody may send as much as the limits on all together allow. */
  readonly rates?: RateLimits
  /** Certificate and key; left out, HTTP in the clear. */
  readonly tls?: TlsPair
  /** Origin of a console that is served from elsewhere; left out, only pages from here may change anything. */
  readonly consoleOrigin?: string | null
  /** Addresses and networks of balancers, whose X-Forwarded-For, -Proto and -Host are believed. */
  readonly trustedProxies?: readonly string[]
  /** The console's page; left out, there is none here. */
  readonly page?: Page
  readonly log: Logger
  /** A node that is going is not ready; its answers then end their connections, so that clients go elsewhere. */
  isReady(): Readiness
  /** Text for /metrics: Prometheus' own, or OpenMetrics. */
  metrics(openMetrics: boolean): string | Promise<string>
  /** Where the spans of requests go; left out, nothing is traced. */
  readonly tracing?: Tracing
  /** Told of each request when its answer is out. */
  onAnswered?(answer: Answered): void
  /** Told of each request that would change something, for the audit log. */
  onDone?(line: AuditLine): void
}

/**
 * Builds the server; the caller listens. `close()` refuses new requests, ends watches, and resolves when all replies are out.
 * It throws nothing and ends no process, whatever a client sends.
 */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const limits: HttpLimits = { ...HTTP_LIMITS, ...options.limits }
  const { log } = options
  let closing = false
  const api = withDeadlines(options.api, limits.apiTimeoutMs)
  const context: HttpContext = {
    api,
    images: options.images,
    limits,
    log,
    zones: createZones(api),
    hostStatuses: createHostStatuses(api),
    isReady: () => options.isReady(),
    metrics: openMetrics => options.metrics(openMetrics),
    isClosing: () => closing,
  }
  const app = fastify({
    logger: false,
    genReqId: () => `req-${randomUUID()}`,
    bodyLimit: limits.bodyBytes,
    serverFactory: handler => createListener(limits, options.tls ?? null, handler),
    ...(options.trustedProxies?.length ? { trustProxy: [...options.trustedProxies] } : {}),
    forceCloseConnections: 'idle',
    // Fastify's own 503 while closing would not have Nova's shape; `guard` answers instead.
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 512 },
    schemaErrorFormatter: describeValidation,
    frameworkErrors: (error, request, reply) => sendError(error, request, reply, log),
    clientErrorHandler: refuseConnection,
  })
  app.setValidatorCompiler(validatorOf)
  app.decorateRequest('novaMinor', MIN_MINOR)
  app.decorateRequest('placementMinor', PLACEMENT_API.minMinor)
  app.addHook('preClose', async () => {
    closing = true
    // From here on Node times nobody out, so a client that neither sends nor reads would hold us for ever.
    const force = setTimeout(() => app.server.closeAllConnections(), limits.drainMs)
    // A server that never listened tells of no end.
    force.unref()
    app.server.once('close', () => clearTimeout(force))
  })
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (closing || options.isReady().leaving) reply.header('connection', 'close')
    done()
  })
  traceRequests(app, options.tracing)
  if (options.onAnswered) watchAnswers(app, options.onAnswered)
  if (options.onDone) auditRequests(app, options.onDone)
  const unrouted = watchRoutes(app)
  const rates = options.rates ?? NO_RATE_LIMITS
  const nowMs = (): number => performance.now()

  app.addHook('onRequest', async (request, reply) => {
    reply.headers(requestIdHeaders(request.id))
    // Before anything refuses it: what is left of a refused body may be sent just as slowly.
    if (!isStreamed(request)) limitBody(request, limits.requestTimeoutMs)
  })
  guardOrigins(app, options.consoleOrigin ?? null)
  limitAddresses(app, rates, nowMs)
  const inFlight = inFlightGuard(limits.maxInFlight)
  app.addHook('onRequest', async (request, reply) => {
    // The pattern of the route, not the URL as it was sent: that may have a host before the path or a slash behind it.
    const { url: route = '' } = request.routeOptions
    if (HEALTH.has(route)) return
    if (closing) throw new BatonError('Unavailable', 'This node is shutting down; send the request again.', { retryAfterMs: 1_000 })
    if (request.url.length > limits.urlBytes) throw new HttpRefusal(414, `The URL is longer than ${limits.urlBytes} bytes.`)
    inFlight(reply.raw)
    if (route.startsWith(COMPUTE)) {
      request.novaMinor = minorOf(request, COMPUTE_API)
      nameMicroversion(reply, COMPUTE_API, request.novaMinor)
    } else if (isPlacement(route)) {
      request.placementMinor = minorOf(request, PLACEMENT_API)
      nameMicroversion(reply, PLACEMENT_API, request.placementMinor)
    }
  })

  refuseEmptyIds(app)
  if (options.identity) {
    withIdentity(app, api, options.identity)
    limitTokens(app, rates, nowMs)
  }
  watchVersions(app)
  parseJson(app)
  parseImageTypes(app)
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, log))
  app.setNotFoundHandler((request, reply) => sendError(unrouted(request), request, reply, log))

  versionRoutes(app, options.page ?? null)
  pageRoutes(app, options.page ?? null)
  serverRoutes(app, context)
  serverActionRoutes(app, context)
  serverDetailRoutes(app, context)
  serverDeviceRoutes(app, context)
  serverFactRoutes(app, context)
  consoleRoutes(app, context)
  instanceActionRoutes(app, context)
  flavorRoutes(app, context)
  extraSpecRoutes(app, context)
  aggregateRoutes(app, context)
  groupRoutes(app, context)
  placementRoutes(app, context)
  placementApiRoutes(app, context)
  hypervisorRoutes(app, context)
  serviceRoutes(app, context)
  novaHostRoutes(app, context)
  migrationRoutes(app, context)
  computeImageRoutes(app, context)
  imageMetadataRoutes(app, context)
  imageRoutes(app, context)
  imageMemberRoutes(app, context)
  imageInfoRoutes(app, context)
  imageDataRoutes(app, context)
  keyPairRoutes(app, context)
  quotaRoutes(app, context)
  usageRoutes(app, context)
  externalEventRoutes(app, context)
  extensionRoutes(app)
  batonRoutes(app, context)
  doctorRoutes(app, context)
  auditRoutes(app, context)
  alertRoutes(app, context)
  evidenceRoutes(app, context)
  hostRoutes(app, context)
  guestRoutes(app, context)
  healthRoutes(app, context)
  return app
}

/** JSON only. An empty body is no body: clients send `Content-Type: application/json` with DELETE and nothing behind it. */
function parseJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined)
    else
      parse(request, body.toString(), (error, value) =>
        error ? done(new HttpRefusal(400, 'The request body is not valid JSON.')) : done(null, value),
      )
  })
}

/** Counts requests until their connection is done with them; throws `Overloaded` over the limit. */
function inFlightGuard(limit: number): (answer: { once(event: 'close', listener: () => void): unknown }) => void {
  let count = 0
  return answer => {
    if (count >= limit) throw new BatonError('Overloaded', `${limit} requests are being answered already.`, { retryAfterMs: 1_000 })
    count++
    answer.once('close', () => count--)
  }
}
