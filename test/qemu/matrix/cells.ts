/** The cells of the kill matrix of real machines: at which moment of a live migration whose process is ended by force. */

export const VICTIMS = ['source agent', 'target agent', 'target QEMU', 'conductor'] as const
export type Victim = (typeof VICTIMS)[number]

export const STORAGES = ['copied', 'shared'] as const
export type Storage = (typeof STORAGES)[number]

/**
 * In the order in which a migration comes to them. `held` is the pause point at which an agent is held while somebody is struck; at `disk` that
 * is a look at the transfer, and the bytes flow; at `memory` nobody is held. The last two are those of a migration that is given up half-way.
 */
export const POINTS = [
  { name: 'prepareIncoming.before', held: 'prepareIncoming.before' },
  { name: 'prepareIncoming.after', held: 'prepareIncoming.after' },
  { name: 'migrateOut.before', held: 'migrateOut.before' },
  { name: 'migrateOut.after', held: 'migrateOut.after' },
  { name: 'disk', held: 'progress.before' },
  { name: 'memory', held: null },
  { name: 'handOver.before', held: 'handOver.before' },
  { name: 'handOver.after', held: 'handOver.after' },
  { name: 'finishIncoming.before', held: 'finishIncoming.before' },
  { name: 'finishIncoming.after', held: 'finishIncoming.after' },
  { name: 'destroy.before', held: 'destroy.before' },
  { name: 'destroy.after', held: 'destroy.after' },
  { name: 'cancelOutgoing.before', held: 'cancelOutgoing.before' },
  { name: 'cancelOutgoing.after', held: 'cancelOutgoing.after' },
] as const
export type Point = (typeof POINTS)[number]

export interface Cell {
  readonly point: Point
  readonly victim: Victim
}

/** From here on the guest is the target's: its QEMU is the guest, and what kills it kills the guest. */
const ARRIVED: ReadonlySet<string> = new Set(['finishIncoming.after', 'destroy.before', 'destroy.after'])

export const isAborted = ({ name }: Pick<Point, 'name'>): boolean => name.startsWith('cancelOutgoing')
export const killsTheGuest = ({ point, victim }: Cell): boolean => victim === 'target QEMU' && ARRIVED.has(point.name)

/** Everything that can be struck, with disks that are copied or shared. */
export function cellsOf(storage: Storage): Cell[] {
  return POINTS.flatMap(point => (point.name === 'disk' && storage === 'shared' ? [] : VICTIMS.map(victim => ({ point, victim })))).filter(
    // Not there yet.
    ({ point, victim }) => victim !== 'target QEMU' || point.name !== 'prepareIncoming.before',
  )
}
