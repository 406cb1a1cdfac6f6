/** Free TCP ports on loopback, for nodes whose endpoint others must know before they start. */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Below the ports that Linux gives to outgoing connections (32768 and above by default): among those a port that was free a moment ago
 * may be the near end of somebody's connection when the listener comes, for as long as that lasts.
 */
const RANGE = [20_000, 32_000] as const
const TRIES = 50

const isFree = (port: number): Promise<number | null> =>
  new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : null))
    })
  })

/** The port itself when it is free, else any that is; none of those that are `given` away already, and not listened at yet. */
export async function freePort(wanted = 0, given: readonly number[] = []): Promise<number> {
  if (wanted !== 0 && !given.includes(wanted) && (await isFree(wanted)) !== null) return wanted
  for (let tries = 0; tries < TRIES; tries++) {
    const port = await isFree(randomInt(...RANGE))
    if (port !== null && !given.includes(port)) return port
  }
  const port = await isFree(0)
  if (port === null) throw new Error('no free port on loopback')
  return port
}

export const portIsFree = async (port: number): Promise<boolean> => port === 0 || (await isFree(port)) !== null
