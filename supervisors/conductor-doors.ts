/** What a conductor answers and hears, by who asks: every message from outside comes through here, and its arguments are looked at. */

import type { AgentRecord } from '../actors/agent/state.ts'
import type { Notification } from '../actors/alerts/body.ts'
import type { ClusterApi } from '../actors/api.ts'
import { checkHistory, type HistoryAsked } from '../actors/cluster/history.ts'
import { isRelayed } from '../actors/hypervisor/remote-consoles.ts'
import type { IdentityApi } from '../actors/identity/api.ts'
import { address, parseAddress, shardOf } from '../actors/kernel/address.ts'
import { type Check, checkObject, integer, listOf, optional, text } from '../actors/kernel/check.ts'
import { BatonError } from '../actors/kernel/errors.ts'
import type { Incarnation } from '../actors/kernel/ports.ts'
import { checkPick, type PickArgs } from '../actors/operation/catalogue/placing.ts'
import { isFeedWanted } from '../transport/console/feed.ts'
import type { Received } from '../transport/incoming.ts'
import type { Messenger } from '../transport/messenger.ts'
import type { AgentKeys } from './agents/door-keys.ts'
import type { ActorHost } from './hosting/actor-host.ts'
import { type Beat, checkBeat, type HostMonitor } from './hosts/host-monitor.ts'
import type { HostSummary, Summaries } from './hosts/summaries.ts'
import { serveIdentity } from './identity/serve.ts'
import { type ImageBytesService, isImageRead } from './images/bytes.ts'
import type { ClusterMember } from './membership/member.ts'
import type { ConductorFeed } from './observe/feed.ts'
import type { History } from './observe/history.ts'
import type { SelfReport } from './observe/self-report.ts'
import type { Witness } from './observe/witness.ts'
import type { PlacementService } from './requests/placement.ts'
import { isApiRead, serveApi } from './requests/serve-api.ts'
import type { Storage } from './requests/storage.ts'

export interface DoorsOptions {
  readonly nodeId: string
  readonly actors: ActorHost
  readonly messenger: Messenger
  readonly member: ClusterMember
  readonly monitor: HostMonitor
  readonly placement: PlacementService
  readonly storage: Storage
  readonly imageBytes: ImageBytesService
  readonly agentKeys: AgentKeys
  readonly summaries: Summaries
  readonly api: ClusterApi
  /** Undefined when this cluster has no identities. */
  readonly identity: IdentityApi | undefined
  readonly queues: SelfReport['queues']
  /** Whether a compute host of that id was ever heard of. */
  isHost(id: string): boolean
  readonly history: Pick<History, 'part'>
  readonly feed: Pick<ConductorFeed, 'wanted'>
  readonly witness: Witness | undefined
  /** Makes sure that nothing runs on a host; undefined when nobody can. */
  readonly fence: ((host: string) => Promise<void>) | undefined
  readonly webhook: ((notification: Notification) => Promise<void>) | undefined
  /** Begins to hand everything over. */
  /** Which life of the node this is. */
  readonly incarnation: Incarnation
  drain(): void
}

/** How long a host may take for what a gateway asks of a remote console, its own wait included, ms. */
const RELAY_MS = 15_000
/** How long a gateway may take for what an agent is to do, its own wait included, ms. */
const LINE_MS = 45_000
/** An agent that is nowhere is asked for again after so long, ms. */
const AGENT_AWAY_MS = 500
const ANY = Number.MAX_SAFE_INTEGER
const checkPing = checkObject({ incarnation: integer(1, ANY), suspects: listOf(integer(1, ANY), 1000) })
/** Gateways and conductors of an earlier release do not say which life they mean. */
const checkDrain = checkObject({ incarnation: optional(integer(1, ANY)) })
const checkActor = checkObject({ actor: text(256) })
const checkVersion = checkObject({ version: integer(0, ANY) })

function checked(what: string, check: Check, args: unknown): unknown {
  const wrong = check(args)
  if (wrong) throw new BatonError('BadRequest', `${what}: ${wrong}`)
  return args
}

const unknown = (what: string): never => {
  throw new BatonError('UnknownMethod', what)
}

/** What fills memory when its answers are kept: pieces of images, and pages of lists. */
export const isRead = ({ to: { kind }, method }: Pick<Received, 'to' | 'method'>): boolean =>
  kind === 'image-store' ? isImageRead(method) : kind === 'api' && isApiRead(method)

