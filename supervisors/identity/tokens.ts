/**
 * Tokens: `b1.<key id>.<claims>.<signature>`, the claims as JSON and all parts in base64url, signed with Ed25519 (RFC 8032) over what
 * stands before the last dot. Whoever has the public key can judge one without asking anybody; nobody but conductors can make one.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign, verify } from 'node:crypto'
import type { Claims } from '../../actors/identity/api.ts'
import type { SigningKey } from '../../actors/identity/keyring.ts'
import { BatonError } from '../../actors/kernel/errors.ts'

const VERSION = 'b1'
const TOKEN_MAX = 8192
const PARTS = /^b1\.([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{1,8000})\.([A-Za-z0-9_-]{86})$/

export const INVALID_TOKEN = 'The token is not valid, or not any more; get a new one at POST /identity/v3/auth/tokens.'
export const invalidToken = (): BatonError => new BatonError('Unauthorized', INVALID_TOKEN)

export function newSigningKey(): Omit<SigningKey, 'createdAt'> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return {
    id: randomBytes(6).toString('base64url'),
    publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64'),
  }
}

/** 16 random bytes, as Keystone's audit ids. */
export const newAuditId = (): string => randomBytes(16).toString('base64url')

export function signToken(claims: Claims, key: Pick<SigningKey, 'id' | 'privateKey'>): string {
  const body = `${VERSION}.${key.id}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
  const privateKey = createPrivateKey({ key: Buffer.from(key.privateKey, 'base64'), type: 'pkcs8', format: 'der' })
  return `${body}.${sign(null, Buffer.from(body), privateKey).toString('base64url')}`
}

export type PublicKeys = ReadonlyMap<string, KeyObject>

export const publicKeys = (keys: readonly Pick<SigningKey, 'id' | 'publicKey'>[]): PublicKeys =>
  new Map(keys.map(({ id, publicKey }) => [id, createPublicKey({ key: Buffer.from(publicKey, 'base64'), type: 'spki', format: 'der' })]))

/** The claims of a token that one of these keys has signed. Says nothing of its age. Throws `Unauthorized`. */
export function claimsOf(token: string, keys: PublicKeys): Claims {
  const [, keyId = '', body = '', signature = ''] = (token.length <= TOKEN_MAX && PARTS.exec(token)) || []
  const key = keys.get(keyId)
  if (!key || !verify(null, Buffer.from(`${VERSION}.${keyId}.${body}`), key, Buffer.from(signature, 'base64url'))) throw invalidToken()
  return JSON.parse(Buffer.from(body, 'base64url').toString()) as Claims
}
