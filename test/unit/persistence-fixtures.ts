/** Small values for the tests of persistence. */
import * as assert from 'uvu/assert'
import { address } from '../../actors/kernel/address.ts'
import type { ViewRow } from '../../actors/kernel/define.ts'
import { BatonError, type ErrorCode } from '../../actors/kernel/errors.ts'
import type { Append, StoredEvent } from '../../actors/kernel/ports.ts'

/** A conductor on a machine of its own. */
export const node = (name: string, uptimeMs = 0) => ({
  nodeId: name,
  endpoint: `tcp://${name}`,
  pid: 1,
  version: '0',
  host: 'h',
  machine: { boot: name, uptimeMs },
})

export const event = (seq: number, data: StoredEvent['data'] = { n: seq }, at = 1_000): StoredEvent => ({ seq, type: 'tested', version: 1, data, at })

export const instanceRow = (id: string, more: Partial<Record<string, string | number | boolean | null>> = {}): ViewRow => ({
  table: 'instance',
  id,
  columns: {
    name: id,
    project: 'p',
    vm_state: 'active',
    task_state: null,
    host: null,
    reservation: null,
    deleted: false,
    created_at: 1,
    updated_at: 1,
    ...Object.fromEntries(Object.entries(more).map(([name, value]) => [name, value ?? null])),
  },
  body: { id },
})

export const append = (id: string, events: readonly StoredEvent[], more: Partial<Append> = {}): Append => ({
  actor: address('instance', id),
  shard: 0,
  events,
  awake: false,
  finished: false,
  row: null,
  ...more,
})

export async function rejectsWith(code: ErrorCode, action: Promise<unknown>): Promise<BatonError> {
  const error = await action.then(
    () => null,
    (e: unknown) => e,
  )
  assert.instance(error, BatonError, `expected ${code}`)
  if (!(error instanceof BatonError)) throw error
  assert.is(error.code, code, error.message)
  return error
}
