/** Traces: what a context is, whose spans an operation has, where spans hang, and what is drawn of them. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ClusterApi, OperationBody, TracedSpan } from '../../actors/api.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Append } from '../../actors/kernel/ports.ts'
import { derivedSpanId, parseTrace, type Span, traced, tracedAnew, traceText } from '../../actors/kernel/tracing.ts'
import { build } from '../../actors/operation/catalogue/build.ts'
import { byVerdict, operationSpans, operationTrace } from '../../actors/operation/trace.ts'
import { branches, traceTree } from '../../bin/output/trace-tree.ts'
import { verdictOf } from '../../supervisors/hosts/treatments.ts'
import { tracedJournal } from '../../supervisors/observe/journal.ts'
import { createTracer } from '../../supervisors/observe/tracer.ts'
import { createFace, SERVERS, tiny } from '../support/http.ts'
import { simulated } from '../support/simulated.ts'
import { createWire, to } from '../support/wire.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const sampled = `00-${TRACE}-${SPAN}-01`
const test = suite('tracing')

function bench(sample = 1) {
  const spans: Span[] = []
  let now = 0
  const tracer = createTracer({ sample, nowMs: () => ++now, random: () => 0.5, sink: span => void spans.push(span) })
  return { spans, tracer }
}

test('a traceparent is read as the standard has it', () => {
  assert.equal(parseTrace(sampled), { traceId: TRACE, spanId: SPAN, isSampled: true })
  assert.is(parseTrace(`00-${TRACE}-${SPAN}-00`)?.isSampled, false)
  assert.is(parseTrace(`00-${TRACE}-${SPAN}-03`)?.isSampled, true)
  const wrong = [
    '',
    'x',
    `ff-${TRACE}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `${sampled} `,
    sampled.toUpperCase(),
  ]
  for (const text of [undefined, ...wrong]) assert.is(parseTrace(text), null, String(text))
  assert.is(parseTrace(traceText(TRACE, SPAN))?.isSampled, true)
})

test('ids that follow from a text are span ids, the same each time and different from others', () => {
  const ids = Array.from({ length: 5000 }, (_, i) => derivedSpanId(`step ${i}`))
  assert.is(new Set(ids).size, 5000)
  assert.ok(ids.every(id => parseTrace(traceText(TRACE, id))?.spanId === id))
  assert.is(derivedSpanId('step 7'), ids[7])
})

test('a request is traced when it is drawn, or when it comes with that decision', () => {
  const never = bench(0)
  assert.is(never.tracer.begin('GET /', {}, 'req-1', undefined), null)
  never.tracer.begin('GET /', {}, 'req-1', sampled)?.end()
  assert.equal(
    never.spans.map(s => [s.traceId, s.parentId, s.kind]),
    [[TRACE, SPAN, 'server']],
  )
  const half = bench(0.5)
  assert.is(half.tracer.begin('GET /', {}, 'req-1', undefined), null, '0.5 is not below 0.5')
  const always = bench(1)
  assert.is(always.tracer.begin('GET /', {}, 'req-1', `00-${TRACE}-${SPAN}-00`), null, 'who came decided against it')
  const context = always.tracer.begin('GET /', {}, 'req-1', 'nonsense')?.context
  assert.is(context?.requestId, 'req-1')
  assert.not(parseTrace(context?.trace)?.traceId === TRACE)
})

test('what is active follows promises, and spans hang below it', async () => {
  const { tracer, spans } = bench()
  const env = { tracing: tracer }
  const root = tracer.begin('POST /x', {}, 'req-1', sampled)
  await tracer.within(root?.context, async () => {
    await Promise.resolve()
    await traced(env, 'outer', {}, async () => {
      await Promise.all([1, 2].map(n => traced(env, `inner ${n}`, {}, async () => n)))
      assert.is(tracer.active()?.requestId, 'req-1')
      await tracer.within(undefined, () => traced(env, 'elsewhere', {}, async () => assert.is(tracer.active(), undefined)))
    })
    const fault = await traced(env, 'failing', {}, () => Promise.reject(new Error('no room'))).catch(error => error.message)
    assert.is(fault, 'no room')
  })
  root?.end()
  const byName = new Map(spans.map(s => [s.name, s]))
  assert.equal([...byName.keys()], ['inner 1', 'inner 2', 'outer', 'failing', 'POST /x'])
  const parents = ['outer', 'inner 1', 'inner 2', 'failing'].map(name => byName.get(name)?.parentId)
  const [request, outer] = [byName.get('POST /x')?.spanId, byName.get('outer')?.spanId]
  assert.equal(parents, [request, outer, outer, request])
  assert.is(byName.get('failing')?.error, 'no room')
  assert.ok(spans.every(s => s.traceId === TRACE && s.endMs > s.startMs))
})

test('a commit is a span of every traced command behind it, also when it fails', async () => {
  const { tracer, spans } = bench()
  let fail = false
  const append = async (_: Append): Promise<void> => {
    if (fail) throw new Error('fenced')
  }
  const journal = tracedJournal({ append }, tracer)
  const events = [{ seq: 1, type: 'stepDone', version: 1, data: {}, at: 0 }]
  const entry = { actor: { kind: 'operation', id: 'i.1' }, shard: 0, events, awake: true, finished: false, row: null }
  const other = `00-${TRACE}-00000000000000aa-01`
  await journal.append({ ...entry, traces: [sampled, other, sampled] })
  await journal.append(entry)
  assert.equal(
    spans.map(s => [s.parentId, s.attributes['baton.events'], s.error]),
    [
      [SPAN, 'stepDone', null],
      ['00000000000000aa', 'stepDone', null],
    ],
  )
  fail = true
  assert.is(await journal.append({ ...entry, traces: [sampled] }).catch(error => error.message), 'fenced')
  assert.is(spans.at(-1)?.error, 'fenced')
})

test('a request over HTTP is a span; all it asks of the cluster is part of it, behind its body too', async () => {
  const { tracer, spans } = bench(0)
  const face = createFace({}, { tracing: tracer })
  const seen: unknown[] = []
  const createInstances: ClusterApi['createInstances'] = async ({ requestId, by }) => {
    await Promise.resolve()
    seen.push([tracer.active()?.requestId === requestId, tracer.active()?.trace === by?.trace, by?.trace])
    throw new BatonError('Internal', 'no')
  }
  Object.assign(face.fake.api, { createInstances })
  const answer = await face.ask('POST', SERVERS, tiny(), { traceparent: sampled })
  const [request] = spans
  assert.equal([answer.status, spans.length], [500, 1])
  assert.equal([request?.name, request?.parentId, request?.traceId, request?.error], [`POST ${SERVERS}`, SPAN, TRACE, 'answered 500'])
  assert.equal(request?.attributes, {
    ...{ 'http.request.method': 'POST', 'http.route': SERVERS, 'http.response.status_code': 500 },
    'baton.request_id': answer.headers['x-openstack-request-id'],
  })
  assert.equal(seen, [[true, true, traceText(TRACE, request?.spanId ?? '')]])
  // Not drawn: no span, but the cluster's lines still know the request.
  await face.ask('POST', SERVERS, tiny())
  assert.equal(seen[1], [true, true, undefined])
  await face.ask('GET', '/healthz', undefined, { traceparent: sampled })
  assert.is(spans.length, 1)
  await face.app.close()
})

test('calls between nodes carry what they are part of; a node that knows nothing of traces is no less answered', () =>
  simulated(async world => {
    const collected: Span[] = []
    const tracer = createTracer({ sample: 1, nowMs: () => world.loop.nowMs(), random: () => 0, sink: span => void collected.push(span) })
    const wire = createWire(world)
    const c = await wire.node('c')
    const b = await wire.node('b', { tracing: tracer })
    const a = await wire.node('a', { tracing: tracer, dials: ['b', 'c'] })
    const seen: unknown[] = []
    for (const node of [a, b, c])
      node.serve = async ({ method }) => {
        seen.push(node === c ? 'c' : tracer.active()?.requestId)
        return method
      }
    await world.run(3000)
    const context = tracer.begin('GET /', {}, 'req-1', sampled)?.context
    const answers = tracer.within(context, () =>
      Promise.all(['a', 'b', 'c'].map(name => a.messenger.call(to(name), 'look', {}, { timeoutMs: 1000 }))),
    )
    const bare = a.messenger.call(to('b'), 'look', {}, { timeoutMs: 1000 })
    await world.run(100)
    assert.equal([await answers, await bare], [['look', 'look', 'look'], 'look'])
    assert.equal(seen.toSorted(), ['c', 'req-1', 'req-1', undefined])
    const [here, there, ...sent] = collected.toSorted((x, y) => (keyOf(x) < keyOf(y) ? -1 : 1))
    assert.equal([here?.name, there?.name, sent.map(s => s.attributes['baton.to'])], ['node.look', 'node.look', ['b', 'c']])
    const ids = new Set([here, there].map(s => s?.parentId))
    assert.ok(ids.has(sent[0]?.spanId) && ids.has(parseTrace(context?.trace)?.spanId))
  }))

/** Served spans first, then sent ones by where to. */
const keyOf = ({ kind, attributes }: Span): string => (kind === 'server' ? '' : `sent ${attributes['baton.to']}`)

