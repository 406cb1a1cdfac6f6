/**
 * The server's side of a screen (RFB 3.8, RFC 6143), as small as can be: a grey picture without security, on which every key that is pressed
 * draws a light square behind the one before.
 */
import type { FakeStream } from './fake-guest-stream.ts'

const [WIDTH, HEIGHT, SQUARE] = [320, 200, 16]
const KEY_EVENT = 4
const UPDATE_REQUEST = 3
/** Bytes of a client's messages; those of two have their length within. */
const LENGTHS: Readonly<Record<number, (message: Buffer) => number>> = {
  0: () => 20,
  2: message => (message.length < 4 ? 4 : 4 + 4 * message.readUInt16BE(2)),
  3: () => 10,
  4: () => 8,
  5: () => 6,
  6: message => (message.length < 8 ? 8 : 8 + message.readUInt32BE(4)),
}

export interface FakeScreen {
  heard(bytes: Uint8Array): void
  /** Keys that were pressed, as their names in X11 (a letter is its own). */
  keys(): readonly number[]
}

/** Speaks first. */
export function fakeScreen(stream: FakeStream): FakeScreen {
  const keys: number[] = []
  let waiting = Buffer.alloc(0)
  let stage: 'version' | 'security' | 'begin' | 'on' = 'version'
  let isAsked = false
  let isNew = true

  function picture(): Buffer {
    const head = Buffer.alloc(16)
    head.writeUInt16BE(1, 2)
    head.writeUInt16BE(WIDTH, 8)
    head.writeUInt16BE(HEIGHT, 10)
    const pixels = Buffer.alloc(WIDTH * HEIGHT * 4, 0x44)
    for (let i = 0; i < keys.length; i++)
      for (let y = 0; y < SQUARE; y++)
        pixels.fill(0xdd, 4 * ((y + SQUARE) * WIDTH + SQUARE * (1 + 2 * i)), 4 * ((y + SQUARE) * WIDTH + SQUARE * (2 + 2 * i)))
    return Buffer.concat([head, pixels])
  }

  function draw(): void {
    if (!isAsked || !isNew) return
    isAsked = false
    isNew = false
    stream.say(picture())
  }

  function begin(): void {
    const init = Buffer.alloc(24)
    init.writeUInt16BE(WIDTH, 0)
    init.writeUInt16BE(HEIGHT, 2)
    init.set([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0], 4)
    init.writeUInt32BE(4, 20)
    stream.say(Buffer.concat([init, Buffer.from('fake')]))
  }

  /** Bytes of the next message, as far as that is known. */
  function lengthOfNext(): number {
    if (stage === 'version') return 12
    if (stage !== 'on') return 1
    const length = LENGTHS[waiting[0] ?? 0]
    if (!length) throw new Error(`no message of a client has type ${waiting[0]}`)
    return length(waiting)
  }

  function take(message: Buffer): void {
    if (stage === 'version') {
      stage = 'security'
      stream.say(Uint8Array.of(1, 1))
    } else if (stage === 'security') {
      stage = 'begin'
      stream.say(Buffer.alloc(4))
    } else if (stage === 'begin') {
      stage = 'on'
      begin()
    } else if (message[0] === UPDATE_REQUEST) {
      isAsked = true
      isNew ||= message[1] === 0
    } else if (message[0] === KEY_EVENT && message[1] === 1) {
      keys.push(message.readUInt32BE(4))
      isNew = true
    }
    draw()
  }

  stream.say('RFB 003.008\n')
  return {
    keys: () => keys,
    heard(bytes) {
      waiting = Buffer.concat([waiting, bytes])
      while (waiting.length > 0 && waiting.length >= lengthOfNext()) {
        const length = lengthOfNext()
        const message = waiting.subarray(0, length)
        waiting = waiting.subarray(length)
        take(message)
      }
    },
  }
}
