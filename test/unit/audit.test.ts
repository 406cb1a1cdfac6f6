/** The way of a line of the audit log: from a request, told in batches until it is written, and read and verified by the CLI. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AuditEntry, AuditLine, AuditVerdict } from '../../actors/kernel/audit.ts'
import { AUDIT_BATCH, checkAuditLine } from '../../actors/kernel/audit.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { verdictText } from '../../bin/commands/audit.ts'
import { createAuditTeller } from '../../supervisors/observe/audit-teller.ts'
import { auditRequests } from '../../supervisors/requests/audit-requests.ts'
import { runHere } from '../support/command.ts'
import { createFace, SERVERS, type TestFace } from '../support/http.ts'
import { createTestIdentity } from '../support/identity.ts'
import { simulated } from '../support/simulated.ts'
import { rejectsWith } from './persistence-fixtures.ts'

const test = suite('audit')

test('each request that would change something is a line: who, what, of what, and what became of it', async () => {
  const lines: AuditLine[] = []
  const identity = await createTestIdentity()
  const member = { 'x-auth-token': await identity.member('ann', 'demo', 'member') }
  const face = createFace({}, { identity: { gate: identity.gate, rules: [] }, onDone: line => void lines.push(line) })
  const body = { server: { name: 'vm', flavorRef: 'tiny', imageRef: 'fake', networks: 'none', adminPass: 'hunter2' } }
  const created = await face.ask('POST', SERVERS, body, member)
  const id: string = created.body.server.id
  await face.ask('GET', `${SERVERS}/${id}`, undefined, member)
  await face.ask('POST', `${SERVERS}/${id}/action`, { 'os-stop': null }, member)
  await face.ask('DELETE', `${SERVERS}/${id}`, undefined, { 'x-auth-token': 'nonsense' })
  await face.ask('POST', '/baton/v1/nodes/n1/drain', undefined, member)
  await face.ask('POST', '/nowhere', {}, member)
  await face.ask('POST', `${SERVERS}/${id}/action`, { 'bad name\n': null }, member)
  assert.equal(
    lines.map(l => [l.action, l.target, l.status]),
    [
      ['POST /compute/v2.1/servers', null, 202],
      ['POST /compute/v2.1/servers/:id/action os-stop', id, 409],
      ['DELETE /compute/v2.1/servers/:id', id, 401],
      ['POST /baton/v1/nodes/:id/drain', 'n1', 403],
      ['POST /compute/v2.1/servers/:id/action', id, 403],
    ],
  )
  const [first, , refused] = lines
  assert.ok(first?.user && first.project)
  assert.equal([refused?.user, refused?.project], [null, null], 'nobody is known behind a wrong token')
  assert.is(first.requestId, created.headers['x-openstack-request-id'])
  assert.not.match(JSON.stringify(lines), 'hunter2')
  for (const line of lines) assert.is(checkAuditLine(line), null)
  await face.app.close()
})

const line = (n: number): AuditLine => ({ requestId: `req-${n}`, user: null, project: null, action: 'POST /x', target: null, status: 202 })

test('lines are told in batches, again until they are written, in order; who closes tells the rest', () =>
  simulated(async bench => {
    const told: number[][] = []
    let away = 2
    const teller = createAuditTeller(bench.env, async lines => {
      if (away-- > 0) throw new BatonError('Unavailable', 'no conductor')
      told.push(lines.map(l => Number(l.requestId.slice(4))))
    })
    for (let n = 1; n <= AUDIT_BATCH + 1; n++) teller.tell(line(n))
    await bench.run(60_000)
    assert.equal(
      told.map(batch => [batch[0], batch.length]),
      [
        [1, AUDIT_BATCH],
        [AUDIT_BATCH + 1, 1],
      ],
    )
    teller.tell(line(9001))
    await teller.close()
    assert.equal(told.at(-1), [9001])
  }))

test('what nobody takes is bounded: the oldest lines go, and the log says so', () =>
  simulated(async bench => {
    const written: string[] = []
    const said: string[] = []
    const log = { ...bench.env.log, error: (_: object, message: string) => void said.push(message) }
    let away = true
    const teller = createAuditTeller({ ...bench.env, log }, async lines => {
      if (away) throw new BatonError('Unavailable', 'no conductor')
      written.push(...lines.map(l => l.requestId))
    })
    for (let n = 1; n <= 20_005; n++) teller.tell(line(n))
    assert.equal(said, ['lines of the audit log were lost: no conductor takes them'])
    away = false
    await bench.run(60_000)
    assert.equal([written.length, written[0], written.at(-1)], [20_000, 'req-6', 'req-20005'])
  }))

test('a conductor without an audit log refuses', async () => {
  const api = auditRequests(undefined)
  await rejectsWith('Unavailable', api.appendAudit({ lines: [line(1)] }))
  await rejectsWith('Unavailable', api.verifyAudit({}))
})

const HASH = 'a'.repeat(64)

async function withFace(
  change: (face: TestFace) => void,
  body: (command: (args: string) => ReturnType<typeof runHere>) => Promise<void>,
): Promise<void> {
  const face = createFace()
  change(face)
  await face.app.listen({ host: '127.0.0.1', port: 0 })
  const address = face.app.server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  try {
    await body(args => runHere(args, { BATON_DATA: undefined, BATON_ENDPOINT: `http://127.0.0.1:${port}` }))
  } finally {
    await face.app.close()
  }
}

test('baton audit list shows lines, newest first, as a table and as JSON', async () => {
  const entry: AuditEntry = { ...line(7), user: 'ann', target: 'i1', seq: 7, at: 5, hash: HASH }
  const asked: unknown[] = []
  const listAudit = async (query: object) => {
    asked.push(query)
    return [entry]
  }
  await withFace(
    face => Object.assign(face.fake.api, { listAudit }),
    async baton => {
      const table = await baton('audit list --limit 5 --before 8')
      assert.is(table.code, 0, table.err)
      assert.match(
        table.out,
        /LINE\s+TIME\s+USER\s+PROJECT\s+ACTION\s+TARGET\s+STATUS\s+REQUEST\n7\s+1970-01-01 00:00:00\s+ann\s+-\s+POST \/x\s+i1\s+202\s+req-7/,
      )
      assert.equal(JSON.parse((await baton('audit list --json')).out), [entry])
      assert.equal(asked, [{ limit: 5, before: 8 }, {}])
      const wrong = await baton('audit list --limit none')
      assert.ok(wrong.code !== 0)
      assert.match(wrong.err, 'limit')
    },
  )
})

test('baton audit verify goes on part by part; a tampered line is named, and the exit code is 1', async () => {
  const parts: AuditVerdict[] = [
    { lines: 3, upTo: { seq: 3, hash: HASH }, isEnd: false, broken: null },
    { lines: 2, upTo: { seq: 5, hash: HASH }, isEnd: true, broken: null },
    { lines: 3, upTo: { seq: 3, hash: HASH }, isEnd: false, broken: null },
    { lines: 1, upTo: { seq: 4, hash: HASH }, isEnd: false, broken: { seq: 5, why: 'its hash is not that of what it says' } },
  ]
  const asked: unknown[] = []
  const verifyAudit = async (from: object) => {
    asked.push(from)
    return parts.shift() ?? { lines: 0, upTo: { seq: 0, hash: '' }, isEnd: true, broken: null }
  }
  await withFace(
    face => Object.assign(face.fake.api, { verifyAudit }),
    async baton => {
      const whole = await baton('audit verify')
      assert.is(whole.code, 0, whole.err)
      assert.match(whole.out, `The chain is whole: 5 lines, the newest 5 with hash ${HASH}.`)
      assert.equal(asked, [{}, { after: { seq: 3, hash: HASH } }])
      const broken = await baton('audit verify')
      assert.match(broken.out, 'TAMPERED: line 5: its hash is not that of what it says. The 4 lines before it fit.')
      assert.is(broken.code, 1)
    },
  )
})

test('an empty log is whole', () =>
  assert.is(
    verdictText({ lines: 0, upTo: { seq: 0, hash: '' }, isEnd: true, broken: null }),
    'The chain is whole: 0 lines, the newest 0 with hash (none).',
  ))

test.run()
