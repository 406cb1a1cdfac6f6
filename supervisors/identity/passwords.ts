/**
 * Verifiers of passwords: scrypt (RFC 7914) with N = 2^14, r = 8, p = 5, which OWASP's password storage sheet gives as equal to
 * N = 2^17, p = 1, at 16 MiB instead of 128 MiB each. The parameters stand in the verifier, so they can be raised later. Few are computed at a
 * time: a burst of logins must take neither the memory of a conductor nor all of its threads.
 */
import { createHash, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { BatonError } from '../../actors/kernel/errors.ts'

export interface Cost {
  /** log2 of N. */
  readonly ln: number
  readonly r: number
  readonly p: number
}

const COST: Cost = { ln: 14, r: 8, p: 5 }
const HASH_BYTES = 32
const SALT_BYTES = 16
/** Of one verifier; more is no verifier of ours, bytes. */
const MEMORY_MAX = 256 * 1024 * 1024
const AT_ONCE = 2
const WAITING_MAX = 128
/** Longer ones are never right: nobody hashes megabytes for a stranger. Keystone's bound. */
export const PASSWORD_MAX = 4096

const VERIFIER = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/=]{1,100})\$([A-Za-z0-9+/=]{1,100})$/

export interface Passwords {
  /** A verifier of a password, with a random salt. */
  verifier(password: string): Promise<string>
  /** Whether it is the password. Without a verifier it takes as long and is false. Rejects `Overloaded` when too many wait. */
  matches(password: string, verifier: string | null): Promise<boolean>
}

export function createPasswords(cost: Cost = COST): Passwords {
  let running = 0
  const waiting: (() => void)[] = []

  async function derive(password: string, salt: Buffer, { ln, r, p }: Cost): Promise<Buffer> {
    if (running >= AT_ONCE) {
      if (waiting.length >= WAITING_MAX)
        throw new BatonError('Overloaded', `${WAITING_MAX} passwords are being checked already`, { retryAfterMs: 2000 })
      await new Promise<void>(go => waiting.push(go))
    } else running++
    try {
      return await scryptOf(password, salt, { N: 2 ** ln, r, p, maxmem: MEMORY_MAX })
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }

  const write = (salt: Buffer, hash: Buffer): string =>
    `$scrypt$ln=${cost.ln},r=${cost.r},p=${cost.p}$${salt.toString('base64')}$${hash.toString('base64')}`
  const nobody = write(Buffer.alloc(SALT_BYTES), Buffer.alloc(HASH_BYTES))

  return {
    async verifier(password) {
      const salt = randomBytes(SALT_BYTES)
      return write(salt, await derive(password, salt, cost))
    },
    async matches(password, verifier) {
      if (password.length > PASSWORD_MAX) return false
      const [, ln, r, p, salt = '', hash = ''] = VERIFIER.exec(verifier ?? nobody) ?? []
      const wanted = Buffer.from(hash, 'base64')
      const found = await derive(password, Buffer.from(salt, 'base64'), { ln: Number(ln), r: Number(r), p: Number(p) })
      return found.length === wanted.length && timingSafeEqual(found, wanted) && verifier !== null
    },
  }
}

function scryptOf(password: string, salt: Buffer, options: ScryptOptions): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  scrypt(password.normalize('NFC'), salt, HASH_BYTES, options, (error, hash) => (error ? reject(error) : resolve(hash)))
  return promise
}

/**
 * The verifier of the first admin's password, the same from every conductor and at every start: its salt follows from the password,
 * which is random (24 characters), so that nothing can be prepared against it.
 */
export async function bootstrapVerifier(password: string, cost: Cost = COST): Promise<string> {
  const salt = createHash('sha256').update(`baton bootstrap\0${password}`).digest().subarray(0, SALT_BYTES)
  const hash = await scryptOf(password, salt, { N: 2 ** cost.ln, r: cost.r, p: cost.p, maxmem: MEMORY_MAX })
  return `$scrypt$ln=${cost.ln},r=${cost.r},p=${cost.p}$${salt.toString('base64')}$${hash.toString('base64')}`
}
