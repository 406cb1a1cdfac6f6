/**
 * What a gateway is to agents outside of guests: what a compute host is to the agents of its guests. It keeps their sessions, tells the
 * conductors what has changed, and does for them what they ask of an agent. It keeps nothing: an agent whose gateway has died comes to
 * another, and there all begins anew.
 *
 * They come to gateways and not to conductors because gateways are what stands between the cluster and the world already, and a conductor
 * has the database behind it. The port is one of its own, with nothing behind it but `door.ts`: no message of the nodes is understood there.
 */
import type { ClusterApi } from '../../actors/api.ts'
import { createGuests, type Guests, type SeenGuest } from '../../actors/guest/guests.ts'
import type { SessionSettings } from '../../actors/guest/session.ts'
import { createTransfers } from '../../actors/guest/transfers.ts'
import { AGENT_CHECKS, type AgentMethod, serveAgents } from '../../actors/hypervisor/agents.ts'
import { checkUpload } from '../../actors/hypervisor/hypervisor.ts'
import type { ImageSource, UploadRequest } from '../../actors/hypervisor/images.ts'
import { address } from '../../actors/kernel/address.ts'
import { type Check, checkObject, integer, record, text } from '../../actors/kernel/check.ts'
import type { Json } from '../../actors/kernel/define.ts'
import type { Env, Timer } from '../../actors/kernel/env.ts'
import { BatonError, toFault } from '../../actors/kernel/errors.ts'
import { type AgentDoor, createAgentDoor, type DoorCounters } from '../../transport/agents/door.ts'
import type { KeyPair } from '../../transport/agents/keys.ts'
import type { Link } from '../../transport/link.ts'
import type { Messenger } from '../../transport/messenger.ts'
import { fetchBytes } from '../images/fetch.ts'
import { createHostUploads } from '../images/host-uploads.ts'
import type { StoreCall } from '../images/pieces.ts'
import { createRuns } from './runs.ts'

export interface AgentDoorOptions {
  readonly env: Env
  readonly link: Link
  readonly keys: KeyPair
  readonly messenger: Pick<Messenger, 'call'>
  readonly api: Pick<ClusterApi, 'getImage'>
  readonly toStore: StoreCall
  /** Which life of this gateway it is. */
  readonly life: number
  readonly settings: SessionSettings
}

export interface AgentDoorService {
  /** What conductors ask of the agents here. Rejects `Unavailable` for an agent that is not here. */
  serve(method: string, args: unknown): Promise<unknown>
  stats(): { readonly agents: number; readonly silent: number; readonly door: Readonly<DoorCounters>; readonly refusedMessages: number }
  stop(): void
}

/** A conductor has so long for what it is told, ms. */
const TELL_MS = 10_000
/** How often what could not be told is told again, ms. */
const TEND_MS = 1000
/** An agent has so long for one command at most; it is asked about in shorter looks, ms. */
const COMMAND_MS = 600_000

const id = text(128)
const CHECKS = {
  sessionOver: checkObject({ agent: id, session: integer(0, Number.MAX_SAFE_INTEGER) }),
  agentExec: checkObject({ agent: id, command: text(64), method: text(64), args: record, waitMs: integer(0, 60_000) }),
  agentLook: checkObject({ agent: id }),
} as const satisfies Record<string, Check>

type Own = keyof typeof CHECKS
/** What a gateway does for an agent as a host does for a guest. */
const SHARED = ['guestBackup', 'guestForget', 'guestRestore'] as const satisfies readonly AgentMethod[]

interface ExecArgs {
  readonly agent: string
  readonly session: number
  readonly command: string
  readonly method: string
  readonly args: Readonly<Record<string, Json>>
  readonly waitMs: number
}

interface Session {
  readonly number: number
  readonly silentMs: number | null
}

