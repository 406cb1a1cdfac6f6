/** The exporter of spans, against a receiver over real HTTP; what it sends is compared with what OpenTelemetry's own encoder makes of them. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Span } from '../../actors/kernel/tracing.ts'
import { realEnv } from '../../supervisors/real-env.ts'
import { createOtlpExporter, type OtlpExporter, type OtlpLimits, otlpRequest, tracesUrl } from '../../transport/otlp.ts'

type ReadableSpans = Parameters<typeof JsonTraceSerializer.serializeRequest>[0]

const test = suite('otlp')
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const RESOURCE = { 'service.name': 'baton-gateway', 'service.instance.id': 'g1' }

const span = (n: number, more: Partial<Span> = {}): Span => ({
  ...{ traceId: TRACE, spanId: n.toString(16).padStart(16, '0'), parentId: null, name: `span ${n}`, kind: 'internal' },
  ...{ startMs: 1_795_000_000_000.125, endMs: 1_795_000_000_007.5, attributes: {}, error: null },
  ...more,
})

const SPANS: readonly Span[] = [
  span(1, { kind: 'server', attributes: { 'http.route': '/x', 'http.response.status_code': 202, ratio: 0.5, cold: true } }),
  span(2, { kind: 'client', parentId: '0000000000000001', error: 'no room' }),
  span(3, { parentId: '0000000000000001', links: [`00-${TRACE.replaceAll('0', '1')}-000000000000000a-01`] }),
]

const KINDS = { internal: 0, server: 1, client: 2 } as const
const hrTime = (ms: number): [number, number] => [Math.floor(ms / 1000), Math.round((ms % 1000) * 1e6)]

const linkOf = (link: string) => {
  const [, traceId = '', spanId = ''] = link.split('-')
  return { context: { traceId, spanId, traceFlags: 1 }, attributes: {} }
}

/** As the SDK has spans. */
function official(spans: readonly Span[]): unknown {
  const resource = { attributes: RESOURCE, merge: () => resource, getRawAttributes: () => Object.entries(RESOURCE) }
  const instrumentationScope = { name: 'baton', version: '1.2.3' }
  const readable: ReadableSpans = spans.map(s => ({
    ...{
      name: s.name,
      kind: KINDS[s.kind],
      attributes: s.attributes,
      links: (s.links ?? []).map(linkOf),
      events: [],
      ended: true,
      resource,
      instrumentationScope,
    },
    spanContext: () => ({ traceId: s.traceId, spanId: s.spanId, traceFlags: 1 }),
    ...(s.parentId === null ? {} : { parentSpanContext: { traceId: s.traceId, spanId: s.parentId, traceFlags: 1 } }),
    ...{ startTime: hrTime(s.startMs), endTime: hrTime(s.endMs), duration: hrTime(s.endMs - s.startMs) },
    status: s.error === null ? { code: 0 } : { code: 2, message: s.error },
    ...{ droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 },
  }))
  return JSON.parse(new TextDecoder().decode(JsonTraceSerializer.serializeRequest(readable) ?? new Uint8Array()))
}

/** Without what says the same when it is left out, in proto3: zeroes, empty lists; and without flags, which are optional. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normal)
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value)
    .map(([name, held]) => [name, name === 'intValue' ? Number(held) : normal(held)] as const)
    .filter(([name, held]) => name !== 'flags' && held !== 0 && !(Array.isArray(held) && held.length === 0) && !isEmpty(held))
  return Object.fromEntries(kept.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
const isEmpty = (value: unknown): boolean => typeof value === 'object' && value !== null && Object.keys(value).length === 0

test('what is sent is what the official encoder makes of the same spans', () => {
  const ours = normal(JSON.parse(JSON.stringify(otlpRequest(SPANS, RESOURCE, '1.2.3'))))
  assert.equal(ours, normal(official(SPANS)))
  assert.match(JSON.stringify(ours), '"startTimeUnixNano":"1795000000000125000"')
})

test('a collector is named with or without the path', () => {
  assert.is(tracesUrl('http://c:4318'), 'http://c:4318/v1/traces')
  assert.is(tracesUrl('https://c/otlp/v1/traces'), 'https://c/otlp/v1/traces')
})

interface Receiver {
  readonly url: string
  /** Names of the spans of each request. */
  readonly got: string[][]
  /** What it answers; the last for ever. */
  readonly answers: number[]
  /** Resolves when so many requests have come. */
  came(count: number): Promise<void>
  close(): Promise<void>
}

