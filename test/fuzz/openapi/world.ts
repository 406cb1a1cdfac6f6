/** The real HTTP face over a cluster in memory with one of everything in it, and what is asked of each answer. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { faultName, type OpenApiDocument, openApiDocument } from '../../../transport/http/openapi.ts'
import { routeInfosOf } from '../../../transport/http/requests/not-found.ts'
import type { FakeApi } from '../../support/fake-api.ts'
import { createFace, tiny } from '../../support/http.ts'
import { ADMIN_PASSWORD, createTestIdentity } from '../../support/identity.ts'
import type { ApiRequest, Caller, Things } from './requests.ts'

const LIMITS = { apiTimeoutMs: 1000, watchLifeMs: 20, watchPollMs: 5 }
/** The inside, as it must not be shown. */
const LEAK = /node_modules|file:\/\/|\n\s+at |\.ts:\d/

export interface World {
  /** The cluster behind it. */
  readonly fake: FakeApi
  readonly document: OpenApiDocument
  things(): Things
  /** Makes some of everything anew. */
  fill(): Promise<void>
  /** The status of the answer, and what is wrong with it, if anything is. */
  ask(request: ApiRequest): Promise<{ readonly status: number; readonly wrong: string | null; readonly tookMs: number }>
  close(): Promise<void>
}

const FAULT_CHECKS = new Map<string, ValidateFunction>()

/** Whether an error has the body that the document says. */
function checkOf(document: OpenApiDocument, name: string): ValidateFunction {
  const known = FAULT_CHECKS.get(name)
  if (known) return known
  const { components } = document as unknown as { components: { schemas: Record<string, object> } }
  const check = new Ajv2020({ strict: false }).compile(components.schemas[name] ?? {})
  FAULT_CHECKS.set(name, check)
  return check
}

