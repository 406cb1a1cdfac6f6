/**
 * What a peer may send: frames of bytes, cut into messages, decoded, and handed to sessions and messenger of a conductor. A peer that
 * dialled us, and one that we dialled, take turns. Nothing may throw, what is sent back must be a message, and nothing may pile up.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Json } from '../../../actors/kernel/define.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import type { Link, Peer } from '../../../transport/link.ts'
import { createMessenger } from '../../../transport/messenger.ts'
import { decode, type Envelope, encode } from '../../../transport/protocol.ts'
import { unpack } from '../../../transport/zeromq-frames.ts'
import { manualEnv } from '../env.ts'
import { mutateHex, mutateJson } from '../mutate.ts'
import { Finding, listOf, type Target, textOf } from '../target.ts'

const ID = { node: 'h1', inc: 1, role: 'compute', pid: 1, ver: '0.1.0', eng: 'v24' } as const
const SAMPLES: readonly Envelope[] = [
  { t: 'hello', vs: [1, 1], id: ID, at: 1 },
  { t: 'welcome', v: 1, id: ID, at: 1 },
  { t: 'who' },
  { t: 'ping', at: 1 },
  { t: 'pong', at: 1 },
  { t: 'call', id: 'h1:1', to: 'instance/i1', m: 'get', a: { n: [1, 'x', null] }, ttl: 1000, at: 2, n: 1 },
  { t: 'cast', to: 'node/c1', m: 'ping', a: { incarnation: 2, suspects: [3] }, ttl: 1000, at: 2 },
  { t: 'ok', id: 'c1/7:1', r: { x: 1 }, at: 3 },
  { t: 'no', id: 'c1/7:1', f: { code: 'Moved', message: 'elsewhere', retryAfterMs: 5, details: { map: {} } }, at: 3 },
]

const hexOf = (envelope: Envelope): string => {
  const message = Buffer.from(encode(envelope))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(message.length)
  return Buffer.concat([length, message]).toString('hex')
}

/** A frame of one message that was changed as a value, so that it still is msgpack. */
function remade(hex: string, random: Parameters<Target['mutate']>[1]): string {
  try {
    const envelope: unknown = decode(Buffer.from(hex, 'hex').subarray(4))
    return hexOf(mutateJson(JSON.parse(JSON.stringify(envelope)), random) as unknown as Envelope)
  } catch {
    return mutateHex(hex, random)
  }
}

export function wireTarget(): Target {
  return {
    name: 'wire',
    seeds: SAMPLES.map(sample => [hexOf(SAMPLES[0] ?? sample), hexOf(sample)]),
    mutate(input, random): Json {
      const frames = listOf(input).map(textOf)
      const at = random.int(0, Math.max(0, frames.length - 1))
      if (frames.length === 0 || (frames.length < 6 && random.chance(0.1))) return [...frames, hexOf(random.pick(SAMPLES))]
      if (random.chance(0.05)) return frames.toSpliced(at, 1)
      return frames.with(at, random.chance(0.6) ? remade(frames[at] ?? '', random) : mutateHex(frames[at] ?? '', random))
    },
    run: async input => converse(listOf(input).map(frame => Buffer.from(textOf(frame), 'hex'))),
  }
}

async function converse(frames: readonly Buffer[]): Promise<void> {
  const env = manualEnv()
  let hear: (peer: Peer, message: Uint8Array) => void = () => {}
  const said: Uint8Array[] = []
  const link: Link = {
    listen: async endpoint => endpoint,
    dial: endpoint => `to ${endpoint}`,
    hangUp() {},
    send(_, message) {
      said.push(message)
      return 'sent'
    },
    onMessage: handler => {
      hear = handler
    },
    stats: () => ({ messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0, droppedFull: 0, droppedUnknown: 0, malformed: 0, queued: 0 }),
    close: async () => {},
  }
  const messenger = createMessenger({
    env,
    link,
    self: { ...ID, node: 'c1', role: 'conductor', inc: 7 },
    route: to => (to.kind === 'node' ? { at: 'node', node: to.id } : { at: 'here' }),
    serve: async ({ args }) => args,
    take() {},
  })
  messenger.sessions.dial('tcp://h1')
  const call = messenger.call({ kind: 'node', id: 'h1' }, 'get', {}, { timeoutMs: 1000 }).catch((error: unknown) => {
    if (!(error instanceof BatonError)) throw error
  })
  for (const [i, frame] of frames.entries()) {
    unpack(frame, message => {
      checkDecoding(message)
      hear(i % 2 === 0 ? 'dialled us' : 'to tcp://h1', message)
    })
    env.elapse(100)
  }
  await Promise.resolve()
  env.elapse(2000)
  await call
  for (const message of said) decode(message)
  const { running, pending } = messenger.stats()
  if (pending > 0) throw new Finding(`${pending} calls wait beyond their deadline`)
  if (running > frames.length * 256) throw new Finding(`${running} calls run`)
  messenger.close()
}

/** What can be decoded can be encoded, and is the same again. */
function checkDecoding(message: Uint8Array): void {
  let envelope: Envelope
  try {
    envelope = decode(message)
  } catch (error) {
    if (error instanceof BatonError && error.code === 'BadRequest') return
    throw error
  }
  const again = decode(encode(envelope))
  if (!isDeepStrictEqual(again, envelope)) throw new Finding(`decoded ${JSON.stringify(envelope)}, but encoded it is ${JSON.stringify(again)}`)
}
