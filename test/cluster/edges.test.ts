/**
 * A cluster as `baton up` makes it for somebody who says nothing about security, and with a certificate: only who has a token gets in, the CLI
 * finds what it needs by itself, no secret lies about, the certificate is renewed without a restart, and a gateway that ends says so first.
 */
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { certificate, shownAt } from '../support/certificate.ts'
import { ask, baton, newFolder, SERVERS, startCluster, type TestCluster, telling, until } from '../support/cluster.ts'
import { runSql } from '../support/database.ts'
import { signal } from '../support/kill.ts'
import { adminOf } from '../support/login.ts'

const test = suite('edges')
const DRAIN_DELAY_MS = 1500

test('secure by default, and to its end', async () => {
  const folder = await newFolder()
  try {
    const { cert, key } = certificate(folder, 'first')
    setDefaultCACertificates([...getCACertificates('default'), await readFile(cert, 'utf8')])
    const tls = { BATON_HTTP_TLS_CERT_FILE: cert, BATON_HTTP_TLS_KEY_FILE: key, BATON_HTTP_TLS_CA_FILE: cert }
    const cluster = await startCluster({
      folder: join(folder, 'data'),
      args: ['--conductors', '1', '--computes', '1'],
      env: { ...tls, BATON_AUTH_MODE: undefined, BATON_HTTP_DRAIN_DELAY_MS: String(DRAIN_DELAY_MS), BATON_LOG_LEVEL: 'debug' },
    })
    try {
      await telling(cluster, async () => {
        const secrets = await letIn(cluster)
        await nowhere(cluster, secrets)
        await renewed(cluster, folder)
        await drained(cluster)
      })
    } finally {
      await cluster.stop()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

/** Answers with every secret that was used. */
async function letIn({ folder, endpoint }: TestCluster): Promise<Record<string, string>> {
  assert.match(endpoint, /^https:/)
  assert.is((await ask(`${endpoint}${SERVERS}`)).status, 401)
  for (const file of ['clouds.yaml', 'openrc']) assert.is((await stat(join(folder, file))).mode & 0o777, 0o600, file)
  const made = await baton(['instance', 'create', 'first', '--flavor', 'tiny', '--wait', '--data', folder])
  assert.match(made.stdout, /first .*ACTIVE/, made.stderr)

  const admin = await adminOf(folder)
  const headers = { 'x-auth-token': admin.token }
  const identity = `${endpoint}/identity/v3`
  const password = 'a-password-of-ann-74656'
  const user = { name: 'ann', password, default_project_id: 'default' }
  const { id } = (await ask(`${identity}/users`, 'POST', { user }, headers)).body.user
  assert.is((await ask(`${identity}/projects/default/users/${id}/roles/member`, 'PUT', undefined, headers)).status, 204)
  const wrong = 'a-wrong-password-90125'
  const login = (text: string) =>
    ask(`${identity}/auth/tokens`, 'POST', {
      auth: {
        identity: { methods: ['password'], password: { user: { id, password: text } } },
        scope: { project: { id: 'default' } },
      },
    })
  assert.is((await login(wrong)).status, 401)
  const ann = (await login(password)).headers.get('x-subject-token') ?? ''
  const path = `${identity}/users/${id}/application_credentials`
  const credential = (await ask(path, 'POST', { application_credential: { name: 'ci' } }, { 'x-auth-token': ann })).body.application_credential
  assert.is((await ask(`${endpoint}${SERVERS}`, 'GET', undefined, { 'x-auth-token': ann })).status, 200)
  assert.is((await ask(`${endpoint}${SERVERS}`, 'GET', undefined, { 'x-auth-token': `${ann.slice(0, -2)}zz` })).status, 401)
  return { 'the password of admin': admin.password, 'a token of admin': admin.token, password, wrong, 'a token': ann, credential: credential.secret }
}

/** No secret is in a log, in any table, or in the process list; and the database's only where conductors need it. */
async function nowhere({ folder, up, databaseUrl }: TestCluster, secrets: Record<string, string>): Promise<void> {
  const logs = await readdir(join(folder, 'logs'))
  const texts = new Map([['the output of up', up.output()]])
  for (const file of logs) texts.set(file, await readFile(join(folder, 'logs', file), 'utf8'))
  for (const pid of (await readdir('/proc')).filter(name => /^\d+$/.test(name)))
    texts.set(`the command line of ${pid}`, await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''))
  assert.ok((texts.get('gateway-1.log')?.length ?? 0) > 0)
  const tables = await runSql<{ name: string }>(
    databaseUrl(),
    "select quote_ident(table_name) as name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'",
  )
  assert.ok(tables.some(({ name }) => name === 'event'))
  for (const [what, secret] of Object.entries(secrets)) {
    assert.ok(secret.length > 8, what)
    for (const [where, text] of texts) assert.not(text.includes(secret), `${what} is in ${where}`)
    for (const { name } of tables) {
      const [found] = await runSql<{ rows: string }>(databaseUrl(), `select count(*) as rows from ${name} t where strpos(t::text, $1) > 0`, [secret])
      assert.is(Number(found?.rows), 0, `${what} is in the table ${name}`)
    }
  }
}

async function renewed(cluster: TestCluster, folder: string): Promise<void> {
  const port = Number(new URL(cluster.endpoint).port)
  const [before] = cluster.processes('gateway')
  assert.is(await shownAt(port), 'first')
  const next = certificate(folder, 'second')
  setDefaultCACertificates([...getCACertificates('default'), await readFile(next.cert, 'utf8')])
  await rename(next.cert, join(folder, 'first.pem'))
  await rename(next.key, join(folder, 'first.key'))
  await until('the new certificate', 15_000, async () => (await shownAt(port)) === 'second')
  assert.is(cluster.processes('gateway')[0]?.pid, before?.pid)
}

async function drained({ endpoint, folder, up, processes }: TestCluster): Promise<void> {
  const [gateway] = processes('gateway')
  assert.is((await ask(`${endpoint}/readyz`)).status, 200)
  signal(gateway?.pid ?? 0, 'SIGTERM')
  const ready = await until('a gateway that says it ends', DRAIN_DELAY_MS, async () => {
    const answer = await ask(`${endpoint}/readyz`)
    return answer.status === 503 && answer
  })
  assert.match(ready.text, /shutting down/)
  const alive = await ask(`${endpoint}/healthz`)
  assert.equal([alive.status, alive.headers.get('connection')], [200, 'close'], 'whoever has not seen it yet is still answered')
  await up.said(/gateway-1 +ended \(code 0\)/, 15_000)
  await up.said(/gateway-1 +is back/, 30_000)
  const listed = await baton(['instance', 'list', '--data', folder])
  assert.match(listed.stdout, /first .*ACTIVE/, listed.stderr)
}

test.run()