const step = (name: string, startedAt: number, endedAt: number | null) =>
  ({ name, direction: 'do', state: endedAt === null ? 'running' : 'done', attempt: 1, startedAt, endedAt, fault: null }) as const

const operation: OperationBody = {
  ...{ id: 'i1.1', kind: build.kind, subject: 'i1', requestId: 'req-1', by: { trace: sampled }, status: 'running', plan: [] },
  ...{ steps: [step('place', 10, 20), step('claim', 20, 35), step('spawn', 35, null)] },
  ...{ startedAt: 10, endedAt: null, deadlineAt: 1000, cancelRequested: false, fault: null },
}

test('each step is told once, by the conductor that sees its end; whoever goes on writes on the same trace', () => {
  const [claim, ...more] = operationSpans(operation, 35)
  assert.equal(more, [])
  assert.equal([claim?.name, claim?.startMs, claim?.endMs, claim?.traceId], ['step claim', 20, 35, TRACE])
  // What the step sent named that very span before it had ended, and so does what another sends after a take-over.
  const sent = parseTrace(
    operationTrace(
      'i1.1',
      sampled,
      operation.steps.slice(0, 2).map(s => ({ ...s, endedAt: null })),
    ),
  )
  assert.equal(sent, { traceId: TRACE, spanId: claim?.spanId, isSampled: true })
  const over = {
    ...operation,
    steps: [step('place', 10, 20)],
    status: 'failed',
    endedAt: 40,
    fault: { code: 'DriverFault', message: 'broken' },
  } as const
  const [whole] = operationSpans(over, 41)
  assert.equal([whole?.name, whole?.spanId, whole?.parentId, whole?.error], ['operation build', claim?.parentId, SPAN, 'broken'])
  assert.equal([whole?.startMs, whole?.endMs], [10, 40])
  // Steps were measured in cluster time; they are told in that of all other spans.
  const [ahead] = operationSpans(operation, 35, 1000)
  assert.equal([ahead?.startMs, ahead?.endMs, ahead?.spanId], [1020, 1035, claim?.spanId])
})

