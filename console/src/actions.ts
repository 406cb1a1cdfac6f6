/** What can be done with an instance: who may, in which state (the cluster's own table), and what is sent. Pure. */
import type { InstanceBody } from '../../actors/api.ts'
import { type InstanceOperation, rowOf } from '../../actors/instance/states.ts'
import { mayAs, type Session } from './session.ts'

export interface Action {
  readonly label: string
  readonly role: 'member' | 'admin'
  readonly operation: InstanceOperation
  /** Of the request to `servers/<id>/action`; null is a DELETE of the server. */
  readonly body: object | null
  /** What is asked before it is done. */
  readonly confirm?: string
}

const act = (label: string, operation: InstanceOperation, body: object, role: Action['role'] = 'member', confirm?: string): Action => ({
  ...{ label, operation, body, role },
  ...(confirm === undefined ? {} : { confirm }),
})

export const INSTANCE_ACTIONS: readonly Action[] = [
  act('Start', 'start', { 'os-start': null }),
  act('Stop', 'stop', { 'os-stop': null }),
  act('Reboot', 'reboot', { reboot: { type: 'SOFT' } }),
  act('Reboot hard', 'reboot', { reboot: { type: 'HARD' } }, 'member', 'It loses what its guest has not written to its disk.'),
  act('Pause', 'pause', { pause: null }),
  act('Unpause', 'unpause', { unpause: null }),
  act('Suspend', 'suspend', { suspend: null }),
  act('Resume', 'resume', { resume: null }),
  act('Confirm resize', 'confirm-resize', { confirmResize: null }),
  act('Revert resize', 'revert-resize', { revertResize: null }),
  act('Shelve', 'shelve', { shelve: null }),
  act('Unshelve', 'unshelve', { unshelve: null }),
  act('Restore', 'restore', { restore: null }),
  act('Migrate', 'migrate', { migrate: null }, 'admin', 'It is stopped, moved to another host, and waits there to be confirmed.'),
  act('Live migrate', 'live-migrate', { 'os-migrateLive': { host: null, block_migration: 'auto' } }, 'admin'),
  { label: 'Delete', operation: 'delete', body: null, role: 'member', confirm: 'Its guest and its disk go with it.' },
]

/** Those that the state and the session allow. While an operation is under way there is only deleting. */
type Standing = Pick<InstanceBody, 'vmState' | 'taskState' | 'locked' | 'host' | 'origin'>

export function actionsFor(session: Session, { vmState, taskState, locked, host, origin }: Standing): Action[] {
  return INSTANCE_ACTIONS.filter(({ operation, role, body }) => {
    const row = rowOf(operation, operation === 'reboot' ? 'soft' : null)
    const isFree = body === null ? taskState !== 'deleting' : taskState === null
    const fits = (host !== null || !row.onHost) && (origin ? row.second !== 'never' : row.second !== 'needs')
    return fits && mayAs(session, role) && row.from.includes(vmState) && isFree && !(locked && row.locks)
  })
}
