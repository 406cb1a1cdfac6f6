/**
 * Files in the folder of a guest, which its QEMU may write to: one that a guest has taken over may put a link to any file there, or something
 * to wait for, and the agent has more rights. So nothing is followed, and only plain files are touched.
 */
import { once } from 'node:events'
import { chmodSync, constants, lchownSync } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { BatonError } from '../../../kernel/errors.ts'
import type { User } from './tools.ts'

/** What is kept of a console, twice: bytes. */
export const CONSOLE_BYTES = 512 * 1024

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants

const MODES = { read: O_RDONLY, append: O_WRONLY | O_APPEND | O_CREAT, replace: O_WRONLY | O_CREAT | O_TRUNC, change: O_RDWR } as const

/** Rejects when it is not there, and `DriverFault` when it is no plain file. */
export async function openPlain(path: string, mode: keyof typeof MODES): Promise<FileHandle> {
  const handle = await open(path, MODES[mode] | O_NOFOLLOW | O_NONBLOCK, 0o600)
  const found = await handle.stat()
  if (found.isFile() && found.nlink === 1) return handle
  await handle.close()
  throw new BatonError('DriverFault', `${path} is not the plain file that it should be`)
}

export async function withPlain<T>(path: string, mode: keyof typeof MODES, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await openPlain(path, mode)
  try {
    return await use(handle)
  } finally {
    await handle.close()
  }
}

/** Opens nothing but the place of a file; Node has no name for it (`fcntl.h` of Linux). */
const O_PATH = 0o10000000

/** Connects to a socket that QEMU has made in the folder of its guest, and to no other that a link there may lead to. Rejects when nobody listens. */
export async function connectPlain(path: string, user: User | null): Promise<Socket> {
  const place = await open(path, O_PATH | O_NOFOLLOW)
  try {
    const found = await place.stat()
    if (!found.isSocket() || found.nlink !== 1 || (user !== null && found.uid !== user.uid)) throw new Error(`${path} is not the socket of QEMU`)
    const socket = createConnection(`/proc/self/fd/${place.fd}`)
    await once(socket, 'connect')
    return socket
  } finally {
    await place.close()
  }
}

/** Listens in the folder of a guest for its QEMU, which connects once. */
export async function listenPlain(path: string, user: User | null, take: (socket: Socket) => void): Promise<Server> {
  await rm(path, { force: true })
  const server = createServer(take)
  server.maxConnections = 1
  server.listen(path)
  await once(server, 'listening')
  giveTo(path, user)
  return server
}

/** Adds a line to a console. */
export const addLine = (path: string, line: string, user: User | null): Promise<void> =>
  withPlain(path, 'append', async handle => {
    if (user) await handle.chown(user.uid, user.gid)
    await handle.write(`${line}\n`)
  })

/** The last `maxBytes`; nothing when there is no such file. A character cut in two is left out. */
export async function tailOf(path: string, maxBytes: number): Promise<Buffer> {
  const found = await withPlain(path, 'read', async handle => {
    const { size } = await handle.stat()
    const length = Math.min(size, Math.max(0, Math.floor(maxBytes)))
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length)
    let start = 0
    if (length < size) while (start < Math.min(3, bytesRead) && (buffer.readUInt8(start) & 0xc0) === 0x80) start++
    return buffer.subarray(start, bytesRead)
  }).catch(error => {
    if (error instanceof BatonError) throw error
    return null
  })
  return found ?? Buffer.alloc(0)
}

/** Keeps a file that QEMU appends to within bounds: the newest half goes to `<path>.old`. QEMU keeps it open, so it is cut, not replaced. */
export async function trim(path: string): Promise<void> {
  await withPlain(path, 'change', async handle => {
    if ((await handle.stat()).size <= CONSOLE_BYTES) return
    const tail = await tailOf(path, CONSOLE_BYTES)
    await withPlain(`${path}.old`, 'replace', old => old.writeFile(tail))
    await handle.truncate(0)
  }).catch(error => {
    // A guest that never ran has none.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  })
}

/** Lets whom QEMU runs as read a file, and not change it: others are made of it too. */
export function showTo(path: string, user: User | null): void {
  if (!user) return
  chmodSync(path, 0o640)
  lchownSync(path, 0, user.gid)
}

/** Gives a file or folder to whom QEMU runs as; not what a link points to. */
export function giveTo(path: string, user: User | null): void {
  if (user) lchownSync(path, user.uid, user.gid)
}
