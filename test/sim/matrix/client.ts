/** A client of a simulated cluster with one instance: it asks until it is answered, and waits until something has come to be. */
import type { ClusterApi, InstanceBody } from '../../../actors/api.ts'
import { FAKE_IMAGE } from '../../../actors/hypervisor/drivers/images.ts'
import type { InstanceOperation } from '../../../actors/instance/states.ts'
import type { Env } from '../../../actors/kernel/env.ts'
import { BatonError, isTransient } from '../../../actors/kernel/errors.ts'
import { bodies } from '../checkers/checker.ts'
import type { History } from '../history.ts'
import type { World } from '../world.ts'
import { detailsOf } from './recipes.ts'

const LOOK_MS = 100

export interface Client {
  /** Asks again and again with the same request id, until there is an answer; resolves with the operation's id. */
  request(kind: InstanceOperation, how?: { promised: boolean }): Promise<string>
  /** Tries until there is an answer that is about the request and not about the way. */
  insist<T>(request: (api: ClusterApi) => Promise<T>): Promise<T>
  body(): Promise<InstanceBody>
  /** True when the operation is over, and its subject knows. */
  hasEnded(operation: string): boolean
  pause(ms: number): Promise<void>
  /** Looks again and again; rejects when in this time `what` has not come to be. */
  until(what: string, withinMs: number, is: () => boolean): Promise<void>
}

export function createClient(env: Env, world: World, id: string, history: History, metadata: Readonly<Record<string, string>>): Client {
  const pause = (ms: number): Promise<void> => new Promise(resolve => env.setTimer(ms, resolve))

  /** Requests so far, by kind. */
  const asked = new Map<InstanceOperation, number>()

  async function insist<T>(request: (api: ClusterApi) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await request(world.api())
      } catch (error) {
        if (!(error instanceof BatonError) || !isTransient(error)) throw error
        await pause(LOOK_MS)
      }
    }
  }

  return {
    insist,
    pause,
    async request(kind, { promised } = { promised: true }) {
      const requestId = `req-${env.uuid()}`
      if (kind === 'build') {
        const named = { ids: [id], name: 'n', project: 'p', flavor: 'tiny', image: FAKE_IMAGE.id, metadata, reservation: 'r' }
        await insist(api => api.createInstances({ ...named, requestId }))
        history.created.set(id, world.nowMs())
        return `${id}.1`
      }
      const nth = asked.get(kind) ?? 0
      asked.set(kind, nth + 1)
      const details = detailsOf(kind, nth)
      const deletes = kind === 'delete' || kind === 'soft-delete'
      const { operation } = await insist(api =>
        deletes ? api.deleteInstance({ id, force: kind === 'delete', requestId }) : api.actOnInstance({ id, action: kind, ...details, requestId }),
      )
      if (kind === 'delete' && promised) history.deleted.set(id, world.nowMs())
      history.acted.set(requestId, { instance: id, operation })
      return operation
    },
    body: () => insist(api => api.getInstance({ id })),
    hasEnded(operation) {
      const row = world.database.tables.views.operation.get(operation)
      return row?.columns.open === false && bodies<InstanceBody>(world, 'instance').every(i => i.operation !== operation)
    },
    async until(what, withinMs, is) {
      const byMs = world.nowMs() + withinMs
      while (!is()) {
        if (world.nowMs() >= byMs) throw new Error(`in ${withinMs / 1000} s it has not come to be that ${what}`)
        await pause(LOOK_MS)
      }
    },
  }
}