test('an operation that the cluster begins has a trace of its own, whose first span it is, with a link to the verdict', () => {
  const { by } = byVerdict('i1.1', sampled)
  const over = { ...operation, ...(by ? { by } : {}), steps: [step('place', 10, 20)], status: 'done', endedAt: 40 } as const
  const [place] = operationSpans({ ...over, endedAt: null }, 20)
  const [whole] = operationSpans(over, 41)
  if (!whole) throw new Error('an operation that has ended has a span')
  assert.equal([whole.name, whole.parentId, whole.links], ['operation build', null, [sampled]])
  assert.equal([place?.parentId, place?.traceId], [whole?.spanId, whole?.traceId])
  assert.not(whole?.traceId === TRACE)
  assert.equal(byVerdict('i1.1', sampled), { by }, 'the same, whoever decides it again')
  assert.not.equal(byVerdict('i1.2', sampled), { by })
  for (const verdict of [undefined, 'nonsense', `00-${TRACE}-${SPAN}-00`]) assert.equal(byVerdict('i1.1', verdict), {})
  const shown = traceTree([{ ...whole, node: 'n1' }])
  assert.match(shown, new RegExp(`outcome done, verdict ${TRACE}$`, 'm'))
})

test('a verdict is the first span of a trace, as often as requests are', async () => {
  const { tracer, spans } = bench(1)
  const seen: unknown[] = []
  const look = async () => void seen.push(verdictOf(tracer))
  await tracedAnew({ tracing: tracer }, 'verdict: host lost', { 'baton.host': 'h1' }, 'lost-h1', look)
  const [root] = spans
  assert.equal([root?.name, root?.parentId, root?.kind], ['verdict: host lost', null, 'internal'])
  assert.equal(seen, [{ verdict: traceText(root?.traceId ?? '', root?.spanId ?? '') }])
  const never = bench(0)
  await tracedAnew({ tracing: never.tracer }, 'verdict: host lost', {}, 'lost-h1', async () => void seen.push(verdictOf(never.tracer)))
  await tracedAnew({}, 'verdict: host lost', {}, 'lost-h1', async () => void seen.push(verdictOf(undefined)))
  assert.equal([seen.slice(1), never.spans], [[{}, {}], []])
})

