/** An alert fires once and is over once, whoever judges; and the webhook hears of both, in order, however often it or a conductor fails. */
import { CLUSTER } from '../../../actors/alerts/alerts.ts'
import { alertKey } from '../../../actors/alerts/judge.ts'
import type { World } from '../world.ts'
import type { Checker } from './checker.ts'

interface Written {
  readonly violations: readonly string[]
  /** What the webhook is to hear. */
  readonly toTell: readonly string[]
}

function written(world: World): Written {
  const violations: string[] = []
  const toTell: string[] = []
  const firing = new Map<string, number>()
  let count = 0
  for (const { type, data } of world.database.tables.actors.get(`alerts/${CLUSTER}`)?.events ?? []) {
    const event = JSON.parse(data)
    if (type === 'fired') {
      const key = alertKey(event.alert.code, event.alert.subject)
      if (firing.has(key)) violations.push(`${key} fired again while it fires`)
      firing.set(key, ++count)
      toTell.push(`${count}.fired`)
    }
    if (type === 'cleared') {
      const id = firing.get(event.key)
      if (id === undefined) violations.push(`${event.key} is over, but never fired`)
      firing.delete(event.key)
      toTell.push(`${id}.cleared`)
    }
  }
  return { violations, toTell }
}

export const alerts: Checker = {
  name: 'alerts fire once and are told',
  always: world => [...written(world).violations],
  atRest(world, { told }) {
    // In the kill matrix there is nobody to tell.
    if (!world.hasWebhook) return []
    const { toTell } = written(world)
    const heard = [...new Set(told.flatMap(({ id, isTaken }) => (isTaken ? [id] : [])))]
    return heard.join() === toTell.join() ? [] : [`the webhook was to hear ${toTell.join(', ')}; it took ${heard.join(', ') || 'nothing'}`]
  },
}
