/** The world of a node that remembers: its `Env`, with a tracer, and with the newest spans and log lines kept for whoever asks. */
import { hostname, release } from 'node:os'
import { performance } from 'node:perf_hooks'
import type { Sender } from '../../actors/kernel/define.ts'
import type { Env } from '../../actors/kernel/env.ts'
import type { Span, Tracing } from '../../actors/kernel/tracing.ts'
import { createOtlpExporter, type OtlpExporter, tracesUrl } from '../../transport/otlp.ts'
import type { Config } from '../config/config.ts'
import { realEnv } from '../real-env.ts'
import { shownConfig } from './config.ts'
import type { MetricValues } from './metrics-table.ts'
import { createRing } from './ring.ts'
import { createTracer } from './tracer.ts'
import { createWitness, type Witness } from './witness.ts'

/** What is kept in each node: 5 MB of spans and 4 MB of lines, about. */
const SPANS = 10_000
const LINES = 10_000
const LINE_CHARS = 4 * 1024 * 1024

export interface ObservedOptions {
  readonly node: string
  readonly role: Sender['role']
  readonly version: string
  readonly config: Config
  metrics(): Promise<string>
}

export interface Observed {
  readonly env: Env & { readonly tracing: Tracing }
  readonly witness: Witness
  metrics(): MetricValues
  /** Sends what has not been exported yet. */
  close(): Promise<void>
}

export function observedNode({ node, role, version, config, metrics }: ObservedOptions): Observed {
  const spans = createRing<Span>(SPANS, SPANS, () => 1)
  const lines = createRing<string>(LINES, LINE_CHARS, line => line.length)
  let exporter: OtlpExporter | null = null
  const tracing = createTracer({
    sample: config.tracing.sample,
    nowMs: () => performance.timeOrigin + performance.now(),
    random: Math.random,
    sink(span) {
      spans.push(span)
      exporter?.take(span)
    },
  })
  const env = { ...realEnv(node, config.log.level, { tracing, onLine: lines.push }), tracing }
  const { endpoint } = config.tracing
  if (endpoint !== null) {
    const resource = { 'service.name': `baton-${role}`, 'service.instance.id': node, 'service.version': version, 'host.name': hostname() }
    exporter = createOtlpExporter({ env, url: tracesUrl(endpoint), resource, version })
  }
  const witness = createWitness({
    node,
    life: env.uuid(),
    spans,
    lines,
    report: async () => ({
      ...{ role, version, engine: process.version, platform: `${process.platform} ${process.arch} ${release()}` },
      ...{ uptimeSeconds: Math.round(process.uptime()), config: shownConfig(config), metrics: await metrics() },
    }),
  })
  return {
    env,
    witness,
    metrics() {
      const { exported = 0, dropped = 0, waiting = 0 } = exporter?.stats() ?? {}
      return { spans_total: spans.newest(), spans_exported_total: exported, spans_dropped_total: dropped, spans_waiting: waiting }
    },
    close: async () => exporter?.close(),
  }
}
