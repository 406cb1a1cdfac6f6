/** What clients asked, were promised and saw, and what agents did: the record that checkers judge. */
import type { InstanceBody } from '../../actors/api.ts'
import type { Fault } from '../../actors/kernel/errors.ts'
import type { Append } from '../../actors/kernel/ports.ts'
import type { DriverCommand } from './probes.ts'

/** One use of a register: the name of an instance. Times are simulated ms. */
export interface RegisterUse {
  readonly client: string
  readonly instance: string
  readonly kind: 'read' | 'write'
  readonly value: string
  readonly calledMs: number
  /** Null when no answer came: it may have happened at any time since, or never. */
  readonly answeredMs: number | null
}

/** What a client saw of an instance. */
export interface Read {
  readonly client: string
  readonly instance: string
  readonly print: string
}

export interface History {
  /** Acknowledged creates, by instance. */
  readonly created: Map<string, number>
  /** Acknowledged deletes. */
  readonly deleted: Map<string, number>
  /** Acknowledged actions, by request. */
  readonly acted: Map<string, { instance: string; operation: string }>
  /** Actions and deletes that were asked for, and whether they were refused for good, by request. */
  readonly asked: Map<string, { refused: boolean }>
  /** Creates and resizes that a quota did not allow. */
  overQuota: number
  /** Answers that no client should ever get. */
  readonly surprises: string[]
  /** Faults that clients met. */
  readonly codes: Set<string>
  readonly register: RegisterUse[]
  readonly reads: Read[]
  /** What agents began to do, and when, simulated ms. */
  readonly obeyed: (DriverCommand & { readonly atMs: number })[]
  /** What the receiver of alerts was told, in order, and whether it took it. */
  readonly told: { readonly id: string; readonly isTaken: boolean }[]
  busy: number
}

export const newHistory = (busy = 0): History => ({
  created: new Map(),
  deleted: new Map(),
  acted: new Map(),
  asked: new Map(),
  overQuota: 0,
  surprises: [],
  codes: new Set(),
  register: [],
  reads: [],
  obeyed: [],
  told: [],
  busy,
})

/** What tells one version of an instance from another. */
export const printOf = ({ name, vmState, taskState, operation, host, updatedAt }: InstanceBody): string =>
  [name, vmState, taskState, operation, host, updatedAt].join(' ')

/** What a timeline tells of operations. */
const TURNS = new Set(['started', 'turnedBack', 'cancelled', 'expired', 'reported', 'ended'])
export const turnsOf = ({ actor, events }: Append): string[] =>
  actor.kind === 'operation' || actor.kind === 'host-operation'
    ? events.flatMap(({ type, data }) => {
        if (!TURNS.has(type)) return []
        const { kind, fault } = data as { readonly kind?: string; readonly fault?: Fault | null }
        return [`operation ${actor.id} ${kind ?? ''} ${type}${fault ? `: ${fault.message}` : ''}`]
      })
    : []
