/** `baton conductor`: one conductor node. It lives through being fenced: it joins again as a new incarnation. */
import { readFile } from 'node:fs/promises'
import { hostname, uptime } from 'node:os'
import { resolve } from 'node:path'
import { BUILT_IN_IMAGES } from '../../actors/hypervisor/drivers/images.ts'
import type { Env, Logger } from '../../actors/kernel/env.ts'
import { BatonError, toFault } from '../../actors/kernel/errors.ts'
import type { ProjectSettings } from '../../actors/project/project.ts'
import { filtersOf, multipliersOf } from '../../actors/scheduler/settings.ts'
import { type Database, openDatabase } from '../../persistence/database.ts'
import { folderImageStore } from '../../persistence/images/folder-store.ts'
import type { PgJournal } from '../../persistence/journal.ts'
import { type Conductor, type ConductorOptions, startConductor } from '../../supervisors/conductor.ts'
import type { ConductorSettings } from '../../supervisors/config/conductor-settings.ts'
import type { Config } from '../../supervisors/config/config.ts'
import { QUOTA_CHECK_MS } from '../../supervisors/hosting/durable-actors.ts'
import { runFence } from '../../supervisors/hosts/fence.ts'
import { bootstrapVerifier } from '../../supervisors/identity/passwords.ts'
import { runNode } from '../../supervisors/node-process.ts'
import { processGauges } from '../../supervisors/observe/gauges.ts'
import { createMetrics } from '../../supervisors/observe/metrics.ts'
import type { MetricValues } from '../../supervisors/observe/metrics-table.ts'
import { linkMetrics, messengerMetrics, processMetrics } from '../../supervisors/observe/node-metrics.ts'
import { observedNode } from '../../supervisors/observe/observed.ts'
import { collectAfterStreams } from '../../supervisors/observe/stream-garbage.ts'
import { startHealthServer } from '../../transport/http/health-server.ts'
import type { Link } from '../../transport/link.ts'
import { createWebhook } from '../../transport/webhook.ts'
import { createZeromqLink } from '../../transport/zeromq-link.ts'
import { type Options, text } from '../call.ts'
import { settingsOf } from '../settings.ts'
import { VERSION } from '../version.ts'

const RETENTION_EVERY_MS = 10 * 60_000
const DAY_MS = 86_400_000

interface Life {
  readonly conductor: Conductor
  readonly link: Link
  readonly journal: PgJournal
}

