/**
 * A certificate for a key pair of type x509, as Windows takes it for logging in: signed by its own key, for client authentication, with
 * the user's name as its subject and as the principal name in its alternative names. DER (X.690) as far as that needs it.
 */
import { type KeyObject, sign } from 'node:crypto'

const TAG = { integer: 0x02, bits: 0x03, octets: 0x04, null: 0x05, oid: 0x06, utf8: 0x0c, time: 0x18 } as const
const SEQUENCE = 0x30
const SET = 0x31
/** Context-specific and constructed. */
const context = (number: number): number => 0xa0 + number

/** One value: tag, length, content. */
function der(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content)
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  const digits = length.subarray(length.findIndex(byte => byte !== 0))
  return Buffer.concat([Buffer.of(tag, 0x80 + digits.length), digits, body])
}

/** Each part base 128, its last byte without the top bit. */
function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = rest.flatMap(part => {
    const digits = [part & 0x7f]
    for (let left = part >>> 7; left > 0; left >>>= 7) digits.unshift(0x80 | (left & 0x7f))
    return digits
  })
  return der(TAG.oid, Buffer.of(first * 40 + second, ...bytes))
}

const OID = {
  commonName: '2.5.4.3',
  sha256WithRsa: '1.2.840.113549.1.1.11',
  subjectAltName: '2.5.29.17',
  extendedKeyUsage: '2.5.29.37',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  principalName: '1.3.6.1.4.1.311.20.2.3',
} as const

const utf8 = (text: string): Buffer => der(TAG.utf8, Buffer.from(text))

/** `20260131120000Z`. */
const time = (ms: number): Buffer => der(TAG.time, Buffer.from(`${new Date(ms).toISOString().slice(0, 19).replace(/[-T:]/g, '')}Z`))

const extension = (id: string, value: Buffer): Buffer => der(SEQUENCE, oid(id), der(TAG.octets, value))

const YEARS_10_MS = 10 * 365 * 86_400_000
const NAME_LENGTH = 64

export interface SelfSigned {
  /** Becomes subject and issuer, cut to 64 characters. */
  readonly name: string
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
  /** Up to 16 bytes of chance. */
  readonly serial: Uint8Array
  /** Valid from then on for ten years, ms since 1970. */
  readonly fromMs: number
}

/** The certificate in DER. The keys must be RSA. */
export function selfSigned({ name, publicKey, privateKey, serial, fromMs }: SelfSigned): Buffer {
  const algorithm = der(SEQUENCE, oid(OID.sha256WithRsa), der(TAG.null))
  const subject = der(SEQUENCE, der(SET, der(SEQUENCE, oid(OID.commonName), utf8(name.slice(0, NAME_LENGTH)))))
  const principal = der(context(0), oid(OID.principalName), der(context(0), utf8(`${name}@localhost`)))
  const extensions = der(
    SEQUENCE,
    extension(OID.extendedKeyUsage, der(SEQUENCE, oid(OID.clientAuth))),
    extension(OID.subjectAltName, der(SEQUENCE, principal)),
  )
  const content = der(
    SEQUENCE,
    der(context(0), der(TAG.integer, Buffer.of(2))),
    // The first byte keeps it above 0.
    der(TAG.integer, Buffer.of(1), serial),
    algorithm,
    subject,
    der(SEQUENCE, time(fromMs), time(fromMs + YEARS_10_MS)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(context(3), extensions),
  )
  const signature = sign('sha256', content, privateKey)
  return der(SEQUENCE, content, algorithm, der(TAG.bits, Buffer.of(0), signature))
}

export const pemOf = (certificate: Buffer): string => {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
