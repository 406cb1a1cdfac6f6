/** Free TCP ports on loopback, for nodes whose endpoint others must know before they start. */
import { createServer } from 'node:net'

const isFree = (port: number): Promise<number | null> =>
  new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : null))
    })
  })

/** The port itself when it is free, else any that is. */
export async function freePort(wanted = 0): Promise<number> {
  const port = (await isFree(wanted)) ?? (await isFree(0))
  if (port === null) throw new Error('no free port on loopback')
  return port
}

export const portIsFree = async (port: number): Promise<boolean> => port === 0 || (await isFree(port)) !== null
