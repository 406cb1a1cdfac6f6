/** Key pairs at Nova's paths: generated, imported, refused; ssh and x509; and what versions make of them. */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createFace, SERVERS, tiny } from '../support/http.ts'

const KEYS = '/compute/v2.1/os-keypairs'
const at = (minor: number) => ({ 'openstack-api-version': `compute 2.${minor}` })

/** RFC 8709's kind of key, of all zeros but for its frame; the fingerprint is ssh-keygen's. */
const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA someone@somewhere'

test('a generated ssh pair: the private half fits the public one and is shown once', async () => {
  const { ask } = createFace()
  const made = await ask('POST', KEYS, { keypair: { name: 'my key' } }, at(2))
  assert.is(made.status, 201)
  const { private_key: privateKey, public_key: line, fingerprint, type, user_id } = made.body.keypair
  assert.equal([type, user_id], ['ssh', 'default'])
  assert.match(fingerprint, /^([0-9a-f]{2}:){15}[0-9a-f]{2}$/)
  assert.match(privateKey, /^-----BEGIN RSA PRIVATE KEY-----/)
  const blob = Buffer.from(line.split(' ')[1], 'base64')
  const { n = '' } = createPublicKey(createPrivateKey(privateKey)).export({ format: 'jwk' })
  assert.ok(blob.includes(Buffer.from(n, 'base64url')), 'the modulus is in the line')
  const shown = await ask('GET', `${KEYS}/my%20key`, undefined, at(2))
  assert.is(shown.status, 200)
  assert.not.ok('private_key' in shown.body.keypair)
  assert.is(shown.body.keypair.public_key, line)
  assert.is((await ask('POST', KEYS, { keypair: { name: 'my key' } })).status, 409)
})

test('an x509 pair: a certificate signed by its own key, for the user', async () => {
  const { ask } = createFace()
  const made = await ask('POST', KEYS, { keypair: { name: 'w', type: 'x509' } }, at(10))
  assert.is(made.status, 201)
  const certificate = new X509Certificate(made.body.keypair.public_key)
  assert.is(certificate.subject, 'CN=default')
  assert.match(certificate.subjectAltName ?? '', /default@localhost/)
  assert.ok(certificate.verify(certificate.publicKey))
  assert.ok(certificate.checkPrivateKey(createPrivateKey(made.body.keypair.private_key)))
  assert.equal(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2'])
  assert.is(made.body.keypair.fingerprint, certificate.fingerprint.toLowerCase())
  const again = await ask('POST', KEYS, { keypair: { name: 'w2', type: 'x509', public_key: made.body.keypair.public_key } }, at(10))
  assert.equal([again.status, again.body.keypair.fingerprint], [201, made.body.keypair.fingerprint])
})

test('imported keys keep their text; what is no key is 400 and makes nothing', async () => {
  const { ask } = createFace()
  const made = await ask('POST', KEYS, { keypair: { name: 'k', public_key: ED25519 } })
  assert.equal([made.status, made.body.keypair.public_key, 'private_key' in made.body.keypair], [200, ED25519, false])
  const bad: [object, RegExp][] = [
    [{ name: 'b', public_key: 'ssh-rsa AAAAC3NzaC1lZDI1NTE5' }, /not those of an ssh-rsa key/],
    [{ name: 'b', public_key: 'not a key' }, /Keypair data is invalid/],
    [{ name: 'b', public_key: '' }, /keypair\.public_key/],
    [{ name: 'b', public_key: 'x'.repeat(20_000) }, /keypair\.public_key/],
    [{ name: ' b' }, /keypair\.name/],
    [{ name: 'b/c' }, /keypair\.name/],
    [{ name: '\u0000' }, /keypair\.name/],
    [{}, /keypair\.name is missing/],
    [{ name: 'b', type: 'ssh' }, /needs microversion 2\.2/],
    [{ name: 'b', user_id: 'u' }, /needs microversion 2\.10/],
    [{ name: 'b', more: 1 }, /keypair\.more/],
  ]
  for (const [keypair, message] of bad) {
    const answer = await ask('POST', KEYS, { keypair })
    assert.is(answer.status, 400, JSON.stringify(keypair))
    assert.match(answer.body.badRequest.message, message)
  }
  const x509 = await ask('POST', KEYS, { keypair: { name: 'b', type: 'x509', public_key: ED25519 } }, at(2))
  assert.match(x509.body.badRequest.message, /certificate in PEM/)
  assert.is((await ask('GET', KEYS)).body.keypairs.length, 1)
})

test('by version: type since 2.2, the codes of create and delete, users since 2.10, pages since 2.35', async () => {
  const { ask } = createFace()
  for (const name of ['c', 'a', 'b']) await ask('POST', KEYS, { keypair: { name, public_key: ED25519 } })
  const names = (answer: { body: { keypairs: { keypair: { name: string } }[] } }) => answer.body.keypairs.map(({ keypair }) => keypair.name)
  assert.not.ok('type' in (await ask('GET', KEYS)).body.keypairs[0].keypair)
  assert.is((await ask('GET', KEYS, undefined, at(2))).body.keypairs[0].keypair.type, 'ssh')
  assert.equal(names(await ask('GET', `${KEYS}?limit=1`, undefined, at(34))), ['a', 'b', 'c'])
  const page = await ask('GET', `${KEYS}?limit=1&marker=a`, undefined, at(35))
  assert.equal(names(page), ['b'])
  assert.match(page.body.keypairs_links[0].href, /marker=b/)
  assert.is((await ask('GET', `${KEYS}?marker=x`, undefined, at(35))).status, 400)
  const others = await ask('POST', KEYS, { keypair: { name: 'a', user_id: 'other', public_key: ED25519 } }, at(10))
  assert.equal([others.status, others.body.keypair.user_id], [201, 'other'])
  assert.equal(names(await ask('GET', `${KEYS}?user_id=other`, undefined, at(10))), ['a'])
  assert.is((await ask('GET', `${KEYS}?user_id=other`)).body.keypairs.length, 3, 'ignored before 2.10')
  assert.is((await ask('GET', `${KEYS}?nonsense=1`, undefined, at(74))).status, 200)
  assert.is((await ask('GET', `${KEYS}?nonsense=1`, undefined, at(75))).status, 400)
  assert.is((await ask('DELETE', `${KEYS}/a`)).status, 202)
  assert.is((await ask('DELETE', `${KEYS}/b`, undefined, at(2))).status, 204)
  assert.is((await ask('DELETE', `${KEYS}/b`)).status, 404)
})

test('a server shows the key it was created with, also when the key is gone', async () => {
  const { ask, newServer } = createFace()
  await ask('POST', KEYS, { keypair: { name: 'k', public_key: ED25519 } })
  const id = await newServer({ key_name: 'k' })
  await ask('DELETE', `${KEYS}/k`)
  assert.is((await ask('GET', `${SERVERS}/${id}`)).body.server.key_name, 'k')
  const unknown = await ask('POST', SERVERS, tiny({ key_name: 'k' }))
  assert.equal([unknown.status, /key pair k/.test(unknown.body.badRequest.message)], [400, true])
})

test.run()
