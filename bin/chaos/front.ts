/**
 * A TCP front of a database that listens on a unix socket: nodes in namespaces of their own reach it over their network, where it
 * can be cut off from some of them, and here it can be slow or away for all.
 */
import { once } from 'node:events'
import { createConnection, createServer, type Socket } from 'node:net'

export interface Front {
  readonly port: number
  /** While it is away connections are broken and refused, as when the server's machine is gone. */
  setAway(away: boolean): void
  /** Holds up what goes through, both ways, ms. */
  setDelay(delayMs: number): void
  close(): Promise<void>
}

export async function createFront(address: string, socketPath: () => string): Promise<Front> {
  const open = new Set<Socket>()
  let away = false
  let delayMs = 0

  const server = createServer({ allowHalfOpen: true }, client => {
    if (away) return void client.destroy()
    const upstream = createConnection({ path: socketPath(), allowHalfOpen: true })
    join(client, upstream)
    join(upstream, client)
  })

  function join(from: Socket, to: Socket): void {
    open.add(from)
    from.setNoDelay(true)
    from.on('error', () => to.destroy())
    from.on('close', () => {
      open.delete(from)
      to.destroy()
    })
    // Timers of equal length fire in the order in which they were set, so the bytes stay in order.
    from.on('data', bytes => later(() => to.writable && to.write(bytes)))
    from.on('end', () => later(() => to.end()))
  }

  let lastAt = 0
  function later(act: () => void): void {
    // What comes just after a delay was lifted must not overtake what is still held up.
    const at = Math.max(performance.now() + delayMs, lastAt)
    lastAt = at
    if (delayMs === 0 && at <= performance.now()) act()
    else setTimeout(act, at - performance.now())
  }

  await once(server.listen(0, address), 'listening')
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound ? bound.port : 0,
    setAway(now) {
      away = now
      if (away) for (const socket of open) socket.destroy()
    },
    setDelay(ms) {
      delayMs = ms
    },
    async close() {
      for (const socket of open) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
