/** `baton gateway`: a stateless node with the REST API. Loads no database driver, and is given no credentials. */
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { BatonError, toFault } from '../../actors/kernel/errors.ts'
import type { Config } from '../../supervisors/config/config.ts'
import { type OpenDoor, startGateway } from '../../supervisors/gateway.ts'
import { type Ending, runNode } from '../../supervisors/node-process.ts'
import { createAuditTeller } from '../../supervisors/observe/audit-teller.ts'
import { processGauges } from '../../supervisors/observe/gauges.ts'
import { createMetrics } from '../../supervisors/observe/metrics.ts'
import { consoleMetrics, doorMetrics, linkMetrics, messengerMetrics, processMetrics } from '../../supervisors/observe/node-metrics.ts'
import { observedNode } from '../../supervisors/observe/observed.ts'
import { collectAfterStreams } from '../../supervisors/observe/stream-garbage.ts'
import { createConsoleServer } from '../../transport/console/server.ts'
import { openDoors } from '../../transport/console/upgrade.ts'
import { HTTP_LIMITS, type HttpLimits } from '../../transport/http/limits.ts'
import { PAGE_FOLDER, readPage } from '../../transport/http/page.ts'
import { createHttpServer } from '../../transport/http/server.ts'
import { readPair, type TlsFiles, type TlsServer, type TlsWatch, watchPair } from '../../transport/http/tls.ts'
import { createRemoteConsoleServer } from '../../transport/remote-console/server.ts'
import { FRAME_LIMITS } from '../../transport/zeromq-frames.ts'
import { createZeromqLink } from '../../transport/zeromq-link.ts'
import { type Options, text } from '../call.ts'
import { seedsOf } from '../seeds.ts'
import { settingsOf } from '../settings.ts'
import { VERSION } from '../version.ts'

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost'])
/** The cluster's answer comes, or its refusal, before the client's own deadline runs out. */
const REQUEST_MS = HTTP_LIMITS.apiTimeoutMs - 1000
/** What else a gateway has to end after its answers. */
const END_MS = 5000
/** A connection in use is given up only after one without a request would have been. */
const IDLE_MORE_MS = 10_000

