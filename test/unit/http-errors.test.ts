/** What goes wrong, and what a client gets to see of it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BatonError, ERRORS, type ErrorCode } from '../../actors/kernel/errors.ts'
import { problemOf } from '../../transport/http/requests/errors.ts'
import { createFace, SERVERS, tiny } from '../support/http.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

test('a plain Error of the api is a 500 that names the request, and nothing of the inside', async () => {
  const { ask, fake, lines } = createFace()
  for (const error of [new Error('secret at /home/x.ts:1'), new BatonError('Internal', 'secret state'), 'secret text', undefined]) {
    fake.fail('listInstances', error)
    const answer = await ask('GET', SERVERS)
    assert.is(answer.status, 500)
    const { code, message } = answer.body.computeFault
    assert.is(code, 500)
    assert.match(message, answer.headers['x-openstack-request-id'] ?? 'no id')
    assert.not.match(answer.text, /secret|\.ts|at |stack/)
    const line = lines.at(-1)
    assert.equal(line?.level, 'error')
    assert.equal(line?.fields, { requestId: answer.headers['x-openstack-request-id'], method: 'GET', path: SERVERS, error })
  }
})

test('an api that throws at once is like one that rejects', async () => {
  const { ask, fake } = createFace()
  fake.api.getFlavor = () => {
    throw new BatonError('Overloaded', 'full', { retryAfterMs: 2_500 })
  }
  const answer = await ask('GET', '/compute/v2.1/flavors/tiny')
  assert.equal([answer.status, answer.headers['retry-after']], [503, '3'])
})

test("every code of the error table has an answer in Nova's shape", async () => {
  const { ask, fake } = createFace()
  const names: Record<number, string> = {
    400: 'badRequest',
    401: 'unauthorized',
    403: 'forbidden',
    404: 'itemNotFound',
    409: 'conflictingRequest',
    413: 'overLimit',
    429: 'overLimit',
    500: 'computeFault',
    501: 'notImplemented',
    503: 'serviceUnavailable',
  }
  const elsewhere: Partial<Record<ErrorCode, number>> = { UnknownMethod: 503, VersionMismatch: 503 }
  const codes = Object.entries(ERRORS)
    .map(([name]) => name)
    .filter((name): name is ErrorCode => name in ERRORS)
  assert.ok(codes.length > 20)
  for (const code of codes) {
    fake.fail('status', new BatonError(code, 'a message', { retryAfterMs: 10 }))
    const answer = await ask('GET', '/baton/v1/status')
    const status = elsewhere[code] ?? ERRORS[code].http
    assert.is(answer.status, status, code)
    assert.is(answer.body[names[status] ?? '']?.code, status, code)
    assert.is(answer.headers['x-baton-error'], code)
    assert.is(answer.headers['retry-after'], status === 503 || status === 429 ? '1' : undefined, code)
    assert.equal(Object.keys(answer.body).length, 1)
  }
})

test('faults of the database keep their details in the log', async () => {
  const { ask, fake, lines } = createFace()
  fake.fail('listFlavors', new BatonError('Database', 'password authentication failed for user baton'))
  const answer = await ask('GET', '/compute/v2.1/flavors')
  assert.is(answer.status, 503)
  assert.not.match(answer.text, 'password')
  assert.is(lines.at(-1)?.level, 'warn')
})

test('Retry-After is in whole seconds, rounded up, at least 1', () => {
  const of = (retryAfterMs?: number) => problemOf(new BatonError('Unavailable', 'x', { retryAfterMs }), 'req-1').headers['retry-after']
  assert.equal([of(), of(0), of(1), of(1_000), of(1_001), of(30_000)], ['1', '1', '1', '1', '2', '30'])
})

test('a cluster that does not answer is a 503 in time, for every way into it', async () => {
  const { ask, fake } = createFace({ apiTimeoutMs: 30 })
  const id = '00000000-0000-4000-8000-000000000000'
  fake.hang('getInstance')
  fake.hang('listInstances')
  fake.hang('actOnInstance')
  fake.hang('listNodes')
  fake.hang('getOperation')
  const began = performance.now()
  const answers = await Promise.all([
    ask('GET', `${SERVERS}/${id}`),
    ask('GET', SERVERS),
    ask('POST', `${SERVERS}/${id}/action`, { 'os-start': null }),
    ask('GET', '/compute/v2.1/os-services'),
    ask('GET', `/baton/v1/operations/${id}.1/watch`),
  ])
  assert.ok(performance.now() - began < 2_000)
  for (const { status, headers, body } of answers) {
    assert.equal([status, headers['retry-after'], headers['x-baton-error']], [503, '1', 'DeadlineExceeded'])
    assert.match(body.serviceUnavailable.message, 'did not answer')
  }
  assert.is((await ask('GET', '/healthz')).status, 200)
})

test('broken bodies', async () => {
  const { ask, fake } = createFace()
  const post = (text: string, headers: Record<string, string> = JSON_TYPE) => ask('POST', SERVERS, text, headers)
  for (const text of ['{', '{"server":', 'null', '[]', '7', '""', '', '\u0000', '{"server":{}}', '{"__proto__":{"a":1}}', '['.repeat(100_000)]) {
    const answer = await post(text)
    assert.is(answer.status, 400, text.slice(0, 20))
    assert.is(answer.body.badRequest.code, 400)
    assert.not.match(answer.text, /FST_|ajv|position/)
  }
  assert.is((await ask('POST', SERVERS)).status, 400)
  for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'nonsense']) {
    const answer = await post(JSON.stringify(tiny()), { 'content-type': type })
    assert.is(answer.status, 415, type)
    assert.is(answer.body.badMediaType.code, 415)
  }
  const large = await post(JSON.stringify(tiny({ name: 'x'.repeat(2 * 1024 * 1024) })))
  assert.is(large.status, 413)
  assert.is(large.body.overLimit.code, 413)
  assert.equal(fake.calls, [])
  assert.is((await post(JSON.stringify(tiny()), { 'content-type': 'application/json; charset=utf-8' })).status, 202)
})

test('unknown paths are 404, unknown methods 405 with what is allowed', async () => {
  const { ask } = createFace()
  for (const path of ['/nope', '/compute/v2.1/nope', '/compute/v3', '/baton', `${SERVERS}/a/b/c`, `/${'x'.repeat(700)}`]) {
    const answer = await ask('GET', path)
    assert.is(answer.status, 404, path)
    assert.is(answer.body.itemNotFound.code, 404)
  }
  const cases = [
    ['PUT', SERVERS, 'GET, HEAD, POST'],
    ['DELETE', '/', 'GET, HEAD'],
    ['GET', `${SERVERS}/x/action`, 'POST'],
    ['POST', '/healthz/', 'GET, HEAD'],
  ] as const
  for (const [method, path, allow] of cases) {
    const answer = await ask(method, path)
    assert.is(answer.status, 405, path)
    assert.is(answer.headers.allow, allow)
    assert.is(answer.body.badMethod.code, 405)
  }
  for (const path of ['/%zz', '/compute/%c0%af']) assert.is((await ask('GET', path)).status, 400, path)
  const long = await ask('GET', `/?${'x'.repeat(9_000)}`)
  assert.is(long.status, 414)
})

test('requests of other web sites are refused, reads and our own are not', async () => {
  const { ask } = createFace()
  for (const origin of ['http://evil.test', 'null', 'http://cloud.test']) {
    assert.is((await ask('POST', '/baton/v1/nodes/n1/drain', undefined, { origin })).status, 403, origin)
  }
  assert.is((await ask('POST', '/baton/v1/nodes/n1/drain', undefined, { origin: 'http://cloud.test:8774' })).status, 202)
  assert.is((await ask('GET', SERVERS, undefined, { origin: 'http://evil.test' })).status, 200)
})

test('more requests than the limit at once get 503, and room comes back', async () => {
  const { ask, fake } = createFace({ maxInFlight: 2, apiTimeoutMs: 50 })
  fake.hang('listNodes')
  const answers = await Promise.all([1, 2, 3].map(() => ask('GET', '/baton/v1/nodes')))
  assert.equal(answers.map(({ headers }) => headers['x-baton-error']).sort(), ['DeadlineExceeded', 'DeadlineExceeded', 'Overloaded'])
  fake.heal('listNodes')
  assert.is((await ask('GET', '/baton/v1/nodes')).status, 200)
})

test('a Host header that is none does not get into links', async () => {
  const { ask } = createFace()
  const { body } = await ask('GET', '/compute', undefined, { host: 'evil.test/"><script>' })
  assert.not.match(JSON.stringify(body), 'evil')
})

test.run()
