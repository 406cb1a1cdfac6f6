/** The HTTP server over a fake cluster, and short words for asking it. */
import type { FastifyInstance, InjectOptions } from 'fastify'
import type { Logger } from '../../actors/kernel/env.ts'
import type { Readiness } from '../../transport/http/context.ts'
import type { HttpLimits } from '../../transport/http/limits.ts'
import { createHttpServer, type HttpServerOptions } from '../../transport/http/server.ts'
import { createFakeApi, type FakeApi } from './fake-api.ts'

export const SERVERS = '/compute/v2.1/servers'
/** Where agents from outside of guests would come in. */
export const DOOR = { endpoints: ['tcp://127.0.0.1:8775'], serverKey: 'd'.repeat(64) }

export const FLAVORS = '/compute/v2.1/flavors'

export interface LogLine {
  readonly level: keyof Logger
  readonly fields: object
  readonly message: string
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever JSON came back
  readonly body: any
}

export interface TestFace {
  readonly app: FastifyInstance
  readonly fake: FakeApi
  readonly lines: LogLine[]
  readiness: Readiness
  ask(
    method: 'OPTIONS' | 'GET' | 'POST' | 'DELETE' | 'PUT' | 'HEAD' | 'PATCH',
    url: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>
  /** Creates one server and answers with its id. */
  newServer(more?: object, headers?: Record<string, string>): Promise<string>
}

export const tiny = (more: object = {}) => ({ server: { name: 'vm', flavorRef: 'tiny', imageRef: 'fake', networks: 'none', ...more } })

export function createFace(
  limits: Partial<HttpLimits> = {},
  more: Omit<Partial<HttpServerOptions>, 'api' | 'images' | 'limits' | 'log' | 'isReady' | 'metrics'> = {},
): TestFace {
  const fake = createFakeApi()
  const lines: LogLine[] = []
  const level = (name: keyof Logger) => (fields: object, message: string) => void lines.push({ level: name, fields, message })
  const log: Logger = { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') }
  const metrics = () => 'baton_up 1\n'
  const app = createHttpServer({
    api: fake.api,
    images: fake.images.streams,
    limits,
    log,
    isReady: () => face.readiness,
    metrics,
    agentDoor: () => DOOR,
    ...more,
  })
  const face: TestFace = {
    app,
    fake,
    lines,
    readiness: { ready: true, reasons: [] },
    async ask(method, url, body, headers = {}) {
      const options: InjectOptions = { method, url, headers: { host: 'cloud.test:8774', ...headers } }
      if (typeof body === 'string') options.payload = body
      else if (typeof body === 'object' && body !== null) options.payload = body
      const answer = await app.inject(options)
      const names = Object.entries(answer.headers).map(([name, value]): [string, string] => [name, String(value)])
      const text = answer.payload
      return {
        status: answer.statusCode,
        headers: Object.fromEntries(names),
        text,
        body: /json/.test(String(answer.headers['content-type'])) && text ? JSON.parse(text) : null,
      }
    },
    async newServer(more, headers) {
      const answer = await face.ask('POST', SERVERS, tiny(more), headers)
      return answer.body.server.id
    },
  }
  return face
}