export async function createWorld(): Promise<World> {
  const identity = await createTestIdentity()
  const { app, ask, fake, lines } = createFace(LIMITS, { identity: { gate: identity.gate, rules: [] } })
  const admin = await identity.token('admin', ADMIN_PASSWORD)
  const tokens: Record<Caller, string | null> = {
    admin,
    member: await identity.member('ann', 'demo', 'member'),
    nobody: null,
    stranger: `${admin.slice(0, -4)}AAAA`,
  }
  const as = { 'x-auth-token': admin, 'openstack-api-version': 'compute 2.90, placement 1.39' }
  const document = openApiDocument(routeInfosOf(app))
  let things: Things = {}
  let rounds = 0

  /** Makes some of everything, with other names than before: what was there may have been deleted. */
  async function fill(): Promise<void> {
    const round = rounds++
    const some = <T>(make: (n: string) => Promise<T>): Promise<T[]> => Promise.all([0, 1, 2].map(n => make(`${round}-${n}`)))
    const post = async (path: string, body: object) => {
      const { status, text, body: answer } = await ask('POST', path, body, as)
      if (status >= 300) throw new Error(`POST ${path} answered ${status}: ${text}`)
      return answer
    }
    // Requests may have set it so that nothing can be made any more.
    await ask('PUT', '/compute/v2.1/os-quota-class-sets/default', { quota_class_set: { metadata_items: -1 } }, as)
    const servers = await some(async n => {
      const { server } = await post('/compute/v2.1/servers', tiny({ name: `vm${n}`, tags: ['a'], metadata: { a: 'b' } }))
      return String(server.id)
    })
    for (const id of servers) fake.finish(id)
    const volume = { volumeAttachment: { volumeId: `disk${round}` } }
    await post(`/compute/v2.1/servers/${servers[0]}/os-volume_attachments`, volume)
    fake.finish(servers[0] ?? '')
    const flavors = await some(async n => (await post('/compute/v2.1/flavors', { flavor: { name: n, id: n, ram: 64, vcpus: 1, disk: 1 } })).flavor.id)
    for (const id of flavors) await post(`/compute/v2.1/flavors/${id}/os-extra_specs`, { extra_specs: { a: 'b' } })
    const key = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA${'A'.repeat(42)} x`
    const pairs = await some(async n => (await post('/compute/v2.1/os-keypairs', { keypair: { name: n, public_key: key } })).keypair.name)
    const groups = await some(async n => (await post('/baton/v1/groups', { name: n, policy: 'affinity' })).group.id)
    const aggregates = await some(async n => String((await post('/compute/v2.1/os-aggregates', { aggregate: { name: n } })).aggregate.id))
    for (const name of ['traits', 'resource_classes']) await ask('PUT', `/placement/${name}/CUSTOM_A`, undefined, as)
    const { resource_providers: providers } = (await ask('GET', '/placement/resource_providers', undefined, as)).body
    const backups = await Promise.all(
      servers.slice(1).map(async id => String((await post(`/baton/v1/guests/${id}/backups`, { backup: {} })).backup.id)),
    )
    for (const id of servers.slice(1)) fake.finish(id)
    const agents = await some(async n => String((await post('/baton/v1/agents', { agent: { name: n } })).agent.id))
    const about = { agent: 'a/1', boot: 'b', service: 's', methods: [{ name: 'perform', about: '' }], backups: ['full'] }
    const heard = { order: { rank: 1, life: 1, number: 1 }, on: true, heard: true, status: 'ACTIVE', message: null, about, backup: null }
    const [agent = '', second = ''] = agents
    for (const id of [agent, second]) {
      fake.fleet.tell(id, 'attach', { key: (await ask('GET', `/baton/v1/agents/${id}`, undefined, as)).body.agent.key, life: 1 })
      fake.fleet.tell(id, 'report', heard)
    }
    const { command } = await post(`/baton/v1/agents/${agent}/exec`, { method: 'perform' })
    const made = async (path: string, one: string, more: object = {}): Promise<string[]> => [
      String((await post(`/identity/v3/${path}`, { [one]: { name: `${one}${round}`, ...more } }))[one].id),
    ]
    const regions = await made('regions', 'region', { id: `region${round}` })
    const services = await made('services', 'service', { type: 'x' })
    const endpoint = { service_id: services[0], region_id: regions[0], interface: 'public', url: 'http://x.test' }
    things = {
      servers,
      instances: servers,
      guests: servers,
      agents,
      commands: [command.id],
      backups,
      allocations: servers,
      operations: servers.map(id => `${id}.1`),
      metadata: ['a'],
      tags: ['a'],
      'os-volume_attachments': [`disk${round}`],
      flavors,
      'os-extra_specs': ['a'],
      images: ['fake', 'other'],
      disks: [`disk${round}`],
      'os-keypairs': pairs,
      hosts: ['c1', 'c2'],
      nodes: ['n1', 'n2'],
      groups: [...groups, ...(await made('groups', 'group'))],
      implies: ['reader'],
      quotas: ['default', 'demo-id'],
      traces: ['0af7651916cd43dd8448eb211c80319c'],
      'os-quota-sets': ['demo-id'],
      'os-quota-class-sets': ['default'],
      'os-server-groups': groups,
      'os-aggregates': aggregates,
      'os-hypervisors': ['c1'],
      'os-hosts': ['c1'],
      resource_providers: providers.map(({ uuid }: { uuid: string }) => uuid),
      inventories: ['VCPU', 'CUSTOM_A'],
      resource_classes: ['VCPU', 'CUSTOM_A'],
      traits: ['CUSTOM_A'],
      domains: [...(await made('domains', 'domain')), 'default'],
      projects: await made('projects', 'project'),
      users: await made('users', 'user'),
      roles: await made('roles', 'role'),
      regions,
      services,
      endpoints: await made('endpoints', 'endpoint', endpoint),
    }
  }
  await fill()

  function wrongWith({ method, url }: ApiRequest, status: number, text: string, requestId: unknown): string | null {
    // 501 is a true word about a driver, and nothing that broke.
    if (status >= 500 && status !== 501) {
      return `answered ${status}: ${text.slice(0, 300)} ${lines.map(line => JSON.stringify(line.fields, errorText)).join(' ')}`
    }
    if (LEAK.test(text)) return `shows the inside: ${text.slice(0, 300)}`
    if (typeof requestId !== 'string') return 'has no request id'
    if (status < 400 || method === 'HEAD') return null
    const name = faultName(url)
    const body = JSON.parse(text)
    const check = checkOf(document, name)
    if (!check(body)) return `is refused without the body of a ${name}: ${text.slice(0, 300)}`
    return JSON.stringify(body).includes(`:${status}`) ? null : `says another status than its ${status}: ${text.slice(0, 300)}`
  }

  return {
    fake,
    document,
    things: () => things,
    fill,
    async ask(request) {
      const token = tokens[request.caller]
      const { method, url, body } = request
      const headers = { host: 'cloud.test', ...request.headers, ...(token === null ? {} : { 'x-auth-token': token }) }
      lines.length = 0
      const startedMs = performance.now()
      const answer = await app.inject({ method: method as 'GET', url, headers, ...(body === null ? {} : { payload: body }) })
      const tookMs = performance.now() - startedMs
      // What is asked for after `..` was taken out of the path is what the answer is about.
      const asked = { ...request, url: new URL(url, 'http://cloud.test').pathname }
      return {
        status: answer.statusCode,
        wrong: wrongWith(asked, answer.statusCode, answer.payload, answer.headers['x-openstack-request-id']),
        tookMs,
      }
    },
    close: () => app.close(),
  }
}

const errorText = (_: string, value: unknown): unknown => (value instanceof Error ? value.stack : value)
