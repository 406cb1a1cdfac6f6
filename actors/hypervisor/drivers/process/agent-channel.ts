/**
 * The way to the agent in a process guest: a Unix socket in the guest's folder, at which the host listens and the guest finds by its
 * environment (`BATON_AGENT_SOCKET`). One connection counts, the newest: an agent that begins anew comes by a new one.
 */
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import type { GuestListener, GuestPipe } from '../../../guest/contract.ts'
import { BatonError } from '../../../kernel/errors.ts'

/** Longest path of a Unix socket that Linux takes, in bytes. */
const MAX_SOCKET_PATH = 107
/** Bytes that wait in a socket before a writer waits, too. */
const HIGH_WATER_BYTES = 256 * 1024

export async function listenForAgent(path: string, listener: GuestListener): Promise<GuestPipe> {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH)
    throw new BatonError('DriverFault', `the socket of an agent would be ${path}: too long; choose a data folder with a shorter path`)
  // What an earlier agent of this host left; nobody else listens there.
  await rm(path, { force: true })
  let current: Socket | null = null
  let paused = false

  const server: Server = createServer(socket => {
    current?.destroy()
    current = socket
    socket.on('error', () => {})
    socket.on('data', chunk => {
      if (current === socket) listener.bytes(chunk)
    })
    socket.on('close', () => {
      if (current === socket) current = null
    })
    if (paused) socket.pause()
    listener.began()
  })
  await once(server.listen(path), 'listening')
  // The host's agent does not live on for the sake of its guests.
  server.unref()
  return pipeOf(
    () => current,
    isPaused => {
      paused = isPaused
    },
    () => server.close(),
  )
}

/** A pipe over whatever socket there is at the moment. */
export function pipeOf(current: () => Socket | null, onPause: (paused: boolean) => void, onClose: () => void): GuestPipe {
  return {
    write(line) {
      const socket = current()
      if (!socket || socket.destroyed) return Promise.reject(new BatonError('Conflict', 'no agent is connected'))
      // A guest that does not read what it is told is told no more.
      if (socket.writableLength > HIGH_WATER_BYTES) return Promise.reject(new BatonError('Overloaded', 'the agent does not read what it is told'))
      return new Promise((resolve, reject) => socket.write(line, error => (error ? reject(error) : resolve())))
    },
    pause() {
      onPause(true)
      current()?.pause()
    },
    resume() {
      onPause(false)
      current()?.resume()
    },
    close() {
      onClose()
      current()?.destroy()
    },
  }
}