export async function run(options: Options): Promise<void> {
  const config = settingsOf(options)
  const id = text(options, 'id') ?? `conductor-${hostname()}`
  const { url } = config.database
  if (!url) throw new BatonError('BadRequest', 'a conductor needs a database: give --database URL or set BATON_DATABASE_URL')
  const observed = observedNode({ node: id, role: 'conductor', version: VERSION, config, metrics: () => createdMetrics.text() })
  const { env } = observed
  const gauges = processGauges(config.images.folder ?? undefined)
  const identity = await identityOf(config)
  const { webhook: url_, secret } = config.alerts
  const webhook = url_ === null ? null : createWebhook({ url: url_, secret, nowMs: env.wallMs })
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  const database = await openDatabase(url, { role: id })
  await database.migrate()
  const imageStore = config.images.folder === null ? undefined : await folderImageStore(resolve(config.images.folder), collectAfterStreams())

  let life: Life | null = null
  let ended = false
  let fencedCommits = 0
  let endpoint = text(options, 'listen') ?? 'tcp://127.0.0.1:*'

  async function live(): Promise<void> {
    const link = createZeromqLink({ identity: id })
    endpoint = await link.listen(endpoint)
    let journal: PgJournal | null = null
    const conductor = await startConductor({
      env,
      nodeId: id,
      endpoint,
      host: hostname(),
      machine: () => ({ boot, uptimeMs: uptime() * 1000 }),
      pid: process.pid,
      version: VERSION,
      engine: process.version,
      link,
      membership: database.membership,
      journal(incarnation) {
        const opened = database.journal(incarnation, {
          onCommit: (ms, trace) => createdMetrics.observe('journal_commit_seconds', ms / 1000, {}, trace),
          onFenced(appends) {
            fencedCommits++
            env.log.warn({ incarnation, appends }, 'refused by the fence: nothing of this batch was written')
          },
        })
        journal = opened
        return { ...opened, stats: () => journalLoad(opened) }
      },
      ...fenceOf(config, env.log),
      ...(webhook ? { webhook } : {}),
      views: database.views,
      audit: database.audit,
      images: BUILT_IN_IMAGES,
      imageStore,
      settings: { ...settingsFor(config), ...identity },
      gauges: () => ({ ...gauges.read(), metricsPort: health.port }),
      witness: observed.witness,
      observe: (...measured) => createdMetrics.observe(...measured),
      onFenced: rejoin,
      onDrained: () => node.end('shutdown'),
    }).catch(async error => {
      // The next try listens at the same endpoint.
      await link.close()
      throw error
    })
    if (!journal) throw new Error('the conductor opened no journal')
    life = { conductor, link, journal }
  }

  /** The old life is thrown away whole and another begun; while the database is away this waits for it. */
  async function rejoin(): Promise<void> {
    const old = life
    life = null
    await old?.conductor.stop()
    await old?.link.close()
    for (let attempt = 0; !ended; attempt++) {
      try {
        await live()
        env.log.info({ incarnation: incarnation() }, 'joined again as a new incarnation')
        return
      } catch (error) {
        env.log.warn({ fault: toFault(error), attempt }, 'could not join yet')
        await new Promise<void>(resolve => env.setTimer(Math.min(5000, 200 * 2 ** attempt), resolve))
      }
    }
  }
  const incarnation = (): number => life?.conductor.incarnation ?? 0

  const health = await startHealthServer({
    isReady: () => readiness(life),
    metrics: openMetrics => createdMetrics.text(openMetrics),
  })
  const createdMetrics = createMetrics({ id, role: 'conductor' }, () => ({
    ...metricsOf(life),
    ...processMetrics(gauges.read()),
    ...observed.metrics(),
    journal_fenced_total: fencedCommits,
  }))

  const node = runNode(env.log, async why => {
    ended = true
    if (why === 'drain') await life?.conductor.drain()
    else await life?.conductor.leave()
    await life?.link.close()
    await health.close()
    await database.close()
    await observed.close()
  })

  await live()
  keepTidy(database, config.journal.retentionDays * DAY_MS, config.audit.retentionDays * DAY_MS, env)
  node.ready(endpoint)
}

/** The fence command, if there is one. */
function fenceOf({ fence }: Config, log: Logger): Pick<ConductorOptions, 'fence'> {
  return fence.command.length === 0 ? {} : { fence: host => runFence(fence, host, log) }
}

/** The first admin's password comes by the environment, which nobody else can read, and only its verifier is kept. */
async function identityOf({ auth }: Config): Promise<Pick<ConductorSettings, 'identity'>> {
  if (auth.mode === 'none') return {}
  const { BATON_BOOTSTRAP_PASSWORD: password } = process.env
  delete process.env.BATON_BOOTSTRAP_PASSWORD
  const verifier = password ? await bootstrapVerifier(password) : null
  return { identity: { tokenMs: auth.tokenMs, rotateMs: auth.rotateMs, bootstrapVerifier: verifier } }
}

