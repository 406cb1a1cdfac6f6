/**
 * Requests to the HTTP face over a cluster in memory: method, path, query, headers and body. No defect (500), no stack trace, nothing of the inside
 * in an answer, no answer without Nova's shape. 501 is what the fake cluster says of what its driver cannot do.
 */
import type { Json } from '../../../actors/kernel/define.ts'
import { createFace, FLAVORS, SERVERS, type TestFace } from '../../support/http.ts'
import { mutateJson, mutateText } from '../mutate.ts'
import { Finding, field, isRecord, type Target, textOf } from '../target.ts'

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'] as const
type Method = (typeof METHODS)[number]
/** Requests on one face: then another, or the cluster behind it would grow. */
const REQUESTS_PER_FACE = 300
const LEAK = /node_modules|file:\/\/|\n\s+at |\.ts:\d/

const server = (more: object) => ({ server: { name: 'vm', flavorRef: 'tiny', imageRef: 'fake', networks: 'none', ...more } })
const ACTIONS: readonly (readonly [string, Json])[] = [
  ...(['os-start', 'os-stop', 'pause', 'unpause', 'suspend', 'resume', 'confirmResize', 'revertResize', 'shelve', 'unlock', 'unrescue'] as const).map(
    name => [name, null] as const,
  ),
  ['reboot', { type: 'SOFT' }],
  ['resize', { flavorRef: 'small' }],
  ['rebuild', { imageRef: 'other' }],
  ['lock', { locked_reason: 'x' }],
  ['migrate', { host: 'c2' }],
  ['evacuate', { host: 'c2' }],
  ['os-resetState', { state: 'active' }],
  ['changePassword', { adminPass: 'x' }],
  ['os-getConsoleOutput', { length: 3 }],
]
/** `ID` stands for a server that is there. */
const PATHS = [
  ...[
    SERVERS,
    `${SERVERS}/detail`,
    `${SERVERS}/ID`,
    `${SERVERS}/ID/metadata`,
    `${SERVERS}/ID/metadata/a`,
    `${SERVERS}/ID/tags`,
    `${SERVERS}/ID/tags/a`,
  ],
  ...[`${SERVERS}/ID/os-instance-actions`, `${SERVERS}/ID/os-instance-actions/req-1`, FLAVORS, `${FLAVORS}/detail`, `${FLAVORS}/tiny`],
  ...[
    '/',
    '/compute',
    '/compute/v2.1',
    '/compute/v2.1/os-hypervisors',
    '/compute/v2.1/os-hypervisors/c1',
    '/image/v2/images',
    '/image/v2/images/fake',
  ],
  ...[
    '/healthz',
    '/readyz',
    '/metrics',
    '/baton/v1/status',
    '/baton/v1/nodes',
    '/baton/v1/hosts',
    '/baton/v1/hosts/c1',
    '/baton/v1/queues',
    '/baton/v1/operations',
  ],
]
const QUERIES = [
  'limit',
  'marker',
  'sort_key',
  'sort_dir',
  'name',
  'status',
  'host',
  'changes-since',
  'all_tenants',
  'deleted',
  'reservation_id',
  'open',
  'subject',
]

const request = (method: Method, url: string, body: Json = null, headers: Json = {}): Json => ({ method, url, body, headers })

