/** A gateway: stateless, speaks HTTP to the outside and asks conductors for everything. */
import type { ClusterApi, QueueBody } from '../actors/api.ts'
import type { SessionSettings } from '../actors/guest/session.ts'
import { ALL } from '../actors/identity/directory.ts'
import { address } from '../actors/kernel/address.ts'
import type { Env } from '../actors/kernel/env.ts'
import { BatonError } from '../actors/kernel/errors.ts'
import type { KeyPair } from '../transport/agents/keys.ts'
import { createHub, type Hub } from '../transport/console/hub.ts'
import type { Link } from '../transport/link.ts'
import { createMessenger, type Messenger } from '../transport/messenger.ts'
import type { NodeIdentity } from '../transport/protocol.ts'
import type { RemoteConsoles } from '../transport/remote-console/console.ts'
import type { CurveListener } from '../transport/zeromq-curve.ts'
import { createAdmissions } from './agents/admissions.ts'
import { type AgentDoorService, createAgentDoorService } from './agents/agent-door.ts'
import { createGate, type Gate } from './identity/gate.ts'
import { identityProxy } from './identity/serve.ts'
import type { StoreCall } from './images/pieces.ts'
import { createImageStreams, type ImageStreams } from './images/streams.ts'
import { createDirectory } from './membership/seeds.ts'
import { createFollower } from './observe/feed-follower.ts'
import type { Witness } from './observe/witness.ts'
import { createRemoteConsoles } from './remote-consoles.ts'
import { apiProxy } from './requests/serve-api.ts'

export interface GatewayOptions {
  readonly env: Env
  readonly self: NodeIdentity
  readonly link: Link
  readonly seeds: readonly string[]
  /** Time a request may take before it is answered with 503, ms. */
  readonly requestMs: number
  /** Hears how many bytes of images have gone through. */
  readonly onPassed?: (bytes: number) => void
  /** Whether this cluster has identities. */
  readonly identity?: boolean
  /** When the certificate of the API ends, ms since 1970; null where it has none. */
  certificateEndsAt?(): number | null
  /** What this node remembers, for whoever asks. */
  readonly witness?: Witness
  /** How often agents from outside of guests report, and when they are silent. */
  readonly agents?: SessionSettings
  /** Conductors that are not heard, whenever they are others. */
  onSilent?(nodes: readonly string[]): void
}

/** The way in for agents from outside of guests. */
export interface OpenDoor {
  readonly endpoint: string
  /** Its public key, hexadecimal. */
  readonly serverKey: string
  stats(): ReturnType<AgentDoorService['stats']> & { readonly handshakesRefused: number }
  close(): Promise<void>
}

export interface Gateway {
  readonly api: ClusterApi
  readonly messenger: Messenger
  readonly images: ImageStreams
  readonly consoles: RemoteConsoles
  /** Why requests cannot be served now, for people; empty when they can. */
  lacks(): readonly string[]
  /** Resolves as soon as nothing lacks. */
  whenReady(): Promise<void>
  /** Null without identities. */
  readonly gate: Gate | null
  /** What is watched live. */
  readonly hub: Hub
  /** Lets agents from outside of guests in at `endpoint`; answers with where that is. Throws as `listen` of a link. */
  openAgentDoor(endpoint: string, linkFor: (listens: CurveListener) => Link): Promise<OpenDoor>
  queues(): QueueBody[]
  stop(): void
}

const noDoor = (): never => {
  throw new BatonError('UnknownMethod', 'this gateway has no door for agents')
}

