/**
 * Finds agents whose gateway has gone, with nobody left to say that they are silent. One conductor looks for all: the owner of the door keys. A
 * gateway that is not connected here for as long as an agent may be silent is taken to be gone; its agents that live have come to another by then.
 */
import { doorKey } from '../../actors/agent/agent.ts'
import { DOORS } from '../../actors/agent/door-keys.ts'
import { shardOf } from '../../actors/kernel/address.ts'
import type { Env } from '../../actors/kernel/env.ts'
import { toFault } from '../../actors/kernel/errors.ts'
import type { Views } from '../../actors/kernel/ports.ts'
import type { Session } from '../../transport/sessions.ts'

export interface DoorWatchOptions {
  readonly env: Pick<Env, 'monotonicMs' | 'setTimer' | 'log'>
  readonly views: Pick<Views, 'list' | 'countBy'>
  owns(shard: number): boolean
  sessions(): readonly Session[]
  call(kind: string, id: string, method: string, args: unknown): Promise<unknown>
  /** Time in which an agent comes to another gateway, ms; default 20 s. */
  readonly silentMs: number | undefined
}

const LOOK_MS = 5000
/** Agents told in one look. */
const AGENTS = 300

export function createDoorWatch({ env, views, owns, sessions, call, silentMs = 20_000 }: DoorWatchOptions): { look(): Promise<void>; stop(): void } {
  const missing = new Map<string, number>()
  let stopped = false
  let timer = env.setTimer(LOOK_MS, tick)

  function tick(): void {
    look()
      .catch(error => env.log.debug({ fault: toFault(error) }, 'agents without a gateway could not be looked for; tried again soon'))
      .finally(() => {
        if (!stopped) timer = env.setTimer(LOOK_MS, tick)
      })
  }

  async function look(): Promise<void> {
    if (!owns(shardOf(DOORS))) return missing.clear()
    const open = new Set(sessions().flatMap(({ identity: i }) => (i.role === 'gateway' ? [doorKey({ node: i.node, life: i.inc })] : [])))
    const used = [...(await views.countBy('agent', 'door')).keys()].filter(door => door !== '')
    const nowMs = env.monotonicMs()
    for (const door of missing.keys()) if (open.has(door) || !used.includes(door)) missing.delete(door)
    for (const door of used) {
      if (open.has(door)) continue
      const sinceMs = missing.get(door) ?? nowMs
      missing.set(door, sinceMs)
      if (nowMs - sinceMs >= silentMs) await tell(door)
    }
  }

  async function tell(door: string): Promise<void> {
    const [node = '', life] = door.split(/#(?=\d+$)/)
    const rows = await views.list('agent', { where: { door, deleted: false }, limit: AGENTS })
    for (const { id } of rows) await call('agent', id, 'doorLost', { node, life: Number(life) })
  }

  return {
    look,
    stop() {
      stopped = true
      timer.cancel()
    },
  }
}