export function httpTarget(): Target {
  let face = createFace(LIMITS)
  let requests = 0
  let id = ''

  async function fresh(): Promise<void> {
    await face.app.close()
    face = createFace(LIMITS)
    requests = 0
  }

  return {
    name: 'http',
    seeds: [
      ...PATHS.map(path => request('GET', path)),
      ...ACTIONS.map(([name, args]) => request('POST', `${SERVERS}/ID/action`, { [name]: args })),
      request('POST', SERVERS, server({ metadata: { a: 'b' }, min_count: 2, max_count: 3 })),
      request('PUT', `${SERVERS}/ID`, { server: { name: 'other' } }),
      request('POST', `${SERVERS}/ID/metadata`, { metadata: { a: 'b' } }),
      request('PUT', `${SERVERS}/ID/tags`, { tags: ['a'] }),
      request('POST', FLAVORS, { flavor: { name: 'f', id: 'f', vcpus: 1, ram: 64, disk: 1 } }),
      request('GET', `${SERVERS}?limit=1&marker=x`, null, { 'x-openstack-nova-api-version': '2.79', 'openstack-api-version': 'compute 2.90' }),
      request('DELETE', `${SERVERS}/ID`, null, { origin: 'http://evil.test' }),
    ],
    mutate(input, random): Json {
      if (!isRecord(input)) return request('GET', random.pick(PATHS))
      const url = textOf(field(input, 'url'))
      const how = random.next()
      if (how < 0.1) return { ...input, method: random.pick(METHODS) }
      if (how < 0.25) return { ...input, url: mutateText(url, random) }
      if (how < 0.4)
        return {
          ...input,
          url: `${url}${url.includes('?') ? '&' : '?'}${random.pick(QUERIES)}=${encodeURIComponent(mutateText('1', random).toWellFormed())}`,
        }
      if (how < 0.45) return { ...input, url: random.pick(PATHS) }
      if (how < 0.55)
        return { ...input, headers: mutateJson({ 'content-type': 'application/json', 'openstack-api-version': 'compute 2.90' }, random) }
      if (how < 0.6) return { ...input, body: mutateText(JSON.stringify(field(input, 'body')), random) }
      return { ...input, body: mutateJson(field(input, 'body'), random) }
    },
    async run(input) {
      if (requests === 0) id = await face.newServer()
      await ask(face, input, id)
      if (++requests >= REQUESTS_PER_FACE) await fresh()
    },
    close: async () => void (await face.app.close()),
  }
}

const LIMITS = { apiTimeoutMs: 1000, watchLifeMs: 20, watchPollMs: 5 }

async function ask(face: TestFace, input: Json, id: string): Promise<void> {
  const method = METHODS.find(m => m === field(input, 'method')) ?? 'GET'
  const path = textOf(field(input, 'url')).replaceAll('ID', id)
  const url = path.startsWith('/') ? path : `/${path}`
  // What is no URL at all cannot be injected; that such bytes are refused on a socket is tested elsewhere.
  if (!URL.canParse(url, 'http://cloud.test')) return
  const body = field(input, 'body')
  const payload = body === null ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await face.app.inject({ method, url, headers: headersOf(input, payload), payload })
  const { statusCode: status, payload: text } = answer
  if (status >= 500 && status !== 501) throw new Finding(`${status} to ${method} ${url}: ${text} ${logged(face)}`)
  if (LEAK.test(text)) throw new Finding(`the answer to ${method} ${url} shows the inside: ${text.slice(0, 500)}`)
  if (status >= 400 && method !== 'HEAD') {
    const [fault] = Object.values(JSON.parse(text) as Record<string, { code?: unknown; message?: unknown }>)
    if (fault?.code !== status || typeof fault.message !== 'string' || fault.message === '') throw new Finding(`a refusal without its shape: ${text}`)
  }
  face.lines.length = 0
  face.fake.calls.splice(0)
}

const logged = (face: TestFace): string =>
  face.lines.map(({ fields }) => ('error' in fields && fields.error instanceof Error ? fields.error.stack : '')).join('\n')

/** Headers that a client can send: names that are tokens, values in one line. */
function headersOf(input: Json, payload: string | undefined): Record<string, string> {
  const given = field(input, 'headers')
  const pairs = isRecord(given) ? Object.entries(given).map(([name, value]): [string, string] => [name.toLowerCase(), textOf(value)]) : []
  const sendable = pairs.filter(
    ([name, value]) =>
      /^[a-z0-9-]+$/.test(name) && /^[\x20-\x7e]*$/.test(value) && !/^(?:content-length|transfer-encoding|host|connection|expect)$/.test(name),
  )
  const type = payload === undefined ? [] : [['content-type', 'application/json'] as const]
  return Object.fromEntries([['host', 'cloud.test'], ...type, ...sendable])
}
