/** docs/openapi.json: the document that a gateway serves at /openapi.json, without a cluster behind it. */
import { silentLogger } from '../actors/kernel/env.ts'
import { BatonError } from '../actors/kernel/errors.ts'
import { identityProxy } from '../supervisors/identity/serve.ts'
import { createImageStreams } from '../supervisors/images/streams.ts'
import { realEnv } from '../supervisors/real-env.ts'
import { apiProxy } from '../supervisors/requests/serve-api.ts'
import { openApiDocument } from '../transport/http/openapi.ts'
import { routeInfosOf } from '../transport/http/requests/not-found.ts'
import { createHttpServer } from '../transport/http/server.ts'

const nobody = () => Promise.reject(new BatonError('NotRunning', 'no cluster is behind this server'))

const field = (name: string, value: unknown): string => `${JSON.stringify(name)}: ${JSON.stringify(value)}`

/** JSON with one operation to a line, so that a difference between two versions reads as a list of operations. */
export function openApiText(): string {
  const gate = { api: identityProxy(nobody), verify: nobody, refresh: nobody }
  const isReady = () => ({ ready: false, reasons: [] })
  const api = apiProxy(nobody)
  const images = createImageStreams(realEnv('docs', 'silent'), nobody)
  const app = createHttpServer({ api, images, identity: { gate, rules: [] }, log: silentLogger, isReady, metrics: () => '' })
  const { paths, ...rest } = openApiDocument(routeInfosOf(app))
  const block = (items: readonly string[], indent: string): string => `{\n${items.map(item => `${indent}  ${item}`).join(',\n')}\n${indent}}`
  const path = ([url, operations]: [string, object]): string =>
    `${JSON.stringify(url)}: ${block(
      Object.entries(operations).map(([method, operation]) => field(method, operation)),
      '    ',
    )}`
  const items = [...Object.entries(rest).map(([name, value]) => field(name, value)), `"paths": ${block(Object.entries(paths).map(path), '  ')}`]
  return `${block(items, '')}\n`
}