export function startGateway(options: GatewayOptions): Gateway {
  const { env, self } = options
  const directory = createDirectory(env, options.seeds)
  const waiting: (() => void)[] = []
  const lacks: Gateway['lacks'] = () => {
    if (directory.map().version === 0 || directory.anyConductor().at !== 'node') return ['no conductor can be reached']
    return gate === null || gate.ready() ? [] : ['no conductor says which tokens are valid; do conductors have auth.mode: token, too?']
  }
  const tellWhoWaits = () => {
    if (lacks().length === 0) for (const resolve of waiting.splice(0)) resolve()
  }
  const queues = (): QueueBody[] => {
    const m = messenger.stats()
    return [{ node: self.node, queue: 'calls', depth: m.pending, limit: 20_000, oldestMs: Math.round(m.oldestPendingMs), busiest: null }]
  }
  const messenger: Messenger = createMessenger({
    env,
    link: options.link,
    self,
    // A request goes to where its subject lives, so that most of its way is within one node.
    route: to => {
      if (to.id === '') return directory.anyConductor()
      const owner = directory.ownerOf(to)
      return owner.at === 'node' && messenger.sessions.to(owner.node) ? owner : directory.anyConductor()
    },
    serve: async ({ to, method, args, from }) => {
      if (to.kind === 'agent-door') return from.role === 'conductor' && agents ? agents.serve(method, args) : noDoor()
      if (method === 'queues') return queues()
      if (method === 'certificate') return { endsAt: options.certificateEndsAt?.() ?? null }
      const told = from.role === 'conductor' ? options.witness?.answer(method, args) : undefined
      if (told) return told
      throw new BatonError('UnknownMethod', `a gateway has no method ${method}`)
    },
    take: ({ method, args, from }) => {
      if (from.role === 'conductor' && method === 'identityChanged') gate?.changed()
      if (from.role === 'conductor' && method === 'feed') follower.heard(from.node, args)
      if (from.role !== 'conductor' || method !== 'map') return
      const { version } = directory.map()
      directory.learn(args)
      if (directory.map().version !== version) mapChanged()
      tellWhoWaits()
    },
    onMoved: fault => {
      const { version } = directory.map()
      directory.moved(fault)
      if (directory.map().version !== version) mapChanged()
    },
  })
  directory.start(messenger)
  let agents: AgentDoorService | null = null

  async function openAgentDoor(endpoint: string, linkFor: (listens: CurveListener) => Link): Promise<OpenDoor> {
    const ask = (method: string, args: unknown) => messenger.call(address('agent-keys', ''), method, args, { timeoutMs: options.requestMs })
    const keys = (await ask('door', {})) as KeyPair
    const admissions = createAdmissions(env, async key => ((await ask('admits', { key })) as { admitted: boolean }).admitted)
    const link = linkFor({ keys, admits: admissions.admits })
    const opened = createAgentDoorService({
      ...{ env, link, keys, messenger, api, life: self.inc, toStore },
      settings: options.agents ?? { heartbeatMs: 5_000, silentMs: 20_000 },
    })
    agents = opened
    return {
      endpoint: await link.listen(endpoint),
      serverKey: keys.publicKey,
      stats: () => ({ ...opened.stats(), handshakesRefused: admissions.counters().refused }),
      async close() {
        agents = null
        opened.stop()
        await link.close()
      },
    }
  }
  // To the conductor that has the directory: it counts the guesses.
  const identity = identityProxy((method, args) => messenger.call(address('identity', ALL), method, args, { timeoutMs: options.requestMs }))
  const gate = options.identity ? createGate({ env, api: identity, onHeard: tellWhoWaits }) : null
  const api = apiProxy((method, args, affinity) => messenger.call(address('api', affinity ?? ''), method, args, { timeoutMs: options.requestMs }))
  const toStore: StoreCall = (image, method, args, timeoutMs) => messenger.call(address('image-store', image), method, args, { timeoutMs })
  const follower = createFollower({
    env,
    map: directory.map,
    ask(node, method, args) {
      const session = messenger.sessions.to(node)
      if (session) messenger.castTo(session, address('node', node), method, args)
      return session !== undefined
    },
    onChanges: changes => hub.changed(changes),
    onAnew: why => hub.anew(why),
    onSilent: nodes => options.onSilent?.(nodes),
  })
  const hub = createHub({ env, api, map: directory.map, follow: follower.start })
  function mapChanged(): void {
    hub.mapChanged()
    follower.mapChanged()
  }
  return {
    api,
    hub,
    messenger,
    images: createImageStreams(env, toStore, options.onPassed),
    openAgentDoor,
    consoles: createRemoteConsoles(env, (host, method, args, timeoutMs) =>
      messenger.call(address('remote-console', host), method, args, { timeoutMs }),
    ),
    gate,
    lacks,
    whenReady: () => (lacks().length === 0 ? Promise.resolve() : new Promise(resolve => waiting.push(resolve))),
    queues,
    stop() {
      follower.stop()
      hub.stop()
      gate?.stop()
      directory.stop()
      messenger.close()
    },
  }
}
