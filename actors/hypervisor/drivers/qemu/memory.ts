/**
 * The memory of a suspended guest: a file in its folder, by way of a socket to which QEMU sends it, and from which it takes it again. QEMU opens
 * no file for that and starts no program, which its confinement would not let it do anyway: it would be killed for trying.
 */
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { type FileHandle, rename, rm } from 'node:fs/promises'
import { createConnection, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Env } from '../../../kernel/env.ts'
import { BatonError } from '../../../kernel/errors.ts'
import { until, within } from '../process/wait.ts'
import { FILES } from './command-line.ts'
import { giveTo, withPlain } from './guest-files.ts'
import type { Qmp } from './qmp.ts'
import type { User } from './tools.ts'
import { isObject } from './wire.ts'

const SOCKET = 'mig'
const POLL_MS = 20
const PIECE_BYTES = 1024 * 1024
const BEGIN_MS = 10_000
/** A guest of some hundred GB on a slow disk. */
const MOVE_MS = 1_800_000
/** As fast as it goes: the default is 128 MiB a second. */
const BYTES_PER_S = 2 ** 40

/** How it stands with what QEMU sends or takes; null when it says nothing. */
async function transfer(qmp: Qmp): Promise<{ readonly status: string; readonly reason: string } | null> {
  const answer = await qmp.execute('query-migrate')
  if (!isObject(answer) || typeof answer.status !== 'string') return null
  return { status: answer.status, reason: typeof answer['error-desc'] === 'string' ? answer['error-desc'] : 'no reason given' }
}

async function finished(env: Env, qmp: Qmp, what: string): Promise<void> {
  let reason = `it took more than ${MOVE_MS} ms`
  const done = await until(env, MOVE_MS, POLL_MS, async () => {
    const now = await transfer(qmp)
    if (now?.status === 'failed' || now?.status === 'cancelled') {
      reason = now.reason
      return true
    }
    if (now?.status === 'completed') reason = ''
    return now?.status === 'completed'
  })
  if (!done || reason !== '') throw new BatonError('DriverFault', `the memory of the guest could not be ${what}: ${reason}`)
}

/** Stops the guest and writes its memory into its folder, whole or not at all. Rejects `DriverFault`; then the guest stands still. */
export async function saveMemory(env: Env, qmp: Qmp, home: string, user: User | null): Promise<void> {
  const path = join(home, SOCKET)
  const part = join(home, `${FILES.memory}.part`)
  await rm(path, { force: true })
  await rm(part, { force: true })
  await qmp.execute('stop')
  await qmp.execute('migrate-set-parameters', { 'max-bandwidth': BYTES_PER_S })
  const server = createServer()
  try {
    server.listen(path)
    await once(server, 'listening')
    chmodSync(path, 0o600)
    giveTo(path, user)
    const connected: Promise<Socket> = once(server, 'connection').then(([socket]) => socket)
    await qmp.execute('migrate', { uri: `unix:${SOCKET}` })
    const socket = await within(env, BEGIN_MS, connected)
    if (!socket) throw new BatonError('DriverFault', 'QEMU did not begin to send the memory of the guest')
    await withPlain(part, 'replace', async handle => {
      for await (const bytes of socket as AsyncIterable<Uint8Array>) await handle.writeFile(bytes)
      await handle.sync()
    })
    await finished(env, qmp, 'saved')
    await rename(part, join(home, FILES.memory))
  } catch (error) {
    await qmp.execute('migrate_cancel').catch(() => {})
    throw error instanceof BatonError ? error : new BatonError('DriverFault', `the memory of the guest could not be saved: ${messageOf(error)}`)
  } finally {
    server.close()
    await rm(part, { force: true })
    await rm(path, { force: true })
  }
}

async function send(handle: FileHandle, socket: Socket): Promise<void> {
  // Lost, the connection says so to whoever waits for it to take more.
  const lost = once(socket, 'close').then(() => {
    throw new Error('the connection was closed')
  })
  lost.catch(() => {})
  const piece = Buffer.alloc(PIECE_BYTES)
  for (;;) {
    const { bytesRead } = await handle.read(piece, 0, PIECE_BYTES)
    if (bytesRead === 0) break
    if (!socket.write(Uint8Array.from(piece.subarray(0, bytesRead)))) await Promise.race([once(socket, 'drain'), lost])
  }
  socket.end()
}

/** Gives a machine that waits for it its memory. It then stands still, as it was saved. */
export async function loadMemory(env: Env, qmp: Qmp, home: string): Promise<void> {
  const path = join(home, SOCKET)
  await rm(path, { force: true })
  await qmp.execute('migrate-incoming', { uri: `unix:${SOCKET}` })
  const socket = createConnection(path)
  try {
    await once(socket, 'connect')
    // The other end closes when it has had enough, which is no fault.
    await withPlain(join(home, FILES.memory), 'read', handle => send(handle, socket)).catch(async error => {
      if ((await transfer(qmp))?.status !== 'completed') throw error
    })
    await finished(env, qmp, 'loaded')
  } catch (error) {
    throw error instanceof BatonError ? error : new BatonError('DriverFault', `the memory of the guest could not be loaded: ${messageOf(error)}`)
  } finally {
    socket.destroy()
    await rm(path, { force: true })
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
