/**
 * A remote console for browsers and for Node 24 alike: bytes of a guest's serial line, both ways.
 *
 *     const line = openRemote(url, { onBytes: bytes => terminal.write(bytes), onClosed: why => say(why) })
 *     line.type('help\r')
 *
 * A URL is good once, so a connection that has ended is not made again: ask the API for another (`POST /servers/{id}/remote-consoles`).
 */
import { GUEST_PROTOCOL, type GuestNotice } from '../remote-console/messages.ts'

export interface RemoteEvents {
  onBytes(bytes: Uint8Array): void
  onNotice?(notice: GuestNotice): void
  /** Called once. */
  onClosed(why: string): void
}

export interface RemoteLine {
  type(text: string): void
  /** Takes the keyboard from whoever has it. */
  take(): void
  close(): void
}

export function openRemote(url: string, { onBytes, onNotice, onClosed }: RemoteEvents): RemoteLine {
  const socket = new WebSocket(url, GUEST_PROTOCOL)
  const encoder = new TextEncoder()
  let isOver = false
  /** What was typed before the connection was there. */
  let early: Uint8Array<ArrayBuffer>[] = []
  socket.binaryType = 'arraybuffer'
  socket.onopen = () => {
    for (const bytes of early) socket.send(bytes)
    early = []
  }
  socket.onmessage = ({ data }) => {
    if (data instanceof ArrayBuffer) onBytes(new Uint8Array(data))
    else if (typeof data === 'string') onNotice?.(JSON.parse(data) as GuestNotice)
  }
  socket.onclose = ({ code, reason }) => {
    if (isOver) return
    isOver = true
    onClosed(reason || (code === 1006 ? 'the connection broke, or was refused' : `closed with code ${code}`))
  }
  return {
    type(text) {
      const bytes = encoder.encode(text)
      if (socket.readyState === WebSocket.OPEN) socket.send(bytes)
      else if (socket.readyState === WebSocket.CONNECTING) early.push(bytes)
    },
    take() {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: 'take' }))
    },
    close() {
      isOver = true
      socket.close(1000)
    },
  }
}
