/** The audit log on a real database: appended once, whole, and every way of tampering found. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AuditLine } from '../../actors/kernel/audit.ts'
import { openDatabase } from '../../persistence/database.ts'
import { runSql, startTestServer } from '../support/database.ts'
import { shown } from '../support/hooks.ts'

const line = (n: number): AuditLine => ({
  requestId: `req-${n}`,
  user: 'ann',
  project: 'p1',
  action: 'POST /compute/v2.1/servers/:id/action os-start',
  target: `i'${n} "ü"\n`,
  status: 202,
})
const lines = (from: number, to: number): AuditLine[] => Array.from({ length: to - from + 1 }, (_, i) => line(from + i))

const server = await startTestServer()
const test = suite('audit')

async function withLog(
  body: (log: Awaited<ReturnType<typeof openDatabase>>, sql: (text: string) => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const url = await server.fresh()
  const database = await openDatabase(url, { role: 'test' })
  try {
    await body(database, text => runSql(url, text))
  } finally {
    await database.close()
  }
}

test('what is told twice, and by several at once, is written once and in one chain', () =>
  withLog(async ({ audit }) => {
    assert.equal(await audit.verify({ limit: 10 }), { lines: 0, upTo: { seq: 0, hash: '' }, isEnd: true, broken: null })
    await Promise.all([audit.append(lines(1, 40)), audit.append(lines(21, 60)), audit.append(lines(1, 60))])
    const listed = await audit.list({ limit: 100 })
    assert.equal(
      listed.map(e => e.seq).sort((a, b) => b - a),
      listed.map(e => e.seq),
    )
    assert.is(new Set(listed.map(e => e.requestId)).size, 60)
    assert.is(listed.length, 60)
    const [oldest] = await audit.list({ limit: 1, before: 2 })
    if (!oldest) throw new Error('the first line is not there')
    const { seq, at, hash, ...first } = oldest
    assert.is(seq, 1)
    assert.ok(at > 0 && /^[0-9a-f]{64}$/.test(hash))
    assert.equal(first, line(Number(first.requestId.slice(4))))
    const part = await audit.verify({ limit: 25 })
    assert.equal([part.lines, part.upTo.seq, part.isEnd, part.broken], [25, 25, false, null])
    const rest = await audit.verify({ limit: 100, after: part.upTo })
    assert.equal([rest.lines, rest.upTo.seq, rest.isEnd, rest.broken], [35, 60, true, null])
  }))

const TAMPERED: readonly (readonly [what: string, sql: string, seq: number])[] = [
  ['a changed line', `update audit set line = replace(line, 'ann', 'bob') where seq = 5`, 5],
  ['a changed time', 'update audit set at = at - 1000 where seq = 7', 7],
  ['a changed line with a hash that fits it', `update audit set line = '{"requestId":"req-5"}', hash = encode(sha256('x'), 'hex') where seq = 5`, 5],
  ['a line taken out', 'delete from audit where seq = 4', 5],
  ['the oldest taken out', 'delete from audit where seq = 1', 2],
  ['the newest taken out', 'delete from audit where seq > 8', 9],
  [
    'two lines exchanged',
    'update audit set seq = case seq when 3 then -1 else seq end; update audit set seq = 3 where seq = 4; update audit set seq = 4 where seq = -1',
    3,
  ],
  ['another request id', `update audit set request_id = 'req-x' where seq = 6`, 6],
]

for (const [what, sql, seq] of TAMPERED) {
  test(`found: ${what}`, () =>
    withLog(async ({ audit }, run) => {
      await audit.append(lines(1, 10))
      assert.is((await audit.verify({ limit: 100 })).broken, null)
      await run(sql)
      assert.is((await audit.verify({ limit: 100 })).broken?.seq, seq)
    }))
}

test('retention takes the oldest, and the chain goes on from there', () =>
  withLog(async ({ audit, trimAudit }, run) => {
    await audit.append(lines(1, 10))
    assert.is(await trimAudit(60_000), 0)
    await run('update audit set at = at - 1000')
    assert.is(await trimAudit(0), 10)
    await audit.append(lines(11, 13))
    const verdict = await audit.verify({ limit: 100 })
    assert.equal([verdict.lines, verdict.upTo.seq, verdict.broken], [3, 13, null])
  }))

test.after(shown(() => server.close()))
test.run()
