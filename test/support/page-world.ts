/**
 * The console's page before a cluster in memory: the real HTTP server, WebSocket, hub and identity over `fake-api.ts`, with as many
 * conductors, hosts and instances as wanted. What the page does goes the whole way; what the cluster does (operations that end, conductors
 * that die) is done by the test.
 */
import type { AddressInfo } from 'node:net'
import type { AlertsBody, ClusterApi, Explanation, HostBody, InstanceBody, Moment, NodeBody, OperationBody, StatusBody } from '../../actors/api.ts'
import { type ConsoleTicket, createRemoteConsoles as createHostConsoles, isRemoteConsoleMethod } from '../../actors/hypervisor/remote-consoles.ts'
import { isFoundIn } from '../../actors/instance/list.ts'
import type { ShardMap } from '../../actors/kernel/ports.ts'
import { hostFigures } from '../../supervisors/hosts/host-figures.ts'
import { createRecord, type HistoryRecord } from '../../supervisors/observe/history.ts'
import { realEnv } from '../../supervisors/real-env.ts'
import { createRemoteConsoles } from '../../supervisors/remote-consoles.ts'
import type { FeedChange } from '../../transport/console/feed.ts'
import { createHub } from '../../transport/console/hub.ts'
import { type ConsoleLimits, createConsoleServer } from '../../transport/console/server.ts'
import { openDoors } from '../../transport/console/upgrade.ts'
import { PAGE_FOLDER, readPage } from '../../transport/http/page.ts'
import { createHttpServer } from '../../transport/http/server.ts'
import { createRemoteConsoleServer, type RemoteLimits } from '../../transport/remote-console/server.ts'
import { createFakeApi, type FakeApi } from './fake-api.ts'
import { createFakeGuest, type FakeGuest, type FakeStream } from './fake-guest-stream.ts'
import { type FakeScreen, fakeScreen } from './fake-screen.ts'
import { ADMIN_PASSWORD, createTestIdentity, type TestIdentity } from './identity.ts'
import { manyInstances } from './many.ts'
import { host } from './placement.ts'

export interface PageWorldOptions {
  readonly conductors?: number
  readonly hosts?: number
  readonly instances?: number
  readonly consoleLimits?: Partial<ConsoleLimits>
  readonly remoteLimits?: Partial<RemoteLimits>
  /** How long the cluster remembers at the begin, minutes; within it a conductor was taken over and came back. Default: nothing. */
  readonly remembers?: number
}

export interface PageWorld {
  readonly fake: FakeApi
  readonly identity: TestIdentity
  readonly origin: string
  /** The one that all instances have: a line that answers what is typed with what was typed, and a screen. */
  readonly guest: FakeGuest
  /** What was said of remote consoles to the audit log: action, instance, user. */
  readonly audited: readonly string[]
  /** Keys pressed on the screen that was opened last. */
  keys(): readonly number[]
  /** Ends the operation under way on an instance, and tells who watches. */
  finish(instance: string, fault?: OperationBody['fault']): void
  setInstance(id: string, change: Partial<InstanceBody>): void
  setOperation(id: string, change: Partial<OperationBody>): void
  setHost(id: string, change: Partial<HostBody>): void
  setStatus(change: Partial<StatusBody>): void
  /** So many of the many instances and of the hosts change, each time the next ones. */
  stir(instances: number, hosts: number): void
  setAlerts(change: Partial<AlertsBody>): void
  /** A conductor dies; half of its shards are taken at once, the others when `settle` is called. */
  kill(conductor: string): { settle(): void }
  /** The gateway goes, and comes back at the same address. */
  cut(): Promise<void>
  restore(): Promise<void>
  close(): Promise<void>
}

const SHARDS = 128
const EPOCH = 'conductor-1/1'
const FIRST_MS = Date.now() - 3_600_000

