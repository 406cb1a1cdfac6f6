/** Keys: read those that people bring, make those they ask for. A private half that is made here is in one answer and nowhere else. */
import { createHash, generateKeyPair, type KeyObject, randomBytes, X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'
import type { KeyPairBody } from '../../../actors/api.ts'
import { badRequest } from '../requests/errors.ts'
import { pemOf, selfSigned } from './x509.ts'

export type KeyType = KeyPairBody['type']
export type PublicHalf = Pick<KeyPairBody, 'type' | 'publicKey' | 'fingerprint'>

const RSA_BITS = 2048
const colons = (hex: string): string => hex.match(/../g)?.join(':') ?? ''

/** The algorithms of OpenSSH, as the first word of a line of authorized_keys. */
const SSH_ALGORITHM = /^(ssh-(rsa|dss|ed25519)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)$/
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/** A field of SSH's wire format (RFC 4251): its length in four bytes, then itself. */
function field(content: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(content.length)
  return Buffer.concat([length, content])
}

const unreadable = (why: string) => badRequest(`Keypair data is invalid: ${why}.`)

/** Reads one line as in authorized_keys or id_rsa.pub. Throws 400 for what is none. */
function sshHalf(text: string): PublicHalf {
  const line = text.trim()
  const [algorithm = '', encoded = ''] = line.split(/\s+/, 2)
  if (!SSH_ALGORITHM.test(algorithm) || !BASE64.test(encoded)) throw unreadable("it must be a line such as 'ssh-ed25519 AAAA… comment'")
  const blob = Buffer.from(encoded, 'base64')
  const named = field(Buffer.from(algorithm))
  if (!blob.subarray(0, named.length).equals(named) || blob.length <= named.length) throw unreadable(`its bytes are not those of an ${algorithm} key`)
  return { type: 'ssh', publicKey: text, fingerprint: colons(createHash('md5').update(blob).digest('hex')) }
}

function certificateHalf(pem: string): PublicHalf {
  try {
    const { fingerprint } = new X509Certificate(pem)
    return { type: 'x509', publicKey: pem, fingerprint: fingerprint.toLowerCase() }
  } catch {
    throw unreadable('it must be a certificate in PEM')
  }
}

export const readPublicHalf = (type: KeyType, text: string): PublicHalf => (type === 'ssh' ? sshHalf(text) : certificateHalf(text))

/** `n` and `e` of a JWK as SSH writes numbers: with a zero before a first byte that would look negative. */
function mpint(base64url: string | undefined): Buffer {
  const bytes = Buffer.from(base64url ?? '', 'base64url')
  return field((bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes)
}

function sshLine(publicKey: KeyObject, comment: string): string {
  const { n, e } = publicKey.export({ format: 'jwk' })
  const blob = Buffer.concat([field(Buffer.from('ssh-rsa')), mpint(e), mpint(n)])
  return `ssh-rsa ${blob.toString('base64')} ${comment}`
}

/** A new pair for a user. `privateKey` is PEM that OpenSSH and OpenSSL read. */
export async function makeKeyPair(type: KeyType, user: string): Promise<PublicHalf & { readonly privateKey: string }> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: RSA_BITS })
  if (type === 'ssh') {
    return { ...sshHalf(sshLine(publicKey, 'generated-by-baton')), privateKey: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString() }
  }
  const certificate = selfSigned({ name: user, publicKey, privateKey, serial: randomBytes(15), fromMs: Date.now() })
  return { ...certificateHalf(pemOf(certificate)), privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}
