/**
 * How a cluster looked at some time of the last hour, and how that is told: as samples, each with what is different from the one before, in
 * absolute values. So two samples that stand side by side are merged by laying the newer over the older, the first is simply one with
 * everything in it, and a sample that is heard twice changes nothing. Pure.
 */
import { checkObject, integer, optional, text } from '../kernel/check.ts'

/** What a conductor said of itself. */
export interface ConductorMoment {
  readonly state: string
  readonly cpu: number
  /** Absent from conductors of before it was measured. */
  readonly busy?: number
  readonly lagMs: number
  readonly inbox: number
  readonly oldestMs: number
  readonly commitMs: number
}

/** State, mode, and how full it is, in steps of ten percent. */
export type HostMoment = readonly [state: string, mode: string, fill: number]

export interface Owners {
  readonly names: readonly string[]
  /** For each shard a place in `names`; -1 while nobody owned it. */
  readonly of: readonly number[]
}

export interface Sample {
  /** Cluster time, ms. It is true from here on to the next. */
  readonly at: number
  /** Null: it is gone. */
  readonly conductors?: Readonly<Record<string, ConductorMoment | null>>
  readonly owners?: Owners
  readonly hosts?: Readonly<Record<string, HostMoment | null>>
  /** Operations per second that ended well, and otherwise. */
  readonly ended?: readonly [done: number, failed: number]
}

/** A part of the history of one conductor. */
export interface HistoryPart {
  /** Names whose history this is: a sample is told against those before it of the same epoch. */
  readonly epoch: string
  /** It begins anew: what was told before is to be forgotten. */
  readonly isWhole: boolean
  readonly samples: readonly Sample[]
  /** There is more behind the last sample. */
  readonly more: boolean
}

/** What is asked for: what came after a time of an epoch. */
export interface HistoryAsked {
  readonly after?: number
  readonly epoch?: string
}

export const checkHistory = checkObject({ after: optional(integer(0, Number.MAX_SAFE_INTEGER)), epoch: optional(text(300)) })

/** The whole state at a time. */
export interface Moment {
  readonly at: number
  readonly conductors: ReadonlyMap<string, ConductorMoment>
  readonly owners: Owners
  readonly hosts: ReadonlyMap<string, HostMoment>
  readonly ended: readonly [done: number, failed: number]
}

export const NO_MOMENT: Moment = { at: 0, conductors: new Map(), owners: { names: [], of: [] }, hosts: new Map(), ended: [0, 0] }

const same = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b)

function changes<T>(before: ReadonlyMap<string, T>, after: ReadonlyMap<string, T>): Record<string, T | null> | null {
  const changed: Record<string, T | null> = {}
  for (const [name, value] of after) if (!same(before.get(name), value)) changed[name] = value
  for (const name of before.keys()) if (!after.has(name)) changed[name] = null
  return Object.keys(changed).length === 0 ? null : changed
}

/** What is different. */
export function difference(before: Moment, after: Moment): Sample {
  const conductors = changes(before.conductors, after.conductors)
  const hosts = changes(before.hosts, after.hosts)
  return {
    at: after.at,
    ...(conductors ? { conductors } : {}),
    ...(same(before.owners, after.owners) ? {} : { owners: after.owners }),
    ...(hosts ? { hosts } : {}),
    ...(same(before.ended, after.ended) ? {} : { ended: after.ended }),
  }
}

/** One sample in place of two that follow each other; the values of the second are the newer. */
export const merged = (first: Sample, second: Sample): Sample => ({
  ...first,
  ...second,
  ...(first.conductors || second.conductors ? { conductors: { ...first.conductors, ...second.conductors } } : {}),
  ...(first.hosts || second.hosts ? { hosts: { ...first.hosts, ...second.hosts } } : {}),
})

function laidOver<T>(before: ReadonlyMap<string, T>, changed: Readonly<Record<string, T | null>> | undefined): ReadonlyMap<string, T> {
  if (!changed) return before
  const after = new Map(before)
  lay(after, changed)
  return after
}

function lay<T>(state: Map<string, T>, changed: Readonly<Record<string, T | null>> = {}): void {
  for (const [name, value] of Object.entries(changed)) {
    if (value === null) state.delete(name)
    else state.set(name, value)
  }
}

/** The state after a sample. */
export const applied = (moment: Moment, { at, conductors, owners, hosts, ended }: Sample): Moment => ({
  at,
  conductors: laidOver(moment.conductors, conductors),
  owners: owners ?? moment.owners,
  hosts: laidOver(moment.hosts, hosts),
  ended: ended ?? moment.ended,
})

/** As it was at a time, from samples in order; null before the first. */
export function momentAt(samples: readonly Sample[], at: number): Moment | null {
  const conductors = new Map<string, ConductorMoment>()
  const hosts = new Map<string, HostMoment>()
  let seenAt: number | null = null
  let { owners, ended } = NO_MOMENT
  for (const sample of samples) {
    if (sample.at > at) break
    lay(conductors, sample.conductors)
    lay(hosts, sample.hosts)
    owners = sample.owners ?? owners
    ended = sample.ended ?? ended
    seenAt = sample.at
  }
  return seenAt === null ? null : { at: seenAt, conductors, owners, hosts, ended }
}