export async function createPageWorld(options: PageWorldOptions = {}): Promise<PageWorld> {
  const { conductors = 3, hosts = 24, instances = 0, consoleLimits = {}, remoteLimits = {}, remembers = 0 } = options
  const env = realEnv('page-world', 'silent')
  const fake = createFakeApi()
  const identity = await createTestIdentity()
  // The first login makes the key of tokens, and the gate learns it.
  await identity.token('admin', ADMIN_PASSWORD)
  const revs = new Map<string, number>()
  const withRev = <T extends { readonly id: string }>(row: T): T & { rev: number } => ({ ...row, rev: revs.get(row.id) ?? 1 })
  const conductorNames = Array.from({ length: conductors }, (_, i) => `conductor-${i + 1}`)
  const alive = new Set(conductorNames)
  const incarnationOf = (name: string): number => conductorNames.indexOf(name) + 1
  let owners: number[] = Array.from({ length: SHARDS }, (_, i) => (i % conductors) + 1)
  let mapVersion = 1
  const map = (): ShardMap => ({
    version: mapVersion,
    owners,
    members: [...alive].map(nodeId => ({ incarnation: incarnationOf(nodeId), nodeId, endpoint: 'tcp://127.0.0.1:1', draining: false })),
  })
  const hostRows = new Map(
    Array.from({ length: hosts }, (_, i): [string, HostBody] => {
      const id = `compute-${i + 1}`
      const used = (i * 7919) % 97
      const claims = Math.round(used / 4)
      const room = { vcpus: 64, ramMb: 262_144, diskGb: 2000, vcpusUsed: claims * 2, ramMbUsed: Math.round(2621.44 * used), diskGbUsed: used * 12 }
      return [id, host(id, { ...room, claims, version: '0.1.0', createdAt: FIRST_MS, stateSince: FIRST_MS + i * 60_000 })]
    }),
  )
  const many = manyInstances(instances, [...hostRows.keys()], FIRST_MS)
  let status: Partial<StatusBody> = {}
  let alerts: AlertsBody = { firing: [], ended: [], webhook: { waiting: 0, delivered: 0, givenUp: 0, failure: null } }

  const nodeOf = (id: string, role: NodeBody['role'], more: Partial<NodeBody>): NodeBody => ({
    ...{ id, role, pid: 4000, state: 'up', endpoint: '', version: '0.1.0', node: 'v24.11.0', shards: 0, load: {} },
    ...more,
  })
  const nodes = (): NodeBody[] => [
    ...[...alive].map((id, i) =>
      nodeOf(id, 'conductor', {
        pid: 4001 + i,
        endpoint: `tcp://127.0.0.1:${20_000 + i}`,
        shards: owners.filter(owner => owner === incarnationOf(id)).length,
        load: { actors: 4000 + i * 311, inbox: i * 3, oldestMs: i * 40, commitMs: 2.4 + i, commitsWaiting: i, cpu: 0.21 + i / 10, deadLetters: i },
      }),
    ),
    ...[...hostRows.values()].map(row => nodeOf(row.id, 'compute', { state: row.state })),
    nodeOf('gateway-1', 'gateway', {}),
  ]
  const changed: Partial<ClusterApi> = {
    consoleTicket: async ({ id, kind, by }) => {
      const ticket = (await hostConsoles.serve('consoleTicket', { instance: id, kind, by })) as ConsoleTicket
      return { host: 'compute-1', ...ticket }
    },
    getInstance: async args => withRev(many.byId.get(args.id) ?? (await fake.api.getInstance(args))),
    listInstances: async args => {
      const { limit = 1000, marker } = args
      const fits = (row: InstanceBody) =>
        (args.vmState ?? row.vmState) === row.vmState && (args.host ?? row.host) === row.host && (!args.find || isFoundIn(args.find, row))
      const mine = many.byId.has(marker ?? '') ? [] : await fake.api.listInstances(args)
      const from = many.byId.has(marker ?? '') ? many.rows.findIndex(row => row.id === marker) + 1 : 0
      const rest: InstanceBody[] = []
      for (let i = from; i < many.rows.length && mine.length + rest.length < limit; i++) {
        const row = many.rows[i]
        if (row && fits(row) && (args.project ?? row.project) === row.project) rest.push(row)
      }
      return [...mine, ...rest].map(withRev)
    },
    listOperations: async args => (await fake.api.listOperations(args)).map(withRev),
    getOperation: async args => withRev(await fake.api.getOperation(args)),
    listHosts: async ({ limit, marker }) => {
      const rows = [...hostRows.values()]
      const from = marker === undefined ? 0 : rows.findIndex(({ id }) => id === marker) + 1
      return rows.slice(from, from + (limit ?? 1000)).map(withRev)
    },
    getHost: async args => {
      const row = hostRows.get(args.id)
      return row ? { ...withRev(row), lease: { heardAgoMs: 420, leftMs: 9_580, armed: true } } : fake.api.getHost(args)
    },
    listNodes: async ({ roles }) => nodes().filter(({ role }) => roles?.includes(role) ?? true),
    listAlerts: async () => alerts,
    clusterHistory: async ({ after, epoch }) => ({
      epoch: EPOCH,
      isWhole: epoch !== EPOCH,
      ...memory.since(epoch === EPOCH ? (after ?? null) : null),
    }),
    listQueues: async () =>
      [...alive].flatMap((node, i) => [
        { node, queue: 'inboxes', depth: i * 40, limit: 10_000, oldestMs: i * 210, busiest: i === 0 ? null : 'host/compute-7' },
        { node, queue: 'journal', depth: i, limit: 10_000, oldestMs: i * 3, busiest: null },
      ]),
    explainSchedule: async () => explanationOf([...hostRows.values()]),
    status: async args => ({
      ...(await fake.api.status(args)),
      nodes: args.roles ? [] : nodes(),
      hosts: hostFigures([...hostRows.values()]),
      instances: { ...(await fake.api.status(args)).instances, ...many.counts },
      advice: { addConductor: false, because: 'the oldest message waits 80 ms (limit 1,000) and commits take 3.4 ms' },
      ...status,
    }),
    createInstances: async args => {
      const made = await fake.api.createInstances(args)
      for (const { id } of made) await tell(id)
      return made
    },
    actOnInstance: async args => {
      const accepted = await fake.api.actOnInstance(args)
      await tell(args.id)
      return accepted
    },
    deleteInstance: async args => {
      const accepted = await fake.api.deleteInstance(args)
      await tell(args.id)
      return accepted
    },
    cancelOperation: async args => {
      const row = await fake.api.cancelOperation(args)
      await tell(row.subject)
      return row
    },
  }
  const api: ClusterApi = new Proxy(fake.api, { get: (target, name) => Reflect.get(name in changed ? changed : target, name) })

  const memory = createRecord()
  const momentNow = (): Moment => ({
    at: Date.now(),
    conductors: new Map(
      [...alive].map((id, i) => [id, { state: 'up', cpu: 0.2 + i / 10, lagMs: 2, inbox: i * 3, oldestMs: i * 40, commitMs: 2 + i }]),
    ),
    owners: { names: conductorNames, of: owners.map(owner => owner - 1) },
    hosts: new Map(
      [...hostRows.values()].map(({ id, state, mode, ramMb, ramMbUsed }) => [id, [state, mode, Math.round((ramMbUsed / ramMb) * 10) * 10]]),
    ),
    ended: [12.4, 0.1],
  })
  remember(memory, momentNow(), remembers)
  memory.add(momentNow())
  const remembering = setInterval(() => memory.add(momentNow()), 500)

  const hub = createHub({ env, api, map, follow: () => {} })
  let seq = 0
  const changeOf = (table: string, row: { readonly id: string }, at: number): FeedChange => {
    revs.set(row.id, (revs.get(row.id) ?? 1) + 1)
    return { seq: ++seq, kind: table, id: row.id, types: ['changed'], at, table, json: JSON.stringify(withRev(row)) }
  }
  /** An instance and its operations as they are now. */
  async function tell(instance: string): Promise<void> {
    const row = await fake.api.getInstance({ id: instance })
    const operations = await fake.api.listOperations({ subject: instance })
    hub.changed([changeOf('instance', row, Date.now()), ...operations.map(operation => changeOf('operation', operation, Date.now()))])
  }

  const screens = new Map<FakeStream, FakeScreen>()
  const guest = createFakeGuest(
    (stream, bytes) => (stream.kind === 'vnc' ? screens.get(stream)?.heard(bytes) : answerLine(stream, bytes)),
    'shop-front-1 login: ',
    stream => stream.kind === 'vnc' && screens.set(stream, fakeScreen(stream)),
  )
  const hostConsoles = createHostConsoles({ env, driver: guest.driver })
  const consoles = createRemoteConsoles(env, async (_host, method, args) => {
    if (!isRemoteConsoleMethod(method)) throw new Error(method)
    return hostConsoles.serve(method, args)
  })

  const audited: string[] = []
  let served: { close(): Promise<void> } | null = null
  let port = 0
  async function serve(): Promise<void> {
    const gate = { gate: identity.gate, rules: [] }
    const app = createHttpServer({
      ...{ api, images: fake.images.streams, identity: gate, page: readPage(PAGE_FOLDER), log: env.log },
      isReady: () => ({ ready: true, reasons: [] }),
      metrics: () => '',
    })
    const watched = createConsoleServer({ env, hub, api, identity: gate, about: { gateway: 'gateway-1', version: '0.1.0' }, limits: consoleLimits })
    const remote = createRemoteConsoleServer({
      env,
      consoles,
      limits: remoteLimits,
      audit: line => audited.push(`${line.action} ${line.target} ${line.user}`),
    })
    openDoors(app.server, [watched.door, remote.door])
    await app.listen({ host: '127.0.0.1', port })
    port = (app.server.address() as AddressInfo).port
    served = {
      async close() {
        watched.close()
        remote.close()
        app.server.closeAllConnections()
        await app.close()
      },
    }
  }
  await serve()

  const turns = { instances: 0, hosts: 0 }
  const hostIds = [...hostRows.keys()]

  return {
    ...{ fake, guest, audited, keys: () => [...screens.values()].at(-1)?.keys() ?? [] },
    ...{ identity, origin: `http://127.0.0.1:${port}` },
    finish(instance, fault = null) {
      fake.finish(instance, fault)
      tell(instance)
    },
    setInstance(id, change) {
      fake.setInstance(id, change)
      tell(id)
    },
    setOperation(id, change) {
      fake.setOperation(id, change)
      tell(id.split('.', 1)[0] ?? '')
    },
    setHost(id, change) {
      const row = hostRows.get(id)
      if (!row) throw new Error(`no host ${id}`)
      hostRows.set(id, { ...row, ...change })
      hub.changed([changeOf('host', { ...row, ...change }, Date.now())])
    },
    stir(instances, hosts) {
      const now = Date.now()
      const changes: FeedChange[] = []
      for (let i = 0; i < instances && many.rows.length > 0; i++) {
        const at = turns.instances++ % many.rows.length
        const row = many.rows[at]
        if (!row) continue
        const vmState = row.vmState === 'active' ? 'stopped' : 'active'
        const next: InstanceBody = { ...row, vmState, powerState: vmState === 'active' ? 'running' : 'shutdown', updatedAt: now }
        many.set(next)
        changes.push(changeOf('instance', next, now))
      }
      for (let i = 0; i < hosts; i++) {
        const row = hostRows.get(hostIds[turns.hosts++ % hostIds.length] ?? '')
        if (!row) continue
        const next = { ...row, claims: (row.claims + 1) % 32, ramMbUsed: (row.ramMbUsed + 8192) % row.ramMb }
        hostRows.set(row.id, next)
        changes.push(changeOf('host', next, now))
      }
      hub.changed(changes)
    },
    setAlerts(change) {
      alerts = { ...alerts, ...change }
    },
    setStatus(change) {
      status = { ...status, ...change }
    },
    kill(conductor) {
      const dead = incarnationOf(conductor)
      alive.delete(conductor)
      const heirs = [...alive].map(incarnationOf)
      const orphans = owners.flatMap((owner, i) => (owner === dead ? [i] : []))
      const take = (shards: readonly number[]): void => {
        owners = owners.map((owner, i) => (shards.includes(i) ? (heirs[i % heirs.length] ?? 0) : owner))
        mapVersion++
        hub.mapChanged()
      }
      take(orphans.slice(0, orphans.length / 2))
      return { settle: () => take(orphans.slice(orphans.length / 2)) }
    },
    cut: async () => served?.close(),
    restore: serve,
    async close() {
      clearInterval(remembering)
      await served?.close()
      hostConsoles.close()
      hub.stop()
    },
  }
}