export function createAgentDoorService(options: AgentDoorOptions): AgentDoorService {
  const { env, messenger, settings, life } = options
  const sessions = new Map<string, Session>()
  const runs = createRuns(env)
  let timer: Timer = env.setTimer(TEND_MS, tick)

  const ask = (agent: string, method: string, args: unknown) => messenger.call(address('agent', agent), method, args, { timeoutMs: TELL_MS })

  const door: AgentDoor = createAgentDoor({
    ...{ env, link: options.link, keys: options.keys, aliveMs: settings.heartbeatMs },
    async admit(agent, key) {
      const { session, silentMs } = (await ask(agent, 'attach', { key, life })) as { session: number; silentMs: number | null }
      // A copy of an earlier answer that comes late begins nothing.
      if ((sessions.get(agent)?.number ?? 0) < session) sessions.set(agent, { number: session, silentMs })
    },
    onCame: tend,
  })

  const guests: Guests = createGuests({
    ...{ env, channels: door.channels, life, settings, who: agent => `agent ${agent}` },
    async report(agent, report) {
      const answer = await ask(agent, 'report', report).catch(error => {
        if (error instanceof BatonError && error.code === 'NotFound') return { taken: false, why: error.message }
        throw error
      })
      const { taken, why } = answer as { taken: boolean; why?: string }
      if (!taken && sessions.get(agent)?.number === report.order.rank) over(agent, why ?? 'its session is over')
    },
  })
  const transfers = createTransfers(env, guests, storedImages(options))
  const uploads = createHostUploads(env, options.toStore, { name: 'agent' }, transfers)

  function tend(): void {
    const seen = [...sessions].map(([instance, { number, silentMs }]): SeenGuest => {
      return { instance, power: 'running', order: number, agent: true, ...(silentMs === null ? {} : { silentMs }) }
    })
    guests.tend(seen)
  }

  function tick(): void {
    timer = env.setTimer(TEND_MS, tick)
    tend()
  }

  /** Nobody is heard any more by that name; who comes again has to prove itself. */
  function over(agent: string, why: string): void {
    if (!sessions.delete(agent)) return
    env.log.info({ agent, why }, 'the session of an agent is over')
    door.end(agent, why, true)
    tend()
  }

  function sessionHere(agent: string) {
    if (!sessions.has(agent) || !door.isHere(agent))
      throw new BatonError('Unavailable', `agent ${agent} is not connected to this gateway`, { retryAfterMs: 500 })
    return guests.session(agent)
  }

  async function exec({ agent, command, method, args, waitMs }: ExecArgs) {
    const session = sessionHere(agent)
    const run = () =>
      session.command(method, args, COMMAND_MS, command).catch(error => {
        // It has not said yet what it can: so it has not been asked either.
        throw error instanceof BatonError && error.code === 'Conflict' ? new BatonError('Unavailable', error.message, { retryAfterMs: 500 }) : error
      })
    return runs(`${agent}/${command}`, waitMs, run)
  }

  function serveOwn(method: Own, args: ExecArgs): Promise<unknown> {
    switch (method) {
      case 'sessionOver':
        if ((sessions.get(args.agent)?.number ?? 0) <= args.session) over(args.agent, 'its key was replaced, or it was deleted')
        return Promise.resolve(null)
      case 'agentExec':
        return exec(args)
      case 'agentLook':
        sessionHere(args.agent)
        return Promise.resolve(guests.look(args.agent))
    }
  }

  function checked(method: string, check: Check, args: unknown): void {
    const wrong = check(args)
    if (wrong) throw new BatonError('BadRequest', `${method}: ${wrong}`)
  }

  return {
    async serve(method, args) {
      if (isOwn(method)) {
        checked(method, CHECKS[method], args)
        return serveOwn(method, args as ExecArgs)
      }
      const shared = SHARED.find(each => each === method)
      if (shared) {
        checked(shared, AGENT_CHECKS[shared], args)
        sessionHere((args as { instance: string }).instance)
        return serveAgents({ guests, transfers }, shared, args)
      }
      if (method !== 'uploadImage') throw new BatonError('UnknownMethod', `a door for agents has no method ${method}`)
      checked(method, checkUpload, args)
      const request = args as UploadRequest
      sessionHere(request.backup?.instance ?? '')
      return uploads.look(request)
    },
    stats() {
      const { agents, silent, heartbeats: _, ...wrong } = guests.stats()
      return { agents, silent, door: door.counters(), refusedMessages: Object.values(wrong).reduce((sum, each) => sum + each, 0) }
    },
    stop() {
      timer.cancel()
      guests.stop()
      door.stop()
    },
  }
}

const isOwn = (method: string): method is Own => Object.hasOwn(CHECKS, method)

/**
 * Backups on their way to an agent. A gateway has no disk to keep them on: it reads each through once for its digest, before the agent is given a
 * byte of it, and then again piece by piece.
 */
function storedImages({ api, toStore }: Pick<AgentDoorOptions, 'api' | 'toStore'>): ImageSource {
  return {
    async use(image, _, task) {
      const { bytes, status } = await api.getImage({ id: image })
      if (!bytes || status !== 'active') throw new BatonError('DriverFault', `backup ${image} is ${status}, and there are no bytes of it to be had`)
      const { upload, sizeBytes, hash } = bytes
      await fetchBytes(toStore, image, null, { upload, sizeBytes, hash }, async () => {}).catch(error => {
        throw error instanceof BatonError ? error : new BatonError('Unavailable', toFault(error).message)
      })
      const read = async (offset: number, length: number): Promise<Uint8Array> => {
        const piece = await toStore(image, 'read', { image, upload, offset, length }, TELL_MS)
        if (!(piece instanceof Uint8Array)) throw new BatonError('DriverFault', `a piece of backup ${image} came as ${typeof piece}`)
        return piece
      }
      return task({ sizeBytes, path: null, format: null, head: maxBytes => read(0, Math.min(maxBytes, sizeBytes)), read })
    },
  }
}
