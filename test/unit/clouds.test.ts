/** The files by which OpenStack's clients and `baton` find a cluster and its first admin. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { credentialsFor } from '../../bin/client/credentials.ts'
import { prepareCredentials } from '../../supervisors/identity/clouds.ts'
import { shown } from '../support/hooks.ts'

const test = suite('clouds')
const folder = mkdtempSync(join(tmpdir(), 'baton-clouds-'))
const clouds = join(folder, 'clouds.yaml')
test.after(shown(() => rmSync(folder, { recursive: true })))
const HERE = 'http://127.0.0.1:8774'

test('a password is made once, is for nobody else to read, and outlives a change of the address', async () => {
  const made = await prepareCredentials(folder, HERE)
  assert.ok(made.isNew && made.password.length >= 24)
  for (const file of ['clouds.yaml', 'openrc']) assert.is(statSync(join(folder, file)).mode & 0o777, 0o600)
  const again = await prepareCredentials(folder, 'https://127.0.0.1:9000', join(folder, 'ca.pem'))
  assert.equal(again, { password: made.password, isNew: false })
  const { baton } = parse(readFileSync(clouds, 'utf8')).clouds
  assert.equal(
    [baton.auth.auth_url, baton.auth.password, baton.cacert],
    ['https://127.0.0.1:9000/identity/v3', made.password, join(folder, 'ca.pem')],
  )
})

test('a file that is no clouds.yaml any more makes a new password', async () => {
  const { password } = await prepareCredentials(folder, HERE)
  for (const text of ['', 'clouds: 7', '\u0000', 'clouds: {baton: {auth: {password: "it\'s"}}}']) {
    writeFileSync(clouds, text)
    const made = await prepareCredentials(folder, HERE)
    assert.ok(made.isNew && made.password !== password)
  }
})

test('openrc says the same to a shell', async () => {
  const { password } = await prepareCredentials(folder, HERE)
  const script = `. '${join(folder, 'openrc')}' && printf '%s %s %s' "$OS_USERNAME" "$OS_PASSWORD" "$OS_COMPUTE_API_VERSION"`
  assert.is(execFileSync('sh', ['-c', script], { encoding: 'utf8' }), `admin ${password} 2.90`)
})

test('the CLI takes them for the endpoint they are of, and sends a password nowhere else', async () => {
  const { password } = await prepareCredentials(folder, HERE)
  const env = { BATON_DATA: folder }
  assert.match(JSON.stringify(await credentialsFor(HERE, env)), new RegExp(password))
  for (const elsewhere of ['http://127.0.0.1:8775', 'https://127.0.0.1:8774', 'http://10.0.0.1:8774'])
    assert.is(await credentialsFor(elsewhere, env), null)
  const variables = { OS_AUTH_URL: `${HERE}/identity/v3`, OS_USERNAME: 'ann', OS_PASSWORD: 'hers' }
  assert.match(JSON.stringify(await credentialsFor(HERE, { ...env, ...variables })), /hers/)
  assert.equal(await credentialsFor(HERE, { ...env, ...variables, OS_TOKEN: 't' }), { token: 't' })
})

test.run()
