/**
 * Curve of ZeroMQ for a link: everything is encrypted, who dials knows the listener by its public key, and the listener admits only keys that it is
 * told to. Whose key a message came with ZeroMQ does not say to a ROUTER; who must know that has it proved (`agents/keys.ts`).
 *
 * A listener that admits has a context of its own: ZeroMQ asks one handler for each context (its RFC 27, ZAP), at a fixed name.
 */
import { Context, Router } from 'zeromq'
import { type KeyPair, z85 } from './agents/keys.ts'

export interface CurveListener {
  readonly keys: KeyPair
  /** Whether a key may come in; `later`: nobody knows just now, and it may try again. Never rejects. */
  admits(publicKey: string, address: string): Promise<'yes' | 'no' | 'later'>
}

export interface CurveDialler {
  readonly keys: KeyPair
  /** The public key of whom it dials. */
  readonly serverKey: string
}

const ZAP = 'inproc://zeromq.zap.01'
const ZAP_VERSION = '1.0'
/** Handshakes that wait for their answer; more are told to come again. */
const WAITING_MAX = 256
const STATUS = { yes: ['200', 'OK'], no: ['400', 'this key is not enrolled'], later: ['300', 'come again'] } as const

export const diallerOptions = ({ keys, serverKey }: CurveDialler) => ({
  curvePublicKey: z85(keys.publicKey),
  curveSecretKey: z85(keys.secretKey),
  curveServerKey: z85(serverKey),
})

export interface Admission {
  readonly socketOptions: { readonly context: Context; readonly curveServer: true; readonly curveSecretKey: string; readonly zapDomain: string }
  /** Must be over before the listener is bound. */
  open(): Promise<void>
  close(): void
}

export function createAdmission({ keys, admits }: CurveListener, report: (error: unknown) => void): Admission {
  const context = new Context()
  const socket = new Router({ context, linger: 0 })
  let waiting = 0

  async function decide(key: Buffer | undefined, address: string): Promise<keyof typeof STATUS> {
    if (key?.length !== 32) return 'no'
    if (waiting >= WAITING_MAX) return 'later'
    waiting++
    try {
      return await admits(key.toString('hex'), address)
    } finally {
      waiting--
    }
  }

  async function answer([handler, empty, version, request, , address, , mechanism, key]: Buffer[]): Promise<void> {
    if (!handler || !request) return
    const isOurs = version?.toString() === ZAP_VERSION && mechanism?.toString() === 'CURVE'
    const [code, reason] = STATUS[isOurs ? await decide(key, String(address)) : 'no']
    if (!socket.closed) await socket.send([handler, empty ?? '', ZAP_VERSION, request, code, reason, '', ''])
  }

  async function serve(): Promise<void> {
    while (!socket.closed) {
      try {
        answer(await socket.receive()).catch(report)
      } catch (error) {
        if (!socket.closed) report(error)
      }
    }
  }

  let opened: Promise<void> | null = null
  return {
    socketOptions: { context, curveServer: true, curveSecretKey: z85(keys.secretKey), zapDomain: 'agents' },
    open() {
      opened ??= socket.bind(ZAP).then(() => void serve())
      return opened
    },
    close: () => socket.close(),
  }
}
