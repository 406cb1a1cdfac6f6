/**
 * Tells an instance, an agent or a host that its operation was set aside. It waits for that operation and for nothing else, so it is told until it
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
  readonly to: Address
  readonly method: string
  readonly more: object
}

/** Who may wait for an operation, and how it is told that it waits in vain; by the kind of the operation's actor. Whoever is there first is it. */
const SUBJECTS: Readonly<Record<string, (operation: string) => readonly Subject[]>> = {
  operation: id => [
    { to: address('instance', rootOf(id)), method: 'broken', more: {} },
    { to: address('agent', rootOf(id)), method: 'ended', more: {} },
  ],
  'host-operation': id => [{ to: address('host', id.slice(0, id.lastIndexOf('.'))), method: 'ended', more: { outcome: 'failed' } }],
}

export function createSubjectTeller(options: {
  readonly env: Env
  owns(shard: number): boolean
  call(to: Address, method: string, args: unknown): Promise<unknown>
}): (operation: Address, reason: string) => void {
  const { env } = options

  function tell(operation: Address, reason: string, attempt: number, [subject, ...others]: readonly Subject[]): void {
    if (!subject) return
    const args = { operation: operation.id, reason: reason.slice(0, REASON_LENGTH) || 'it failed too often' }
    const { to, method, more } = subject
    options.call(to, method, { ...args, ...more }).catch(error => {
      const fault = toFault(error)
      if (fault.code === 'NotFound' && others.length > 0) return tell(operation, reason, 0, others)
      env.log.error({ actor: addressKey(operation), fault }, 'the subject of a broken operation could not be told')
      // An operation without an instance, or whose instance is set aside too, has nobody to tell.
      if (fault.code === 'NotFound' || fault.code === 'Poisoned') return
      env.setTimer(backoffMs(env, attempt, RETRY_BASE_MS, RETRY_CAP_MS), () => {
        if (options.owns(shardOf(operation.id))) tell(operation, reason, attempt + 1, [subject, ...others])
      })
    })
  }

  return (operation, reason) => tell(operation, reason, 0, SUBJECTS[operation.kind]?.(operation.id) ?? [])
}
