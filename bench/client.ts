/** A keep-alive client without retries: what is measured is the server. */
import { Agent, request } from 'node:http'

export interface BenchClient {
  /** The status and, if it is JSON, the body of an answer. */
  send(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<{ readonly status: number; readonly body: unknown }>
  /** Resolves with the new instance's id. Rejects when it is not accepted. */
  create(server: object): Promise<string>
  /** Rejects when the action is not accepted. */
  act(id: string, action: object): Promise<void>
  /** Every instance, with Nova's status. */
  servers(): Promise<readonly { readonly id: string; readonly status: string }[]>
  close(): void
}

/** `more` are headers of every request. */
export function benchClient(endpoint: string, serversPath: string, sockets: number, more: Record<string, string> = {}): BenchClient {
  const agent = new Agent({ keepAlive: true, maxSockets: sockets })

  const send: BenchClient['send'] = (method, path, body, own = {}) =>
    new Promise((resolve, reject) => {
      const headers = { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...more, ...own }
      const call = request(`${endpoint}${path}`, { method, agent, headers }, reply => {
        let text = ''
        reply.setEncoding('utf8').on('data', part => {
          text += part
        })
        reply.once('end', () => resolve({ status: reply.statusCode ?? 0, body: text === '' ? null : JSON.parse(text) }))
      })
      call.once('error', reject)
      call.end(body === undefined ? undefined : JSON.stringify(body))
    })

  async function accepted(path: string, body: object): Promise<unknown> {
    const answer = await send('POST', path, body)
    if (answer.status >= 300) throw new Error(`${JSON.stringify(body)} was answered ${answer.status}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }

  return {
    send,
    create: async server => ((await accepted(serversPath, { server })) as { server: { id: string } }).server.id,
    async act(id, action) {
      await accepted(`${serversPath}/${id}/action`, action)
    },
    async servers() {
      const { body } = await send('GET', `${serversPath}/detail?limit=1000`)
      return (body as { servers: { id: string; status: string }[] }).servers
    },
    close: () => agent.destroy(),
  }
}