async function receiver(...answers: number[]): Promise<Receiver> {
  const got: string[][] = []
  let heard: () => void = () => {}
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const part of request.setEncoding('utf8')) text += part
    const names = JSON.parse(text).resourceSpans[0].scopeSpans[0].spans.map((s: { name: string }) => s.name)
    got.push(names)
    response.writeHead(answers.length > 1 ? (answers.shift() ?? 200) : (answers[0] ?? 200)).end('{}')
    heard()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    url: tracesUrl(`http://127.0.0.1:${port}`),
    got,
    answers,
    async came(count) {
      while (got.length < count)
        await new Promise<void>((resolve, reject) => {
          const late = setTimeout(() => reject(new Error(`only ${got.length} of ${count} requests came`)), 10_000)
          heard = () => {
            clearTimeout(late)
            resolve()
          }
        })
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function withExporter(at: Receiver, limits: Partial<OtlpLimits>, body: (exporter: OtlpExporter) => Promise<void>): Promise<void> {
  const exporter = createOtlpExporter({ env: realEnv('test', 'silent'), url: at.url, resource: RESOURCE, version: '1.2.3', limits })
  try {
    await body(exporter)
  } finally {
    await exporter.close()
    await at.close()
  }
}

test('spans gather, are sent in batches, and what is left at the end is sent', async () => {
  const at = await receiver(200)
  await withExporter(at, { batch: 3, gatherMs: 5 }, async exporter => {
    for (const n of [1, 2, 3, 4, 5]) exporter.take(span(n))
    await at.came(2)
    assert.equal(at.got, [
      ['span 1', 'span 2', 'span 3'],
      ['span 4', 'span 5'],
    ])
    exporter.take(span(6))
    await exporter.close()
    assert.equal(at.got[2], ['span 6'])
    assert.equal(exporter.stats(), { exported: 6, dropped: 0, waiting: 0 })
  })
})

test('a collector that is away is asked again with the same spans, one that refuses them is not', async () => {
  const at = await receiver(503, 429, 200, 400, 200)
  await withExporter(at, { batch: 1, gatherMs: 1 }, async exporter => {
    exporter.take(span(1))
    await at.came(3)
    assert.equal(at.got, [['span 1'], ['span 1'], ['span 1']])
    exporter.take(span(2))
    await at.came(4)
    exporter.take(span(3))
    await at.came(5)
    assert.equal(at.got.slice(3), [['span 2'], ['span 3']])
    await exporter.close()
    assert.equal(exporter.stats(), { exported: 2, dropped: 1, waiting: 0 })
  })
})

test('the queue is bounded: it never blocks, and what does not fit is counted', async () => {
  const at = await receiver(503)
  await withExporter(at, { queue: 10, batch: 4, gatherMs: 1, tries: 2 }, async exporter => {
    for (let n = 0; n < 25; n++) exporter.take(span(n))
    assert.equal(exporter.stats(), { exported: 0, dropped: 15, waiting: 10 })
    // Each of the three batches is tried twice, and given up.
    await at.came(6)
    await exporter.close()
    assert.equal(exporter.stats(), { exported: 0, dropped: 25, waiting: 0 })
  })
})

test('nobody there: nothing throws, and the spans are counted as lost', async () => {
  const at = await receiver(200)
  await at.close()
  const exporter = createOtlpExporter({ env: realEnv('test', 'silent'), url: at.url, resource: RESOURCE, version: '1', limits: { tries: 1 } })
  exporter.take(span(1))
  await exporter.close()
  assert.equal(exporter.stats(), { exported: 0, dropped: 1, waiting: 0 })
})

test.run()
