/**
 * Keys of agents: X25519, as Curve of ZeroMQ has them, in hexadecimal digits. One pair does both: it is what the connection is encrypted and
 * admitted with, and what the agent proves itself by once it is connected, since ZeroMQ does not tell a ROUTER whose key a message came with.
 */
import { createHmac, createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject, timingSafeEqual } from 'node:crypto'
import type { Check } from '../../actors/kernel/check.ts'

export interface KeyPair {
  readonly publicKey: string
  readonly secretKey: string
}

/** A key as it is written. */
export const hexKey: Check = value => (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) ? null : 'must be 64 hexadecimal digits')

const hexOf = (base64url: unknown): string => Buffer.from(String(base64url), 'base64url').toString('hex')
const base64url = (hex: string): string => Buffer.from(hex, 'hex').toString('base64url')

export function createKeyPair(): KeyPair {
  const { x, d } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' })
  return { publicKey: hexOf(x), secretKey: hexOf(d) }
}

const publicOf = (publicKey: string): KeyObject => createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: base64url(publicKey) }, format: 'jwk' })

const secretOf = ({ publicKey, secretKey }: KeyPair): KeyObject =>
  createPrivateKey({ key: { kty: 'OKP', crv: 'X25519', x: base64url(publicKey), d: base64url(secretKey) }, format: 'jwk' })

/**
 * What shows that who says it has the secret key of `agent`: a MAC under the secret that only it and the door can compute. Throws for what is no
 * key at all.
 */
export function proofOf(mine: KeyPair, theirs: string, { agent, nonce }: { readonly agent: string; readonly nonce: string }): string {
  const secret = diffieHellman({ privateKey: secretOf(mine), publicKey: publicOf(theirs) })
  return createHmac('sha256', secret).update(`baton-agent-1\n${agent}\n${nonce}`).digest('hex')
}

export function isProof(said: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(said), Buffer.from(wanted)]
  return a.length === b.length && timingSafeEqual(a, b)
}

const Z85 = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#'

/** ZeroMQ's RFC 32: four bytes in five characters. */
export function z85(hex: string): string {
  const bytes = Buffer.from(hex, 'hex')
  let text = ''
  for (let at = 0; at < bytes.length; at += 4) {
    const value = bytes.readUInt32BE(at)
    for (let power = 85 ** 4; power >= 1; power /= 85) text += Z85[Math.floor(value / power) % 85]
  }
  return text
}