export function createDoors(options: DoorsOptions) {
  const { nodeId, actors, messenger, member, monitor, placement, storage, imageBytes, summaries, api, fence, identity, feed } = options

  const self = { role: 'conductor', node: nodeId } as const

  const movedWithMap = (shard: number): BatonError =>
    new BatonError('Moved', `shard ${shard} is not served by ${nodeId}`, { details: { map: member.map() } })

  async function serveNode(method: string, args: unknown): Promise<unknown> {
    if (method === 'queues') return options.queues()
    if (method === 'history') return options.history.part(checked('history', checkHistory, args) as HistoryAsked)
    const told = options.witness?.answer(method, args)
    if (told) return told
    if ((method === 'revive' || method === 'rewrite') && checkActor(args) === null) {
      return actors[method](parseAddress((args as { actor: string }).actor))
    }
    if (method !== 'drain') return unknown(`a node has no method ${method}`)
    const { incarnation } = checked('drain', checkDrain, args) as { readonly incarnation?: number }
    // A copy of the request may come when this node has drained, ended and been started again: it is not meant then.
    if (incarnation !== undefined && incarnation !== options.incarnation)
      throw new BatonError('Conflict', `${nodeId} was started again meanwhile; drain it again if that is wanted`)
    options.drain()
    return { state: 'draining' }
  }

  /** To the gateway that the agent talks to by now: whoever asks need not know which. */
  async function toAgent(id: string, method: string, args: unknown, deadlineMs: number): Promise<unknown> {
    const { door } = (await actors.deliver(address('agent', id), { method: 'door', args: {} }, self, deadlineMs)) as Pick<AgentRecord, 'door'>
    if (!door) throw new BatonError('Unavailable', `agent ${id} is not connected`, { retryAfterMs: AGENT_AWAY_MS })
    return messenger.call(address('agent-door', door.node), method, args, { timeoutMs: LINE_MS })
  }

  return {
    /** Answers a call. Rejects `UnknownMethod` for what is not for this sender, and `Moved` for what is elsewhere. */
    async serve({ to, method, args, from, deadlineMs }: Received): Promise<unknown> {
      switch (to.kind) {
        case 'scheduler':
          if (method !== 'pick' || from.role !== 'conductor') return unknown(`a scheduler has no method ${method} for a ${from.role}`)
          return placement.pick(checked('scheduler.pick', checkPick, args) as PickArgs)
        case 'storage':
          if (from.role !== 'conductor') return unknown(`storage has no method ${method} for a ${from.role}`)
          return storage(method, args)
        case 'agent-keys':
          if (from.role !== 'gateway') return unknown(`there are no keys of agents for a ${from.role}`)
          return options.agentKeys(method, args)
        case 'agent-line':
          if (from.role !== 'conductor') return unknown(`an agent takes nothing from a ${from.role}`)
          if (!actors.owns(shardOf(to.id))) throw movedWithMap(shardOf(to.id))
          return toAgent(to.id, method, args, deadlineMs)
        case 'image-store':
          return imageBytes(method, args, from)
        case 'remote-console':
          // Only handed on: the session is between the gateway and the host, and goes on with another conductor when this one dies.
          if (from.role !== 'gateway' || !isRelayed(method)) return unknown(`a remote console has no method ${method} for a ${from.role}`)
          // A token that somebody made up must not wait for a host that there never was.
          if (method === 'consoleOpen' && !options.isHost(to.id)) throw new BatonError('NotFound', 'this console token is of no host of this cluster')
          return messenger.call(address('compute', to.id), method, args, { timeoutMs: RELAY_MS })
        case 'fence':
          if (from.role !== 'conductor' || !fence) return unknown(`there is no fence command for a ${from.role}`)
          return fence(String((args as { host: string }).host)).then(() => null)
        case 'webhook':
          if (from.role !== 'conductor' || from.node !== nodeId || !options.webhook) return unknown(`there is no webhook for a ${from.role}`)
          return options.webhook(args as Notification).then(() => null)
        case 'api':
          if (from.role !== 'gateway' && from.role !== 'client') return unknown(`the API is not for a ${from.role}`)
          return serveApi(api, method, args)
        case 'identity':
          if (!identity || from.role !== 'gateway') return unknown(`there are no identities for a ${from.role}`)
          return serveIdentity(identity, method, args)
        case 'monitor':
          if (!actors.owns(shardOf(to.id))) throw movedWithMap(shardOf(to.id))
          if (method === 'reported' && from.role === 'conductor') return monitor.reported(to.id)
          if (method === 'lease' && from.role === 'conductor') return monitor.lease(to.id)
          if (method === 'uptime' && from.role === 'conductor') return monitor.uptimeS(to.id)
          if (method !== 'beat' || from.role !== 'compute') return unknown(`a monitor has no method ${method} for a ${from.role}`)
          return monitor.beat(to.id, checked('monitor.beat', checkBeat, args) as Beat, from, deadlineMs)
        case 'node':
          if (from.role !== 'conductor') return unknown(`a node has no method ${method} for a ${from.role}`)
          return serveNode(method, args)
        default:
          return actors.deliver(to, { method, args }, from, deadlineMs).catch(error => {
            throw error instanceof BatonError && error.code === 'Moved' ? movedWithMap(shardOf(to.id)) : error
          })
      }
    },
    /** Hears a cast. */
    take({ to, method, args, from }: Received): void {
      if (method === 'mapNewer' && checkVersion(args) === null && (args as { version: number }).version < member.map().version) {
        const session = messenger.sessions.to(from.node)
        if (session) messenger.castTo(session, address('node', from.node), 'map', member.map())
      }
      if (from.role === 'gateway' && method === 'feedWanted' && isFeedWanted(args)) feed.wanted(from.node, args)
      if (from.role !== 'conductor') return
      if (to.kind === 'monitor' && method === 'policyChanged') monitor.nudge(to.id)
      if (to.kind !== 'node') return
      if (method === 'ping' && checkPing(args) === null) {
        const ping = args as { incarnation: Incarnation; suspects: Incarnation[] }
        member.heard(ping.incarnation, ping.suspects)
      }
      if (method === 'membershipChanged') member.refresh()
      // A late word of a former owner says nothing against ours.
      if (method === 'summaries') summaries.take((args as HostSummary[]).filter(host => !actors.owns(shardOf(host.id))))
      if (method === 'aggregatesChanged') placement.refresh()
    },
  }
}
