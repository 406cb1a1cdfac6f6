/** What can be watched, as types for who watches. Used by the page and the CLI; it imports nothing that a browser does not have. */
import type { AlertBody, HostBody, InstanceBody, LogLine, NodeBody, OperationBody, QueueBody, StatusBody } from '../../actors/api.ts'

/** One shard and who owns it; `node` is null while nobody does. */
export interface ShardRow {
  readonly id: string
  readonly node: string | null
  readonly incarnation: number
}

/** `<node>/<queue>` */
export interface QueueRow extends QueueBody {
  readonly id: string
}

/** The figures of `baton status`; there is one row, `cluster`. */
export type ClusterRow = Omit<StatusBody, 'nodes'> & { readonly id: 'cluster' }

/** One that fires, or one that is over: then `clearedAt` is no longer null. */
export interface AlertRow extends Omit<AlertBody, 'id'> {
  readonly id: string
}

/** Something that was committed, or a change of who owns what. */
export interface EventItem {
  /** Cluster time, ms. */
  readonly at: number
  /** Kind and id of the actor, or `cluster` and the name of a conductor. */
  readonly kind: string
  readonly id: string
  /** The project it is about, null when it is about none. */
  readonly project: string | null
  readonly types: readonly string[]
  /** Number of events behind the actor's row then. */
  readonly rev: number
  /** The state its row shows since, in a few words. */
  readonly state: string
}

/** A piece of what a guest wrote; with `reset` it is the end of it, and what was shown before is not followed by it. */
export interface ConsoleItem {
  readonly text: string
  readonly reset?: true
}

export interface RowTopics {
  readonly cluster: ClusterRow
  readonly alerts: AlertRow
  readonly nodes: NodeBody
  readonly shards: ShardRow
  readonly hosts: HostBody
  readonly instances: InstanceBody
  readonly operations: OperationBody
  readonly queues: QueueRow
}

export interface ItemTopics {
  readonly events: EventItem
  readonly console: ConsoleItem
  readonly logs: LogLine
}

export type Topic = keyof RowTopics | keyof ItemTopics

/** What to show of a topic. Every topic takes none of these but those that stand beside it in docs/console-protocol.md. */
export interface Params {
  /** One row, or the instance of a console. */
  readonly id?: string
  /** Lines of logs: of this node, about these, of this level and worse. */
  readonly node?: string
  readonly request?: string
  readonly instance?: string
  readonly operation?: string
  readonly level?: string
  readonly project?: string
  readonly host?: string
  readonly vmState?: string
  readonly name?: string
  /** Instances and hosts with this text in their id, name or host. */
  readonly find?: string
  /** Hosts in this state, or in this mode. */
  readonly state?: string
  readonly mode?: string
  /** Nodes of this role. */
  readonly role?: string
  readonly subject?: string
  readonly kind?: string
  readonly open?: boolean
  /** `<column>:asc` or `<column>:desc`. */
  readonly sort?: string
  /** Instances that come behind the one with this id, in the order of `sort`: a window need not be the first. */
  readonly after?: string
  /** Rows of the window: the first so many in the order of `sort`. */
  readonly limit?: number
}
