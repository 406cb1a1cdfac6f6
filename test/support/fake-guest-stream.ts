/** A guest with a serial line and a screen, in memory, as a driver would open them: what it is sent is kept, and the test speaks for it. */
import type { GuestStream, HypervisorDriver, StreamKind } from '../../actors/hypervisor/driver.ts'
import { BatonError } from '../../actors/kernel/errors.ts'

export interface FakeStream {
  readonly kind: StreamKind
  readonly stream: GuestStream
  /** The guest writes. */
  say(bytes: string | Uint8Array): void
  end(why: string): void
  /** What it was sent, as text. */
  heard(): string
  /** How many bytes it takes from now on; Infinity is all. */
  takes(bytes: number): void
  isPaused(): boolean
  isClosed(): boolean
}

export interface FakeGuest {
  readonly driver: HypervisorDriver
  /** Every stream that was opened, the newest last. */
  readonly opened: readonly FakeStream[]
}

/** `answer` speaks for the guest whenever it is sent something, `onOpen` when it is opened. */
export function createFakeGuest(
  answer: (stream: FakeStream, bytes: Uint8Array) => void = () => {},
  first = '',
  onOpen: (stream: FakeStream) => void = () => {},
): FakeGuest {
  const opened: FakeStream[] = []

  function open(kind: StreamKind): FakeStream {
    let to: Parameters<GuestStream['start']>[0] | null = null
    let room = Number.POSITIVE_INFINITY
    const heard: Uint8Array[] = []
    const state = { paused: false, closed: false }
    const fake: FakeStream = {
      kind,
      say: bytes => to?.bytes(Buffer.from(bytes)),
      end: why => to?.end(why),
      heard: () => Buffer.concat(heard).toString('utf8'),
      takes(bytes) {
        room = bytes
      },
      isPaused: () => state.paused,
      isClosed: () => state.closed,
      stream: {
        start(listener) {
          to = listener
          if (kind === 'serial' && first !== '') listener.bytes(Buffer.from(first))
          onOpen(fake)
        },
        write(bytes) {
          const taken = bytes.subarray(0, room)
          room -= taken.length
          heard.push(Uint8Array.from(taken))
          if (taken.length > 0) answer(fake, taken)
          return taken.length
        },
        pause() {
          state.paused = true
        },
        resume() {
          state.paused = false
        },
        close() {
          state.closed = true
        },
      },
    }
    opened.push(fake)
    return fake
  }

  const unused = (): never => {
    throw new BatonError('DriverUnsupported', 'this guest is only looked at')
  }
  const driver: HypervisorDriver = {
    ...{ name: 'fake', inventory: unused, list: unused, spawn: unused, destroy: unused, start: unused, stop: unused },
    ...{ reboot: unused, pause: unused, unpause: unused, consoleLog: unused, close: async () => {} },
    streams: ['serial', 'vnc'],
    openStream: async (_instance, kind) => open(kind).stream,
  }
  return { driver, opened }
}
