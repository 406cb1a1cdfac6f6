/** What nodes remember and tell: bounded rings, lines of logs without secrets, and the answers of many nodes as one. */
import { execFileSync } from 'node:child_process'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { NodeBody } from '../../actors/api.ts'
import { checkListLogs } from '../../actors/cluster/evidence.ts'
import type { Span } from '../../actors/kernel/tracing.ts'
import { logLine } from '../../bin/output/log-line.ts'
import { tarOf } from '../../bin/output/tar.ts'
import { loadConfig } from '../../supervisors/config/config.ts'
import { shownConfig } from '../../supervisors/observe/config.ts'
import { REDACTED, redact, redactText } from '../../supervisors/observe/redact.ts'
import { evidenceRequests } from '../../supervisors/observe/requests.ts'
import { createRing } from '../../supervisors/observe/ring.ts'
import { createWitness, type NodeLogs, type Witness } from '../../supervisors/observe/witness.ts'
import { rejectsWith } from './persistence-fixtures.ts'

const test = suite('evidence')

test('a ring keeps the newest, by number and by size, and says where to go on', () => {
  const ring = createRing<string>(100, 1000, text => text.length)
  assert.equal([ring.newest(), ring.since(0)], [0, []])
  for (let i = 1; i <= 1000; i++) ring.push(`line ${i}`)
  assert.is(ring.newest(), 1000)
  assert.ok(ring.since(0).length >= 100 && ring.since(0).length <= 125)
  assert.equal(ring.since(998), [
    { seq: 999, item: 'line 999' },
    { seq: 1000, item: 'line 1000' },
  ])
  assert.equal(ring.since(1000), [])
  for (let i = 0; i < 20; i++) ring.push('x'.repeat(400))
  assert.ok(ring.since(0).length <= 4, 'by size')
  ring.push('y'.repeat(5000))
  assert.is(ring.since(0).at(-1)?.item.length, 5000, 'one is always kept')
})

const SECRETS: readonly (readonly [what: string, text: string, secret: string])[] = [
  ['the password of the database', 'cannot reach postgres://baton:s3cr3t-pw@db:5432/baton', 's3cr3t-pw'],
  ['a token', 'X-Auth-Token: b1.abc123.eyJ1c2VyIjoiYW5uIn0aaaaaaaaaaaaaa.c2lnbmF0dXJl', 'eyJ1c2VyIjoiYW5uIn0aaaaaaaaaaaaaa'],
  ['a JSON Web Token', 'got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln', 'eyJzdWIiOiIxMjM0In0'],
  ['a private key', 'read -----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----', 'MC4CAQAwBQYDK2Vw'],
  ['a bearer', 'authorization: Bearer abcdefghijklmnop', 'abcdefghijklmnop'],
  ['a field of a query', 'GET /x?password=hunter2&a=1', 'hunter2'],
  ['JSON within a text', 'body {"adminPass": "hunter3", "password":"hunter2"}', 'hunter2'],
  ['an option of a command', 'fence --user root --password hunter2 --host h', 'hunter2'],
]

for (const [what, text, secret] of SECRETS)
  test(`left out of a text: ${what}`, () => {
    assert.not.match(redactText(text), secret)
    assert.match(redactText(text), REDACTED)
    assert.not.match(JSON.stringify(redact({ deep: [{ in: text }] })), secret)
  })

test('left out by name, wherever it stands; what only sounds like it stays', () => {
  const names = ['password', 'adminPass', 'admin_pass', 'secret', 'x-auth-token', 'userData', 'user_data', 'privateKey', 'passwordVerifier', 'Cookie']
  for (const name of names) assert.not.match(JSON.stringify(redact({ a: { [name]: 'hunter2' } })), 'hunter2', name)
  assert.not.match(JSON.stringify(redact({ files: [{ path: '/etc/x', contents: 'hunter2' }] })), 'hunter2')
  const kept = {
    message: 'this needs a token of a project',
    tokenMs: 3600,
    secretary: false,
    requestId: 'req-1',
    path: '/compute/v2.1/servers',
    none: null,
  }
  assert.equal(redact(kept), kept)
  assert.is(redactText('postgres://db:5432/baton?sslmode=disable'), 'postgres://db:5432/baton?sslmode=disable')
  let deep: object = {}
  for (let i = 0; i < 100; i++) deep = { deep }
  assert.match(JSON.stringify(redact(deep)), REDACTED)
})

test('settings are shown without passwords', () => {
  const env = { BATON_DATABASE_URL: 'postgres://baton:s3cr3t@db/baton', BATON_FENCE_COMMAND: '["ipmitool","-P","hunter2"]' }
  const shown = shownConfig(loadConfig({ env }))
  assert.equal(shown['fence.command'], ['ipmitool', REDACTED, REDACTED])
  assert.is(shown['database.url'], `postgres://baton:${REDACTED}@db/baton`)
  assert.is(shown['http.port'], 8774)
  const alerts = shownConfig(
    loadConfig({ env: { BATON_ALERTS_WEBHOOK: 'https://hooks.example.org/services/T0/B0/abcdef', BATON_ALERTS_SECRET: 'x'.repeat(16) } }),
  )
  assert.equal([alerts['alerts.webhook'], alerts['alerts.secret']], ['(set)', REDACTED])
  assert.is(shown['auth.tokenMs'], loadConfig({}).auth.tokenMs)
})