test('an operation of no sampled trace has no spans', () => {
  for (const by of [undefined, {}, { trace: `00-${TRACE}-${SPAN}-00` }, { trace: 'nonsense' }]) {
    const { by: _, ...rest } = operation
    assert.equal(operationSpans({ ...rest, ...(by ? { by } : {}) }, 35), [])
    assert.is(operationTrace('i1.1', by?.trace, operation.steps), undefined)
  }
})

const span = (name: string, spanId: string, parentId: string | null, startMs: number, endMs: number, more: Partial<TracedSpan> = {}): TracedSpan =>
  ({ node: 'n1', traceId: TRACE, spanId, parentId, name, kind: 'internal', startMs, endMs, attributes: {}, error: null, ...more }) as const

test('a tree has every span once, below its parent and by time; who has none stands at the root', () => {
  const spans = [
    span('c', '3', '1', 30, 40, { error: 'no' }),
    span('b', '2', '1', 10, 20.5, { attributes: { 'baton.to': 'n2' } }),
    span('d', '4', '2', 12, 13),
    span('a', '1', 'of the client', 5, 50),
    span('own parent', '5', '5', 60, 61),
    span('circle', '6', '7', 70, 71),
    span('of a circle', '7', '6', 70, 71),
  ]
  assert.equal(
    branches(spans).map(b => `${b.lines}${b.span.name}`),
    ['a', '├─ b', '│  └─ d', '└─ c', 'own parent', 'circle', '└─ of a circle'],
  )
  const [head, first, second] = traceTree(spans.slice(0, 4)).split('\n')
  assert.match(head ?? '', /^SPAN\s+NODE\s+BEGIN\s+TOOK\s+ABOUT$/)
  assert.match(first ?? '', /^a\s+n1\s+\+0\.00 ms\s+45\.0 ms/)
  assert.match(second ?? '', /^├─ b\s+n1\s+\+5\.00 ms\s+10\.5 ms\s+to n2$/)
})

test.run()
