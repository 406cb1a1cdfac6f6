/** `baton compute`: the agent of one compute host. Loads no database driver, and is given no credentials. */
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import type { HypervisorDriver } from '../../actors/hypervisor/driver.ts'
import { chooseDriver } from '../../actors/hypervisor/drivers/choose.ts'
import { outOfBandName } from '../../actors/hypervisor/drivers/out-of-band.ts'
import { BUILT_IMAGES } from '../../actors/hypervisor/drivers/qemu/built.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { type Compute, startCompute } from '../../supervisors/compute.ts'
import type { Config } from '../../supervisors/config/config.ts'
import { withPausePoints } from '../../supervisors/hosting/pause-points.ts'
import { openImageCache } from '../../supervisors/images/cache.ts'
import { nextLife } from '../../supervisors/membership/lives.ts'
import { runNode } from '../../supervisors/node-process.ts'
import { processGauges } from '../../supervisors/observe/gauges.ts'
import { createMetrics } from '../../supervisors/observe/metrics.ts'
import { agentMetrics, linkMetrics, messengerMetrics, processMetrics } from '../../supervisors/observe/node-metrics.ts'
import { observedNode } from '../../supervisors/observe/observed.ts'
import { collectAfterStreams } from '../../supervisors/observe/stream-garbage.ts'
import { createGuard, type Guard } from '../../supervisors/watchdog/guard.ts'
import { watchdogProcess } from '../../supervisors/watchdog/process.ts'
import { startHealthServer } from '../../transport/http/health-server.ts'
import { metadataDoor } from '../../transport/metadata-server.ts'
import { createZeromqLink } from '../../transport/zeromq-link.ts'
import { type Options, text } from '../call.ts'
import { seedsOf } from '../seeds.ts'
import { settingsOf } from '../settings.ts'
import { VERSION } from '../version.ts'

export async function run(options: Options): Promise<void> {
  const config = settingsOf(options)
  const id = text(options, 'id') ?? `compute-${hostname()}`
  const seeds = seedsOf(options)
  const observed = observedNode({ node: id, role: 'compute', version: VERSION, config, metrics: () => metrics.text() })
  const { env } = observed
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  const folder = resolve(config.data.folder, 'hosts', id)
  const gauges = processGauges(folder)
  const incarnation = await nextLife(folder, env.wallMs())
  let guard: Guard | null = null
  let compute: Compute | null = null
  const lease = { permit: (instance: string) => guard?.lease.permit(instance) ?? (() => {}) }
  let chosen: HypervisorDriver | null = null
  const images = await openImageCache({
    env,
    folder: join(folder, 'images'),
    limitBytes: config.images.cacheGb * 1024 ** 3,
    call: (image, method, args, timeoutMs) =>
      compute?.toStore(image, method, args, timeoutMs) ?? Promise.reject(new BatonError('Unavailable', `${id} is starting`)),
    inUse: async () => (await chosen?.imagesInUse?.()) ?? [],
  })
  const uploadedProcesses = config.driver.process.uploaded === 'yes'
  const { driver, because, hierarchies } = await chooseDriver(config.driver.name, env, {
    ...{ folder, lease, images, uploadedProcesses },
    qemu: { built: config.driver.qemu.images ?? BUILT_IMAGES, uid: config.driver.qemu.uid, moves: config.driver.qemu },
    metadata: metadataDoor,
    leavePassword: (instance, password) => compute?.leavePassword(instance, password) ?? Promise.resolve(503),
    ...fakeOptions(config),
  })
  chosen = driver
  const outOfBand = { driver: outOfBandName(driver.name), folder, hierarchies }
  const opened = createGuard(watchdogProcess({ folder: join(folder, 'watchdog'), life: incarnation, bootId, outOfBand, log: env.log }), incarnation)
  guard = opened
  const link = createZeromqLink({ identity: id })
  const metrics = createMetrics({ id, role: 'compute' }, () => {
    const h = compute?.stats()
    return {
      ...(compute ? messengerMetrics(compute.messenger.stats()) : {}),
      ...linkMetrics(link.stats()),
      ...processMetrics(gauges.read()),
      ...observed.metrics(),
      ...(h
        ? {
            guests: h.guests,
            console_streams: h.consoles.streams,
            lease_left_seconds: Math.max(0, opened.lease.expiresAtMs() - opened.lease.now()) / 1000,
            commands_waiting: h.waiting,
            commands_done_total: h.done,
            commands_failed_total: h.failed,
            commands_stale_total: h.stale,
            ...(h.agents ? agentMetrics(h.agents) : {}),
          }
        : {}),
    }
  })
  const health = await startHealthServer({
    isReady: () => ({ ready: compute?.ready() ?? false, reasons: compute?.ready() ? [] : ['no heartbeat was acknowledged yet'] }),
    metrics: openMetrics => metrics.text(openMetrics),
  })
  // Guests go on: they belong to the host, not to its agent.
  const node = runNode(env.log, async () => {
    await compute?.stop()
    await link.close()
    await health.close()
    await observed.close()
  })
  compute = await startCompute({
    env,
    onPassed: collectAfterStreams(),
    nodeId: id,
    incarnation,
    pid: process.pid,
    version: VERSION,
    engine: process.version,
    link,
    seeds,
    driver: withPausePoints(driver, process.env.BATON_PAUSE_POINTS),
    bootId,
    guard: opened,
    intervalMs: config.heartbeat.intervalMs,
    images,
    agents: config.agents,
    witness: observed.witness,
    gauges: () => ({ ...gauges.read(), metricsPort: health.port, wallMs: env.wallMs() }),
    onReady: () => node.ready('', because),
  })
}

/** What the configuration says of the fake driver; the process driver takes none of it. */
function fakeOptions(config: Config) {
  const { latencyMs, failureRate, vcpus, ramMb, diskGb } = config.driver.fake
  const methods = ['spawn', 'destroy', 'start', 'stop', 'reboot', 'pause', 'unpause'] as const
  return {
    fakeCapacity: { vcpus, ramMb, diskGb },
    fake: {
      latencyMs: Object.fromEntries(methods.map(m => [m, [latencyMs, latencyMs] as const])),
      failure: Object.fromEntries(methods.map(m => [m, failureRate])),
    },
  }
}
