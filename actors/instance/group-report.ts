/**
 * What a member of a server group tells it: that it exists, and where it holds room when an operation of its own is over. That it
 * has something to tell follows from the state, so it is told after every operation, whatever became of it and however it ended.
 */
import { address } from '../kernel/address.ts'
import type { CallWork, WorkResult } from '../kernel/define.ts'
import { commandOrder, type InstanceEvent, type InstanceState, type Told } from './model.ts'

/** Pause before it is told again after a failure, and the longest such pause, ms. */
const AGAIN_BASE_MS = 500
const AGAIN_CAP_MS = 15_000

const NEVER: Told = { operations: -1, failures: 0, notBefore: 0 }

/** The number of operations after which the group is to be told now: 0 is its birth. Null when there is nothing to tell. */
function due({ spec, task, operations, told = NEVER }: InstanceState): number | null {
  if (spec?.placement?.group === undefined) return null
  // Where it is while an operation runs, nobody knows before its end; that it was born can be told at once.
  if (task) return told.operations < 0 ? 0 : null
  return told.operations < operations ? operations : null
}

/** True while the group does not know where the newest operation has left this instance. */
export const owesReport = (state: InstanceState): boolean => due(state) !== null

const reportKey = (operations: number, { told = NEVER }: InstanceState): string => `group:${operations}:${told.failures}`

export function groupReport(state: InstanceState, id: string): CallWork[] {
  const group = state.spec?.placement?.group
  const operations = due(state)
  if (group === undefined || operations === null) return []
  const { host, origin, vmState, told = NEVER } = state
  const hosts = [host, origin?.host].filter(h => typeof h === 'string')
  // It outranks every command of the operation that is over, and none of the next.
  const args = { instance: id, order: commandOrder(operations + 1, 0), hosts, gone: vmState === 'deleted' }
  return [{ type: 'call', key: reportKey(operations, state), to: address('group', group), method: 'settled', args, notBefore: told.notBefore }]
}

/** The event that records how a report went; null when the answer is to something else. */
export function reported(state: InstanceState, result: WorkResult, now: number): InstanceEvent | null {
  const operations = due(state)
  if (operations === null || result.key !== reportKey(operations, state)) return null
  if (result.ok) return { type: 'groupTold', operations }
  const { failures } = state.told ?? NEVER
  return { type: 'groupNotTold', notBefore: now + Math.min(AGAIN_CAP_MS, AGAIN_BASE_MS * 2 ** Math.min(failures, 10)) }
}

export function toldAfter(told: Told = NEVER, event: InstanceEvent & { type: 'groupTold' | 'groupNotTold' }): Told {
  return event.type === 'groupTold'
    ? { ...NEVER, operations: event.operations }
    : { ...told, failures: told.failures + 1, notBefore: event.notBefore }
}
