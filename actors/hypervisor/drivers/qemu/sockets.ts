/**
 * The sockets of a guest's QEMU that are for people: its serial line and its screen. What a user types goes through them, so the agent must be
 * sure of the other end: a QEMU that its guest has taken over may put a link to any socket of the host there. The socket is therefore opened
 * as a file first, without following anything, looked at, and connected to as just that file.
 */
import { BatonError, toFault } from '../../../kernel/errors.ts'
import type { GuestStream } from '../../driver.ts'
import { connectPlain } from './guest-files.ts'
import type { User } from './tools.ts'

/** What may wait in the socket for a guest that takes nothing, bytes. */
const UNSENT_BYTES = 64 * 1024

/** Rejects `DriverFault` when it is not a socket that QEMU has made, or nobody listens. `first` is what is shown before all that comes. */
export async function openSocket(path: string, user: User | null, first: Uint8Array = new Uint8Array()): Promise<GuestStream> {
  const socket = await connectPlain(path, user).catch(error => {
    throw new BatonError('DriverFault', `the console of the guest cannot be reached: ${toFault(error).message}`, { cause: error })
  })
  return {
    start(to) {
      if (first.length > 0) to.bytes(first)
      let why = 'the guest has been switched off'
      socket.on('error', error => {
        why = `the connection to the guest broke: ${error.message}`
      })
      socket.on('close', () => to.end(why))
      socket.on('data', bytes => to.bytes(bytes))
    },
    write(bytes) {
      if (socket.writableLength > UNSENT_BYTES) return 0
      socket.write(bytes)
      return bytes.length
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    close: () => void socket.destroy(),
  }
}