const LEVEL = { debug: 20, info: 30, warn: 40, error: 50 }
const raw = (at: number, level: keyof typeof LEVEL, msg: string, fields: object = {}): string =>
  `${JSON.stringify({ level: LEVEL[level], time: new Date(at).toISOString(), node: 'n', pid: 1, ...fields, msg })}\n`

function witnessOf(node: string, texts: readonly string[], life = 'l1', spans: readonly Span[] = []): Witness {
  const lines = createRing<string>(1000, 1e6, text => text.length)
  for (const text of texts) lines.push(text)
  const ring = createRing<Span>(1000, 1000, () => 1)
  for (const span of spans) ring.push(span)
  const report = async () => ({ role: 'compute', version: '1', engine: 'v24', platform: 'linux', uptimeSeconds: 1, config: {}, metrics: '' })
  return createWitness({ node, life, spans: ring, lines, report })
}

const logsOf = (witness: Witness, args: object): Promise<NodeLogs> => witness.answer('logs', args) as Promise<NodeLogs>

test('lines of a node: by what they mention, by level, from a place on, without secrets', async () => {
  const witness = witnessOf('n1', [
    raw(1, 'info', 'begun', { requestId: 'req-1', instance: 'i1' }),
    'not JSON\n',
    raw(2, 'warn', 'slow', { operation: 'i1.1', password: 'hunter2' }),
    raw(3, 'debug', 'detail', { requestId: 'req-1' }),
    raw(4, 'error', 'broken', { error: { stack: 'at x' } }),
  ])
  const all = await logsOf(witness, {})
  assert.equal(
    all.lines.map(l => [l.seq, l.at, l.level, l.message]),
    [
      [1, 1, 'info', 'begun'],
      [3, 2, 'warn', 'slow'],
      [4, 3, 'debug', 'detail'],
      [5, 4, 'error', 'broken'],
    ],
  )
  assert.equal(all.lines[0]?.fields, { requestId: 'req-1', instance: 'i1' })
  assert.not.match(JSON.stringify(all), 'hunter2')
  const messages = async (args: object) => (await logsOf(witness, args)).lines.map(l => l.message)
  assert.equal(await messages({ mentions: ['req-1'] }), ['begun', 'detail'])
  assert.equal(await messages({ mentions: ['req-1', 'i1'] }), ['begun'])
  assert.equal(await messages({ level: 'warn' }), ['slow', 'broken'])
  assert.equal(await messages({ limit: 2 }), ['detail', 'broken'], 'the newest')
  assert.equal(await messages({ after: all.upTo }), [])
  assert.equal(await messages({ after: { life: 'l1', seq: 4 } }), ['broken'])
  assert.is((await messages({ after: { life: 'another life', seq: 4 } })).length, 4)
  assert.throws(() => witness.answer('logs', { level: 'loud' }), /level must be one of/)
  assert.is(witness.answer('spawn', {}), undefined)
})

const node = (id: string, role: NodeBody['role'], state = 'up') => ({ id, role, state }) as NodeBody

function cluster(witnesses: Readonly<Record<string, Witness>>, rows: Readonly<Record<string, object>> = {}) {
  const nodes = [node('c1', 'conductor'), node('h1', 'compute'), node('g1', 'gateway'), node('h2', 'compute', 'down'), node('h3', 'compute')]
  const asked: string[] = []
  const late: (() => void)[] = []
  const api = evidenceRequests({
    env: { setTimer: (_, fn) => ({ cancel: () => void late.splice(late.indexOf(fn), 1), ...(late.push(fn) ? {} : {}) }) },
    nodes: async () => nodes,
    views: {
      get: async (_, id) => (rows[id] ? { table: 'operation', id, columns: {}, body: rows[id] } : null),
      list: async (_, { where }) =>
        Object.values(rows)
          .filter(body => Reflect.get(body, 'requestId') === where?.request_id)
          .map(body => ({ table: 'operation', id: '', columns: {}, body })),
    },
    async call(kind, id, method, args) {
      asked.push(`${kind}/${id}`)
      const witness = witnesses[id]
      // One that is frozen never answers; its time is over at once here.
      if (!witness) return new Promise(() => queueMicrotask(() => late.at(-1)?.()))
      return witness.answer(method, args)
    },
  })
  return { api, asked }
}

