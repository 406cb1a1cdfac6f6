/** The edges of the HTTP face: rates, other web sites, certificates, balancers, and how a node that ends says so. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLogger } from '../../actors/kernel/env.ts'
import { addressKey, createRateLimit, NO_RATE_LIMITS } from '../../transport/http/requests/rate-limits.ts'
import { readPair, type TlsServer, watchPair } from '../../transport/http/tls.ts'
import { certificate, shownAt } from '../support/certificate.ts'
import { shown } from '../support/hooks.ts'
import { createFace, FLAVORS, SERVERS, type TestFace, tiny } from '../support/http.ts'
import { ADMIN_PASSWORD, createTestIdentity } from '../support/identity.ts'
import { listen, within } from '../support/socket.ts'

const test = suite('http-edges')
const folder = mkdtempSync(join(tmpdir(), 'baton-edges-'))
test.after(shown(() => rmSync(folder, { recursive: true })))

test('a bucket gives its burst at once, then its rate, and what is refused costs nothing', () => {
  let now = 0
  const { take } = createRateLimit({ perSecond: 10, burstMs: 500, nowMs: () => now })
  assert.equal(
    Array.from({ length: 7 }, () => take('a')),
    [0, 0, 0, 0, 0, 100, 100],
  )
  assert.is(take('b'), 0, 'another key has a bucket of its own')
  now += 40
  assert.is(Math.round(take('a')), 60)
  now += 60
  assert.equal([take('a'), Math.round(take('a'))], [0, 100])
  now += 3_600_000
  assert.is(Array.from({ length: 20 }, () => take('a')).filter(wait => wait === 0).length, 5, 'a long silence saves no more than the burst')
})

test('whatever comes when, no more passes than the burst and the rate allow, and who waits as told is let through', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 200 })
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 2000 }), (waits, perSecond, burstMs) => {
      let now = 0
      const { take } = createRateLimit({ perSecond, burstMs, nowMs: () => now })
      let passed = 0
      for (const wait of waits) {
        now += wait
        const waitMs = take('a')
        if (waitMs === 0) passed++
        assert.ok(passed <= Math.max(1, (burstMs * perSecond) / 1000) + (now * perSecond) / 1000 + 1e-6)
        if (waitMs === 0) continue
        now += waitMs
        assert.is(take('a'), 0)
        passed++
      }
    }),
  )
})

test('the memory for rates is bounded; the longest unused goes first, and being refused is use', () => {
  const { take } = createRateLimit({ perSecond: 1, burstMs: 0, keysMax: 2, nowMs: () => 0 })
  assert.equal([take('a'), take('b'), take('a') > 0, take('c')], [0, 0, true, 0])
  assert.equal([take('a') > 0, take('b')], [true, 0], 'b was forgotten, a was not')
})

test('the addresses of one IPv6 network are one', () => {
  const keys = ['10.0.0.1', '::1', '2001:db8::1', '2001:db8:0:0:1:2:3:4', '2001:db8:1:2:3:4:5:6', '::ffff:10.0.0.1']
  assert.equal(keys.map(addressKey), ['10.0.0.1', '0:0:0:0::/64', '2001:db8:0:0::/64', '2001:db8:0:0::/64', '2001:db8:1:2::/64', '::ffff:10.0.0.1'])
})

const statuses = async (face: TestFace, count: number, headers: Record<string, string> = {}) => {
  const answers = []
  for (let i = 0; i < count; i++) answers.push(await face.ask('GET', FLAVORS, undefined, headers))
  return answers
}

test('over its rate an address gets 429 with overLimit and Retry-After; health is never refused', async () => {
  const face = createFace({}, { rates: { ...NO_RATE_LIMITS, perAddress: 0.01, burstMs: 200_000 } })
  const [first, second, third] = await statuses(face, 3)
  assert.equal([first?.status, second?.status, third?.status], [200, 200, 429])
  const { code, message, retryAfter } = third?.body.overLimit ?? {}
  assert.equal([code, retryAfter, third?.headers['retry-after'], third?.headers['x-baton-error']], [429, retryAfter, retryAfter, 'TooManyRequests'])
  assert.ok(Number(retryAfter) > 90 && Number(retryAfter) <= 100)
  assert.match(message, /one address may send 0\.01 requests a second/)
  assert.is((await face.ask('POST', SERVERS, tiny())).status, 429)
  assert.equal(
    face.fake.calls.filter(call => JSON.stringify(call).includes('createInstances')),
    [],
  )
  for (const path of ['/healthz', '/readyz', '/metrics']) assert.is((await face.ask('GET', path)).status, 200)
})

test('tokens have their own rates, and those of a project share one', async () => {
  const identity = await createTestIdentity()
  const tokens = { ann: await identity.member('ann', 'demo', 'member'), ben: await identity.member('ben', 'demo', 'member') }
  const admin = await identity.token('admin', ADMIN_PASSWORD)
  const gate = { identity: { gate: identity.gate, rules: [] } }
  const slow = 0.001
  const perToken = createFace({}, { ...gate, rates: { ...NO_RATE_LIMITS, perToken: slow, burstMs: 2 / (slow / 1000) } })
  const by = (token: string) => ({ 'x-auth-token': token })
  const codes = async (face: TestFace, token: string, count: number) => (await statuses(face, count, by(token))).map(({ status }) => status)
  assert.equal(await codes(perToken, tokens.ann, 3), [200, 200, 429])
  assert.equal(await codes(perToken, tokens.ben, 1), [200])
  assert.equal(await codes(perToken, 'nonsense', 4), [401, 401, 401, 401], 'what is no token has no bucket')
  const perProject = createFace({}, { ...gate, rates: { ...NO_RATE_LIMITS, perProject: slow, burstMs: 2 / (slow / 1000) } })
  assert.equal([...(await codes(perProject, tokens.ann, 1)), ...(await codes(perProject, tokens.ben, 2))], [200, 200, 429])
  assert.equal(await codes(perProject, admin, 2), [200, 200], 'another project')
  const wrong = await perProject.ask('GET', '/identity/v3/auth/tokens', undefined, by(tokens.ann))
  assert.equal([wrong.status, wrong.body.error.title], [429, 'Too Many Requests'], 'in the shape of Keystone there')
})

const CONSOLE = 'https://console.example.org'

test('the console of another origin may ask; no other site gets a header, or may change anything', async () => {
  const face = createFace({}, { consoleOrigin: CONSOLE })
  const preflight = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-auth-token' }
  const asked = await face.ask('OPTIONS', SERVERS, undefined, { origin: CONSOLE, ...preflight })
  assert.equal([asked.status, asked.headers['access-control-allow-origin'], asked.headers.vary], [204, CONSOLE, 'Origin'])
  assert.match(asked.headers['access-control-allow-headers'] ?? '', /X-Auth-Token/)
  assert.match(asked.headers['access-control-allow-methods'] ?? '', /DELETE/)
  const made = await face.ask('POST', SERVERS, tiny(), { origin: CONSOLE })
  assert.equal([made.status, made.headers['access-control-allow-origin']], [202, CONSOLE])
  assert.match(made.headers.vary ?? '', /^OpenStack-API-Version, .*, Origin$/)
  const missing = await face.ask('GET', '/nope', undefined, { origin: CONSOLE })
  assert.equal([missing.status, missing.headers['access-control-allow-origin']], [404, CONSOLE], 'errors can be read, too')
  for (const origin of ['https://evil.example.org', 'http://console.example.org', 'https://console.example.org.evil.example', 'null']) {
    const read = await face.ask('GET', FLAVORS, undefined, { origin })
    const changed = await face.ask('POST', SERVERS, tiny(), { origin })
    const offered = await face.ask('OPTIONS', SERVERS, undefined, { origin, ...preflight })
    assert.equal([read.status, changed.status, offered.status], [200, 403, 403], origin)
    for (const answer of [read, changed, offered]) assert.not('access-control-allow-origin' in answer.headers)
  }
  assert.is((await face.ask('POST', SERVERS, tiny(), { origin: 'http://cloud.test:8774' })).status, 202, 'its own pages')
})

test('without a console elsewhere nobody is told anything about origins', async () => {
  const { headers, status } = await createFace().ask('GET', FLAVORS, undefined, { origin: CONSOLE })
  assert.equal([status, 'access-control-allow-origin' in headers, /Origin/.test(headers.vary ?? '')], [200, false, false])
})

test('what a balancer says of the client is believed of those that are trusted, and of nobody else', async () => {
  const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'cloud.example.org', 'x-forwarded-for': '192.0.2.7' }
  const link = async (face: TestFace) => (await face.ask('GET', '/', undefined, forwarded)).body.versions[0].links[0].href
  assert.is(await link(createFace()), 'http://cloud.test:8774/compute/v2.1/')
  assert.is(await link(createFace({}, { trustedProxies: ['10.0.0.0/8'] })), 'http://cloud.test:8774/compute/v2.1/')
  assert.is(await link(createFace({}, { trustedProxies: ['127.0.0.0/8'] })), 'https://cloud.example.org/compute/v2.1/')
  const rates = { ...NO_RATE_LIMITS, perAddress: 0.001, burstMs: 0 }
  const limited = createFace({}, { trustedProxies: ['127.0.0.1'], rates })
  const from = async (address: string) => (await limited.ask('GET', FLAVORS, undefined, { 'x-forwarded-for': address })).status
  assert.equal([await from('192.0.2.1'), await from('192.0.2.2'), await from('192.0.2.1')], [200, 200, 429])
})

test('a node that is about to end is not ready, still answers, and ends the connection of each answer', async () => {
  const face = createFace()
  face.readiness = { ready: false, reasons: ['this node is shutting down'], leaving: true }
  const [ready, alive, served] = [await face.ask('GET', '/readyz'), await face.ask('GET', '/healthz'), await face.ask('GET', FLAVORS)]
  assert.equal([ready.status, alive.status, served.status], [503, 200, 200])
  assert.is(served.headers.connection, 'close')
})

const get = (port: number, ca: string): Promise<{ status: number; text: string }> =>
  new Promise((resolve, reject) => {
    const call = request({ port, host: '127.0.0.1', path: '/', ca, agent: false }, reply => {
      let text = ''
      reply.setEncoding('utf8').on('data', part => {
        text += part
      })
      reply.once('end', () => resolve({ status: reply.statusCode ?? 0, text }))
    })
    call.once('error', reject).end()
  })

test('TLS: links say https, versions before 1.2 are refused, another certificate is taken without a restart', async () => {
  const files = certificate(folder, 'first')
  const pair = readPair(files)
  const face = createFace({}, { tls: pair })
  const port = await listen(face.app)
  const said: object[] = []
  const log = { ...silentLogger, warn: (fields: object) => void said.push(fields) }
  const watch = watchPair(tlsOf(face), files, log)
  try {
    const answer = await get(port, pair.cert)
    assert.is(answer.status, 200)
    assert.match(answer.text, /"href":"https:\/\/127\.0\.0\.1:\d+\/compute/)
    assert.is(await shownAt(port), 'first')
    assert.ok(Math.abs(watch.endsAt() - Date.now() - 2 * 86_400_000) < 60_000, 'when it ends is known, for the alert')
    const old = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })
    const refusal = await within(5_000, 'a refusal', new Promise<Error>(resolve => void old.once('error', resolve)))
    assert.match(String(refusal), /protocol|version|alert/i)

    const second = certificate(folder, 'second')
    renameSync(second.cert, files.cert)
    assert.is(watch.reload(), false, 'a certificate without its key')
    assert.match(JSON.stringify(said), /no certificate with its key/)
    assert.is(await shownAt(port), 'first')
    renameSync(second.key, files.key)
    assert.is(watch.reload(), true)
    assert.is(await shownAt(port), 'second')
    writeFileSync(files.cert, 'nonsense')
    assert.is(watch.reload(), false)
    rmSync(files.cert)
    assert.is(watch.reload(), false)
    assert.is(await shownAt(port), 'second')
  } finally {
    watch.close()
    await face.app.close()
  }
})

test('a change of the files is seen without being told', async () => {
  const files = certificate(folder, 'seen')
  const taken = Promise.withResolvers<void>()
  const watch = watchPair({ setSecureContext: () => taken.resolve() }, files, silentLogger, 20)
  try {
    const next = certificate(folder, 'next')
    renameSync(next.cert, files.cert)
    renameSync(next.key, files.key)
    await within(5_000, 'the new certificate', taken.promise)
  } finally {
    watch.close()
  }
})

test('a start with files that are no pair is refused by name', () => {
  const one = certificate(folder, 'one')
  const two = certificate(folder, 'two')
  assert.throws(() => readPair({ cert: one.cert, key: two.key }), /one\.pem and .*two\.key are no certificate with its key/)
  assert.throws(() => readPair({ cert: join(folder, 'none.pem'), key: two.key }), /none\.pem cannot be read: ENOENT/)
})

function tlsOf({ app: { server } }: TestFace): TlsServer {
  const isTls = (value: object): value is TlsServer => 'setSecureContext' in value
  if (!isTls(server)) throw new Error('the face speaks no TLS')
  return server
}

test.run()