function settingsFor(config: Config): ConductorSettings {
  return {
    membership: config.membership,
    heartbeat: { ...config.heartbeat, auditMs: config.reconcile.auditMs },
    actors: {
      inbox: config.actors.inbox,
      total: config.actors.inbox * 20,
      idleMs: config.actors.idleMs,
      snapshotEvery: config.journal.snapshotEvery,
    },
    reconcile: config.reconcile,
    restart: { limit: config.actors.restartLimit, periodMs: config.actors.restartPeriodMs, backoffBaseMs: 100, backoffCapMs: 10_000 },
    ha: config.ha,
    ratios: { vcpu: config.scheduler.vcpuRatio, ram: config.scheduler.ramRatio, disk: config.scheduler.diskRatio },
    reserved: { vcpus: config.scheduler.reservedVcpus, ramMb: config.scheduler.reservedRamMb, diskGb: config.scheduler.reservedDiskGb },
    scheduler: {
      filters: filtersOf(config.scheduler.filters),
      multipliers: multipliersOf(config.scheduler.weighers),
      subset: config.scheduler.subset,
    },
    deadlines: {
      buildMs: config.operations.buildDeadlineMs,
      actionMs: config.operations.actionDeadlineMs,
      deleteMs: config.operations.deleteDeadlineMs,
    },
    timers: config.instances,
    images: { uploadLookMs: config.images.uploadLookMs },
    agentBootMs: config.agents.bootMs,
    imageMaxBytes: config.images.maxGb * 1024 ** 3,
    quotas: quotasFor(config.quota),
  }
}

const quotasFor = ({ instances, cores, ram, ...quota }: Config['quota']): ProjectSettings => ({
  limits: {
    ...{ instances, cores, ram, server_groups: quota.serverGroups, server_group_members: quota.serverGroupMembers },
    ...{ key_pairs: quota.keyPairs, metadata_items: quota.metadataItems, image_count_total: quota.images, image_size_total: quota.imagesMb },
  },
  checkMs: QUOTA_CHECK_MS,
})

function journalLoad(journal: PgJournal) {
  const s = journal.stats()
  return {
    queued: s.queueDepth,
    oldestMs: s.oldestWaitingMs,
    commits: s.commitMs.counts.reduce((a, b) => a + b, 0),
    commitSumMs: s.commitMs.sum,
    connected: s.connected,
  }
}

function readiness(life: Life | null): { ready: boolean; reasons: string[] } {
  if (!life) return { ready: false, reasons: ['not joined'] }
  const reasons = life.journal.stats().connected ? [] : ['the database is away']
  if (life.conductor.actors.owned().length === 0) reasons.push('no shard is owned')
  return { ready: reasons.length === 0, reasons }
}

function metricsOf(life: Life | null): MetricValues {
  if (!life) return {}
  const a = life.conductor.actors.stats()
  const j = life.journal.stats()
  return {
    ...messengerMetrics(life.conductor.messenger.stats()),
    ...linkMetrics(life.link.stats()),
    actors: a.actors,
    inbox_depth: a.waiting,
    inbox_oldest_seconds: a.oldestMs / 1000,
    actor_commands_total: a.commands,
    actor_restarts_total: a.restarts,
    actors_poisoned: a.poisoned.length,
    dead_letters_total: a.deadLetters,
    journal_queue_depth: j.queueDepth,
    journal_oldest_seconds: j.oldestWaitingMs / 1000,
    journal_appends_total: j.appends,
    journal_events_total: j.events,
    journal_batch_size: j.lastBatch,
    journal_connected: Number(j.connected),
    alerts: life.conductor.alerts().length,
    shards: life.conductor.actors.owned().length,
  }
}

function keepTidy(database: Database, keepMs: number, auditMs: number, env: Env): void {
  const tidy = () => {
    database
      .trim(keepMs)
      .then(async trimmed => env.log.debug({ trimmed, audit: await database.trimAudit(auditMs) }, 'retention'))
      .catch(error => env.log.warn({ fault: toFault(error) }, 'retention was not finished'))
      // Spread over the conductors, so that not all do it at once.
      .finally(() => setTimeout(tidy, RETENTION_EVERY_MS * (0.5 + Math.random())).unref())
  }
  setTimeout(tidy, RETENTION_EVERY_MS * Math.random()).unref()
}