test('the lines of all nodes that run as one log, by time; who does not answer is named', async () => {
  const witnesses = {
    c1: witnessOf('c1', [raw(1, 'info', 'a', { requestId: 'req-1' }), raw(5, 'info', 'd')]),
    g1: witnessOf('g1', [raw(4, 'info', 'c', { requestId: 'req-1' })]),
    h1: witnessOf('h1', [raw(3, 'info', 'b', { requestId: 'req-1' })]),
  }
  const { api, asked } = cluster(witnesses)
  const { lines, upTo, silent } = await api.listLogs({ mentions: ['req-1'] })
  assert.equal(
    lines.map(l => `${l.node} ${l.message}`),
    ['c1 a', 'h1 b', 'g1 c'],
  )
  assert.equal(silent, ['h3'])
  assert.equal(asked.sort(), ['compute/h1', 'compute/h3', 'node/c1', 'node/g1'], 'one that is down is not asked')
  assert.equal(upTo, { c1: { life: 'l1', seq: 2 }, g1: { life: 'l1', seq: 1 }, h1: { life: 'l1', seq: 1 } })
  assert.equal((await api.listLogs({ after: upTo })).lines, [])
  assert.equal(
    (await api.listLogs({ limit: 1 })).lines.map(l => l.message),
    ['d'],
  )
  await rejectsWith('NotFound', api.listLogs({ node: 'h9' }))
  assert.is(checkListLogs({ after: upTo, mentions: ['x'], limit: 5, level: 'info' }), null)
  for (const wrong of [{ after: { n: 1 } }, { limit: 0 }, { mentions: 'x' }, { after: [] }, { node: '' }]) assert.type(checkListLogs(wrong), 'string')
})

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const span = (spanId: string, startMs: number, more: Partial<Span> = {}): Span => ({
  ...{ traceId: TRACE, spanId, parentId: null, name: spanId, kind: 'internal', startMs, endMs: startMs + 1, attributes: {}, error: null },
  ...more,
})

test('a trace by its id, by an operation and by a request; what was not traced says so', async () => {
  const requested = span('s1', 2, { attributes: { 'baton.request_id': 'req-get' } })
  const witnesses = {
    c1: witnessOf('c1', [], 'l1', [span('s2', 3), span('s9', 1, { traceId: 'f'.repeat(32) })]),
    g1: witnessOf('g1', [], 'l1', [requested]),
    h1: witnessOf('h1', [], 'l1', [span('s3', 4), span('s2', 3)]),
  }
  const rows = {
    'i1.1': { requestId: 'req-1', by: { trace: `00-${TRACE}-b7ad6b7169203331-01` } },
    'i1.2': { requestId: 'req-2' },
  }
  const { api } = cluster(witnesses, rows)
  for (const id of [TRACE, 'i1.1', 'req-1', 'req-get']) {
    const { traceId, spans, silent } = await api.getTrace({ id })
    assert.is(traceId, TRACE)
    assert.equal([spans.map(s => s.spanId), silent], [['s1', 's2', 's3'], ['h3']], id)
  }
  for (const id of ['i1.2', 'req-2', 'i9.1', 'req-9', 'a'.repeat(32)]) await rejectsWith('NotFound', api.getTrace({ id }))
  const many = witnessOf(
    'n1',
    [],
    'l1',
    Array.from({ length: 3000 }, (_, i) => span(`s${i}`, i)),
  )
  const answered = (await many.answer('spans', { traceId: TRACE })) as Span[]
  assert.ok(answered.length <= 2000 && answered.at(-1)?.spanId === 's2999', 'the newest, and not more than a message holds')
  await rejectsWith('Unavailable', api.nodeReport({ id: 'h3' }))
  assert.is((await api.nodeReport({ id: 'h1' })).node, 'h1')
})

test('a line is one line, with the ids first, whatever is in it', () => {
  const line = {
    node: 'n1',
    seq: 1,
    at: 1,
    level: 'warn',
    message: 'not\n done',
    fields: { why: 'it broke', operation: 'i1.1', requestId: 'req-1' },
  } as const
  assert.is(logLine(line), '1970-01-01 00:00:00.001 n1 WARN  not\ufffd done  requestId=req-1 operation=i1.1 why="it broke"')
  assert.ok(logLine({ ...line, at: Number.NaN }).startsWith('- n1'))
})

test('an archive is what tar takes for one', () => {
  const files = [
    { path: 'a/one.txt', bytes: Buffer.from('one\n') },
    { path: 'a/b/empty', bytes: Buffer.alloc(0) },
    { path: 'a/block', bytes: Buffer.alloc(1024, 'x') },
  ]
  const input = tarOf(files, 86_400_000)
  const listed = execFileSync('tar', ['--utc', '-tvf', '-'], { input, encoding: 'utf8' })
  assert.equal(
    listed
      .trim()
      .split('\n')
      .map(l => l.split(/\s+/).slice(2).join(' ')),
    ['4 1970-01-02 00:00 a/one.txt', '0 1970-01-02 00:00 a/b/empty', '1024 1970-01-02 00:00 a/block'],
  )
  assert.is(execFileSync('tar', ['-xOf', '-', 'a/one.txt'], { input, encoding: 'utf8' }), 'one\n')
  for (const path of ['', 'x'.repeat(101), 'ü', 'a b']) assert.throws(() => tarOf([{ path, bytes: Buffer.alloc(0) }], 0), RangeError)
})

test.run()
