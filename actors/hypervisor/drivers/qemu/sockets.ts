/**
 * The sockets of a guest's QEMU that are for people: its serial line and its screen. What a user types goes through them, so the agent must be
 * sure of the other end: a QEMU that its guest has taken over may put a link to any socket of the host there. The socket is therefore opened
 * as a file first, without following anything, looked at, and connected to as just that file.
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { BatonError, toFault } from '../../../kernel/errors.ts'
import type { GuestStream } from '../../driver.ts'
import type { User } from './tools.ts'

/** Opens nothing but the place of a file; Node has no name for it (`fcntl.h` of Linux). */
const O_PATH = 0o10000000
/** What may wait in the socket for a guest that takes nothing, bytes. */
const UNSENT_BYTES = 64 * 1024

/** Rejects `DriverFault` when it is not a socket that QEMU has made, or nobody listens. `first` is what is shown before all that comes. */
export async function openSocket(path: string, user: User | null, first: Uint8Array = new Uint8Array()): Promise<GuestStream> {
  const socket = await connect(path, user).catch(error => {
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

async function connect(path: string, user: User | null): Promise<Socket> {
  const place = openSync(path, O_PATH | constants.O_NOFOLLOW)
  try {
    const found = fstatSync(place)
    if (!found.isSocket() || found.nlink !== 1 || (user !== null && found.uid !== user.uid)) throw new Error(`${path} is not the socket of QEMU`)
    const socket = createConnection(`/proc/self/fd/${place}`)
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    socket.removeAllListeners('error')
    return socket
  } finally {
    closeSync(place)
  }
}
