/**
 * Health and metrics of a node that has no API: a listener of its own, on loopback, on any free port. It is Node's own server: three paths
 * need no framework, and to load one is a tenth of what a node's start costs.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { toFault } from '../../actors/kernel/errors.ts'
import { HEALTH, type HealthAnswer, type HealthContext } from './health.ts'

export interface HealthServer {
  readonly port: number
  close(): Promise<void>
}

const text = (status: number, body: string): HealthAnswer => ({ status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: `${body}\n` })

export async function startHealthServer(options: Pick<HealthContext, 'isReady' | 'metrics'>): Promise<HealthServer> {
  const context: HealthContext = { ...options, isClosing: () => false }

  async function answerTo({ method = '', url = '', headers }: IncomingMessage): Promise<HealthAnswer> {
    const answer = HEALTH.get(url.replace(/\?.*/s, ''))
    if (!answer) return text(404, `There are only ${[...HEALTH.keys()].join(', ')} here.`)
    if (method !== 'GET' && method !== 'HEAD') return text(405, 'Send a GET.')
    return answer(context, headers.accept ?? '')
  }

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { status, headers, body } = await answerTo(request).catch(error => text(500, toFault(error).message))
    response.writeHead(status, headers).end(body)
  }
  const server = createServer((request, response) => void serve(request, response))
  server.listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    close() {
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      server.closeAllConnections()
      return closed
    },
  }
}
