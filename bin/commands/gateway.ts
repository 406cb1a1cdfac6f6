/** `baton gateway`: a stateless node with the REST API. Loads no database driver, and is given no credentials. */
import { hostname } from 'node:os'
import { BatonError } from '../../actors/kernel/errors.ts'
import { startGateway } from '../../supervisors/gateway.ts'
import { processGauges } from '../../supervisors/gauges.ts'
import { createMetrics } from '../../supervisors/metrics.ts'
import { consoleMetrics, linkMetrics, messengerMetrics, processMetrics } from '../../supervisors/node-metrics.ts'
import { runNode } from '../../supervisors/node-process.ts'
import { realEnv } from '../../supervisors/real-env.ts'
import { createConsoleServer } from '../../transport/console/server.ts'
import { HTTP_LIMITS } from '../../transport/http/limits.ts'
import { createHttpServer } from '../../transport/http/server.ts'
import { createZeromqLink } from '../../transport/zeromq-link.ts'
import { type Options, text } from '../call.ts'
import { seedsOf } from '../seeds.ts'
import { settingsOf } from '../settings.ts'
import { VERSION } from '../version.ts'

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost'])
/** The cluster's answer comes, or its refusal, before the client's own deadline runs out. */
const REQUEST_MS = HTTP_LIMITS.apiTimeoutMs - 1000

export async function run(options: Options): Promise<void> {
  const config = settingsOf(options)
  const id = text(options, 'id') ?? `gateway-${hostname()}`
  const { host, port } = config.http
  const needsToken = config.auth.mode === 'token'
  if (!LOOPBACK.has(host) && !needsToken)
    throw new BatonError('ConfigInvalid', `http.host: ${host} is not a loopback address, and anybody there could do anything; set auth.mode: token`)
  const env = realEnv(id, config.log.level)
  const gauges = processGauges()
  const link = createZeromqLink({ identity: id })
  const self = { node: id, inc: Date.now(), role: 'gateway', pid: process.pid, ver: VERSION, eng: process.version } as const
  const gateway = startGateway({
    env,
    self,
    link,
    seeds: seedsOf(options),
    requestMs: REQUEST_MS,
    identity: needsToken,
    onSilent: nodes => watched.silent(nodes),
  })
  const identity = gateway.gate ? { gate: gateway.gate, rules: config.policy.rules } : null
  const watched = createConsoleServer({
    ...{ env, hub: gateway.hub, api: gateway.api, about: { gateway: id, version: VERSION } },
    ...(identity ? { identity } : {}),
  })
  const metrics = createMetrics({ id, role: 'gateway' }, () => ({
    ...messengerMetrics(gateway.messenger.stats()),
    ...linkMetrics(link.stats()),
    ...processMetrics(gauges.read()),
    ...consoleMetrics(watched.stats(), gateway.hub.stats()),
  }))
  const app = createHttpServer({
    api: gateway.api,
    log: env.log,
    ...(identity ? { identity } : {}),
    limits: { maxInstancesPerRequest: config.limits.maxInstancesPerRequest },
    isReady: () => ({ ready: gateway.ready(), reasons: gateway.ready() ? [] : ['no conductor can be reached'] }),
    metrics: () => metrics.text(),
  })
  watched.attach(app.server)
  const node = runNode(env.log, async () => {
    watched.close()
    await app.close()
    gateway.stop()
    await link.close()
  })
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
  node.ready(`http://${host.includes(':') ? `[${host}]` : host}:${actualPort}`)
}
