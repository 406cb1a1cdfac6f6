/** Clients of the console over a hub with a cluster in memory, on simulated time. */
import type { ClusterApi, InstanceBody } from '../../actors/api.ts'
import type { Claims } from '../../actors/identity/api.ts'
import { createAccess } from '../../transport/console/access.ts'
import type { FeedChange } from '../../transport/console/feed.ts'
import { createFrames } from '../../transport/console/frames.ts'
import { createHistoryReader } from '../../transport/console/history.ts'
import { createHub, type Hub, type HubLimits } from '../../transport/console/hub.ts'
import { createSession, SESSION_LIMITS, type Session, type SessionLimits } from '../../transport/console/session.ts'
import { createTurns } from '../../transport/console/turns.ts'
import { createFakeApi } from './fake-api.ts'
import { type Bench, simulated } from './simulated.ts'

export const MAP = { version: 1, owners: [7, 7], members: [{ incarnation: 7, nodeId: 'conductor-1', endpoint: 'x', draining: false }] }

export interface Told {
  readonly type: string
  readonly id?: string
  readonly [name: string]: unknown
}

export interface World {
  readonly bench: Bench
  readonly api: ClusterApi
  readonly hub: Hub
  /** A commit as the feed tells it. */
  tell(body: Partial<InstanceBody> & { id: string; rev: number }): void
  client(options?: { limits?: Partial<SessionLimits>; verify?: (token: string) => Promise<Claims> }): Client
}

export interface Client {
  readonly session: Session
  readonly told: Told[]
  readonly closed: () => { code: number; why: string } | null
  send(message: unknown): void
  /** Bytes that the other side does not take. */
  waiting: number
}

export function inWorld(fn: (world: World) => Promise<void>, limits: Partial<HubLimits> = {}): Promise<void> {
  return simulated(async bench => {
    const { env } = bench
    const { api } = createFakeApi()
    await api.createInstances({
      ids: ['i1', 'i2'],
      name: 'vm',
      project: 'p1',
      flavor: 'tiny',
      image: 'fake',
      metadata: {},
      reservation: 'r',
      requestId: 'q',
    })
    const [first] = await api.listInstances({})
    if (!first) throw new Error('an instance was expected')
    const hub = createHub({ env, api, map: () => MAP, follow: () => {}, limits })
    const history = createHistoryReader(env, api)
    let seq = 0
    const frames = createFrames(64 * 1024)
    const turns = createTurns(env, { width: 2, holdMs: 250 })
    await fn({
      bench,
      api,
      hub,
      tell(body) {
        const whole = { ...first, ...body }
        const change: FeedChange = {
          seq: ++seq,
          kind: 'instance',
          id: body.id,
          types: ['changed'],
          at: 1,
          table: 'instance',
          json: JSON.stringify(whole),
        }
        hub.changed([change])
      },
      client({ limits: bounds = {}, verify } = {}) {
        const told: Told[] = []
        let end: { code: number; why: string } | null = null
        const client = { waiting: 0 }
        const session = createSession({
          ...{ env, hub, verify: verify ?? null, limits: { ...SESSION_LIMITS, ...bounds }, about: { gateway: 'g', version: '0' }, silent: () => [] },
          history,
          access: verify ? createAccess(api, []) : null,
          ...{ frames, turns },
          socket: {
            send: message => told.push(JSON.parse(String(message))),
            waiting: () => client.waiting,
            close(code, why) {
              end = { code, why }
            },
          },
        })
        return Object.assign(client, { session, told, closed: () => end, send: (message: unknown) => session.received(JSON.stringify(message)) })
      },
    })
    hub.stop()
  })
}

export const of = (told: readonly Told[], type: string): Told[] => told.filter(message => message.type === type)
export const idsIn = (message: Told | undefined): string[] =>
  (Array.isArray(message?.set) ? message.set.map(row => String(Reflect.get(row, 'id'))) : []).toSorted()

export const claims = (role: string, project: string): Claims => ({
  ...{ audit: ['a'], methods: ['password'], credential: null, issuedAt: 0, expiresAt: 1e15 },
  user: { id: 'u', name: 'ann', domain: { id: 'default', name: 'Default' } },
  scope: { type: 'project', id: project, name: project, domain: { id: 'default', name: 'Default' } },
  roles: [{ id: role, name: role }],
})