export async function run(options: Options): Promise<void> {
  const config = settingsOf(options)
  const id = text(options, 'id') ?? `gateway-${hostname()}`
  const { host, port } = config.http
  const needsToken = config.auth.mode === 'token'
  if (!LOOPBACK.has(host) && !needsToken)
    throw new BatonError('ConfigInvalid', `http.host: ${host} is not a loopback address, and anybody there could do anything; set auth.mode: token`)
  const observed = observedNode({ node: id, role: 'gateway', version: VERSION, config, metrics: () => metrics.text() })
  const { env } = observed
  const gauges = processGauges()
  const link = createZeromqLink({ identity: id })
  const self = { node: id, inc: Date.now(), role: 'gateway', pid: process.pid, ver: VERSION, eng: process.version } as const
  let certificate: TlsWatch | null = null
  const gateway = startGateway({
    env,
    self,
    link,
    seeds: seedsOf(options),
    requestMs: REQUEST_MS,
    identity: needsToken,
    witness: observed.witness,
    onSilent: nodes => watched.silent(nodes),
    certificateEndsAt: () => certificate?.endsAt() ?? null,
    onPassed: collectAfterStreams(),
    agents: { heartbeatMs: config.agents.heartbeatMs, silentMs: config.agents.silentMs },
  })
  const identity = gateway.gate ? { gate: gateway.gate, rules: config.policy.rules } : null
  const watched = createConsoleServer({
    ...{ env, hub: gateway.hub, api: gateway.api, about: { gateway: id, version: VERSION } },
    consoleOrigin: config.http.consoleOrigin,
    ...(identity ? { identity } : {}),
  })
  const audit = createAuditTeller(env, lines => gateway.api.appendAudit({ lines }))
  const remote = createRemoteConsoleServer({ env, consoles: gateway.consoles, consoleOrigin: config.http.consoleOrigin, audit: audit.tell })
  const metrics = createMetrics({ id, role: 'gateway' }, () => ({
    ...messengerMetrics(gateway.messenger.stats()),
    ...linkMetrics(link.stats()),
    ...processMetrics(gauges.read()),
    ...observed.metrics(),
    ...consoleMetrics(watched.stats(), gateway.hub.stats()),
    remote_consoles: remote.stats().clients,
    ...doorMetrics(door?.stats() ?? null),
  }))
  const files = tlsFiles(config)
  let door: OpenDoor | null = null
  let leaving = false
  const app = createHttpServer({
    api: gateway.api,
    images: gateway.images,
    page: readPage(PAGE_FOLDER),
    log: env.log,
    tracing: env.tracing,
    agentDoor: () => door && { endpoints: doorsOf(config, door), serverKey: door.serverKey },
    ...(files ? { tls: readPair(files) } : {}),
    ...(identity ? { identity } : {}),
    limits: limitsOf(config),
    rates: config.rate,
    consoleOrigin: config.http.consoleOrigin,
    trustedProxies: config.http.trustedProxies,
    isReady() {
      const reasons = [...gateway.lacks(), ...(leaving ? ['this node is shutting down'] : [])]
      return { ready: reasons.length === 0, reasons, leaving }
    },
    metrics: openMetrics => metrics.text(openMetrics),
    onAnswered: ({ seconds, route, method, status, trace }) =>
      metrics.observe('http_request_duration_seconds', seconds, { route, method, status: `${Math.floor(status / 100)}xx` }, trace),
    onDone(line) {
      env.log.info({ ...line }, 'a request was answered')
      audit.tell(line)
    },
  })
  openDoors(app.server, [watched.door, remote.door])
  certificate = files && isTlsServer(app.server) ? watchPair(app.server, files, env.log) : null
  const { drainDelayMs, drainMs } = config.http
  const close = async (why: Ending): Promise<void> => {
    leaving = true
    // Balancers look at /readyz and stop sending; what they still send is still answered.
    if (why === 'drain') await delay(drainDelayMs)
    certificate?.close()
    watched.close()
    remote.close()
    await app.close()
    await audit.close()
    await door?.close()
    gateway.stop()
    await link.close()
    await observed.close()
  }
  const node = runNode(env.log, close, drainDelayMs + drainMs + END_MS)
  try {
    await app.listen({ host, port })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
      throw new BatonError('PortInUse', `port ${port} of ${host} is in use by another process; choose another with --port`)
    }
    throw error
  }
  const address = app.server.address()
  const actualPort = typeof address === 'object' && address ? address.port : port
  await gateway.whenReady()
  const { listen } = config.agents
  if (listen !== null) {
    const fault = (error: unknown): void => env.log.warn({ fault: toFault(error) }, 'the door for agents')
    door = await gateway.openAgentDoor(listen, listens =>
      createZeromqLink({ identity: id, listens, maxFrameBytes: FRAME_LIMITS.bytes, onFault: fault }),
    )
    env.log.info({ endpoint: door.endpoint }, 'agents from outside of guests are let in')
  }
  node.ready(`${files ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${actualPort}`)
}

/** Null where the API speaks HTTP in the clear. Throws `ConfigInvalid` for half a pair. */
function tlsFiles({ http: { tls } }: Config): TlsFiles | null {
  const { certFile: cert, keyFile: key } = tls
  if (cert !== null && key !== null) return { cert, key }
  if (cert !== null || key !== null) throw new BatonError('ConfigInvalid', 'http.tls.certFile and http.tls.keyFile are given together or not at all')
  return null
}

/** What an agent is told to dial. */
const doorsOf = ({ agents: { endpoints } }: Config, { endpoint }: OpenDoor): readonly string[] => (endpoints.length > 0 ? endpoints : [endpoint])

const isTlsServer = (server: object): server is TlsServer => 'setSecureContext' in server

const limitsOf = ({ http, limits }: Config): Partial<HttpLimits> => ({
  bodyBytes: http.bodyBytes,
  headerBytes: http.headerBytes,
  headersTimeoutMs: http.headersTimeoutMs,
  requestTimeoutMs: http.requestTimeoutMs,
  keepAliveTimeoutMs: http.keepAliveMs,
  idleTimeoutMs: Math.max(HTTP_LIMITS.idleTimeoutMs, http.keepAliveMs + IDLE_MORE_MS),
  maxConnections: http.maxConnections,
  maxInFlight: http.maxInFlight,
  drainMs: http.drainMs,
  maxInstancesPerRequest: limits.maxInstancesPerRequest,
})
