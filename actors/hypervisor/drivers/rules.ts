/**
 * The rules every driver obeys, whatever runs its guests: which ids are safe to become a path, which command is too
 * late, and which was already obeyed. Pure, so that the drivers cannot differ in them.
 *
 * Orders grow with every command an instance is given. Three cases follow:
 * - lower than the newest order seen here: the command was overtaken; `StaleCommand`. An instance destroyed here is
 *   remembered by the order of its destruction (its grave), or a late spawn would bring it back to life on a host that
 *   has already lost it to another.
 * - the order and method obeyed last: a repetition; nothing is done, the answer is the same.
 * - anything else is obeyed. A command that fails leaves the order as it was, so that it can be tried again.
 */
import { BatonError } from '../../kernel/errors.ts'

export const DRIVER_METHODS = [
  ...(['spawn', 'destroy', 'start', 'stop', 'reboot', 'pause', 'unpause'] as const),
  ...(['suspend', 'resume', 'rescue', 'unrescue', 'rebuild', 'receive'] as const),
  ...(['setDevices', 'snapshot', 'discardSnapshot', 'offer', 'fetch'] as const),
  ...(['prepareIncoming', 'migrateOut', 'forceOutgoing', 'handOver', 'finishIncoming', 'cancelOutgoing'] as const),
] as const

export type DriverMethod = (typeof DRIVER_METHODS)[number]

/** What is known here of an instance: the newest command begun, and the newest one obeyed to its end. */
export interface Standing {
  readonly begun: number
  readonly order: number
  readonly method: DriverMethod
}

const INSTANCE_ID = /^[0-9a-f][0-9a-f-]{0,63}$/

/** Ids become file names, cgroup names and arguments. Throws `DriverFault` on anything but hex digits and dashes. */
export function checkInstanceId(instance: string): void {
  if (!INSTANCE_ID.test(instance)) {
    throw new BatonError('DriverFault', `${JSON.stringify(instance.slice(0, 80))} is no instance id: 1 to 64 hex digits and dashes`)
  }
}

/** Whether to do it, or `done` for a repetition. Throws `StaleCommand`, or `DriverFault` for an order that is no number. */
export function admit(method: DriverMethod, order: number, standing: Standing | undefined, grave: number | undefined): 'obey' | 'done' {
  if (!Number.isSafeInteger(order) || order < 0) throw new BatonError('DriverFault', `${order} is no order: a whole number from 0`)
  const newest = Math.max(standing?.begun ?? -1, grave ?? -1)
  if (order < newest) throw new BatonError('StaleCommand', `${method} has order ${order}, but order ${newest} was seen here`)
  return standing && standing.order === order && standing.method === method ? 'done' : 'obey'
}

/** What a driver says of a guest beside how it is. */
export const saidOf = ({ agent }: { readonly agent?: boolean }): { readonly agent?: true } => (agent ? { agent: true } : {})

export const noGuest = (instance: string): BatonError => new BatonError('DriverFault', `there is no guest ${instance} on this host`)

export const notRunning = (instance: string, method: DriverMethod, power: string): BatonError =>
  new BatonError('DriverFault', `cannot ${method} guest ${instance}: it is ${power}, not running or paused`)
