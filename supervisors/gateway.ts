/** A gateway: stateless, speaks HTTP to the outside and asks conductors for everything. */
import type { ClusterApi, QueueBody } from '../actors/api.ts'
import { ALL } from '../actors/identity/directory.ts'
import { address } from '../actors/kernel/address.ts'
import type { Env } from '../actors/kernel/env.ts'
import { BatonError } from '../actors/kernel/errors.ts'
import type { Link } from '../transport/link.ts'
import { createMessenger, type Messenger } from '../transport/messenger.ts'
import type { NodeIdentity } from '../transport/protocol.ts'
import { createGate, type Gate } from './identity/gate.ts'
import { identityProxy } from './identity/serve.ts'
import { createDirectory } from './seeds.ts'
import { apiProxy } from './serve-api.ts'

export interface GatewayOptions {
  readonly env: Env
  readonly self: NodeIdentity
  readonly link: Link
  readonly seeds: readonly string[]
  /** Time a request may take before it is answered with 503, ms. */
  readonly requestMs: number
  /** Whether this cluster has identities. */
  readonly identity?: boolean
}

export interface Gateway {
  readonly api: ClusterApi
  readonly messenger: Messenger
  /** Why requests cannot be served now, for people; empty when they can. */
  lacks(): readonly string[]
  /** Resolves as soon as nothing lacks. */
  whenReady(): Promise<void>
  /** Null without identities. */
  readonly gate: Gate | null
  queues(): QueueBody[]
  stop(): void
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
    serve: async ({ method }) => {
      if (method === 'queues') return queues()
      throw new BatonError('UnknownMethod', `a gateway has no method ${method}`)
    },
    take: ({ method, args, from }) => {
      if (from.role === 'conductor' && method === 'identityChanged') gate?.changed()
      if (from.role !== 'conductor' || method !== 'map') return
      directory.learn(args)
      tellWhoWaits()
    },
    onMoved: fault => directory.moved(fault),
  })
  directory.start(messenger)
  // To the conductor that has the directory: it counts the guesses.
  const identity = identityProxy((method, args) => messenger.call(address('identity', ALL), method, args, { timeoutMs: options.requestMs }))
  const gate = options.identity ? createGate({ env, api: identity, onHeard: tellWhoWaits }) : null
  return {
    api: apiProxy((method, args, affinity) => messenger.call(address('api', affinity ?? ''), method, args, { timeoutMs: options.requestMs })),
    messenger,
    gate,
    lacks,
    whenReady: () => (lacks().length === 0 ? Promise.resolve() : new Promise(resolve => waiting.push(resolve))),
    queues,
    stop() {
      gate?.stop()
      directory.stop()
      messenger.close()
    },
  }
}
