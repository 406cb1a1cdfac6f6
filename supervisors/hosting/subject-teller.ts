/**
 * Tells an instance or a host that its operation was set aside. It waits for that operation and for nothing else, so it is told until it
 * knows, for as long as the shard lives here; whoever owns the shard next loads both anew.
 */
import { type Address, address, addressKey, rootOf, shardOf } from '../../actors/kernel/address.ts'
import { backoffMs, type Env } from '../../actors/kernel/env.ts'
import { toFault } from '../../actors/kernel/errors.ts'

const RETRY_BASE_MS = 500
const RETRY_CAP_MS = 15_000
/** What `broken` takes of a reason. */
const REASON_LENGTH = 4096

interface Subject {
  readonly to: Address | null
  readonly method: string
  readonly more: object
}

const NOBODY: Subject = { to: null, method: '', more: {} }

/** Who waits for an operation, and how it is told that it waits in vain; by the kind of the operation's actor. */
const SUBJECTS: Readonly<Record<string, (operation: string) => Subject>> = {
  operation: id => ({ to: address('instance', rootOf(id)), method: 'broken', more: {} }),
  'host-operation': id => ({ to: address('host', id.slice(0, id.lastIndexOf('.'))), method: 'ended', more: { outcome: 'failed' } }),
}

export function createSubjectTeller(options: {
  readonly env: Env
  owns(shard: number): boolean
  call(to: Address, method: string, args: unknown): Promise<unknown>
}): (operation: Address, reason: string) => void {
  const { env } = options

  function tell(operation: Address, reason: string, attempt: number): void {
    const args = { operation: operation.id, reason: reason.slice(0, REASON_LENGTH) || 'it failed too often' }
    const { to, method, more } = SUBJECTS[operation.kind]?.(operation.id) ?? NOBODY
    if (to === null) return
    options.call(to, method, { ...args, ...more }).catch(error => {
      const fault = toFault(error)
      env.log.error({ actor: addressKey(operation), fault }, 'the subject of a broken operation could not be told')
      // An operation without an instance, or whose instance is set aside too, has nobody to tell.
      if (fault.code === 'NotFound' || fault.code === 'Poisoned') return
      env.setTimer(backoffMs(env, attempt, RETRY_BASE_MS, RETRY_CAP_MS), () => {
        if (options.owns(shardOf(operation.id))) tell(operation, reason, attempt + 1)
      })
    })
  }

  return (operation, reason) => tell(operation, reason, 0)
}