/** A guest that shows what is typed, and calls every line by its name. */
function answerLine(stream: FakeStream, bytes: Uint8Array): void {
  stream.say(Buffer.from(bytes).toString('utf8').replaceAll('\r', '\r\nyou typed a line\r\n$ '))
}

const explanationOf = (hosts: readonly HostBody[]): Explanation => {
  const refusals = ({ state, mode }: HostBody) => [{ filter: 'up', reason: state === 'up' ? `is ${mode}` : `is ${state}` }]
  const verdicts = hosts.map(row => {
    const fits = row.state === 'up' && row.mode === 'enabled'
    return { host: row.id, fits, weight: fits ? 1 - row.ramMbUsed / row.ramMb : null, refusals: fits ? [] : refusals(row) }
  })
  const fitting = verdicts.filter(({ fits }) => fits).toSorted((a, b) => (b.weight ?? 0) - (a.weight ?? 0))
  const others = verdicts.filter(({ fits }) => !fits)
  const counts = { hosts: hosts.length, fitting: fitting.length, refusedBy: { up: others.length } }
  return { ...counts, wanted: '1 vCPU, 512 MiB, 5 GB', verdicts: [...fitting.slice(0, 6), ...others.slice(0, 4)], nearest: [] }
}

/** Minutes of a quiet cluster; eighteen minutes ago the last conductor died, for two minutes, and four hosts were silent. */
function remember(memory: HistoryRecord, now: Moment, minutes: number): void {
  const last = now.conductors.size - 1
  for (let s = minutes * 60; s > 0; s--) {
    const agoMin = s / 60
    const isGone = agoMin < 18 && agoMin > 16
    const silent = new Set(agoMin < 18 && agoMin > 17 ? [...now.hosts.keys()].slice(0, 4) : [])
    memory.add({
      at: now.at - s * 1000,
      conductors: new Map([...now.conductors].slice(0, isGone ? last : last + 1)),
      owners: { ...now.owners, of: now.owners.of.map((place, i) => (isGone && place === last ? i % last : place)) },
      hosts: new Map([...now.hosts].map(([id, moment]) => [id, silent.has(id) ? ['down', moment[1], moment[2]] : moment])),
      ended: [10 + (s % 5), 0],
    })
  }
}
