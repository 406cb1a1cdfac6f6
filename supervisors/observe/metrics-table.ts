/**
 * Every metric of Baton as one table of data: `docs/metrics.md` is made from it, and a test holds dashboard and alert rules against it.
 *
 * Names are without the `baton_` in front and follow Prometheus' conventions: base units (seconds, bytes, ratios), the unit last, `_total`
 * behind counters alone. Every sample carries `node` and `role`; what a label may hold is bounded.
 */

/** Which nodes have it. */
type Role = 'conductor' | 'compute' | 'gateway'

interface Numbered {
  readonly type: 'gauge' | 'counter'
  readonly help: string
  readonly roles: readonly Role[]
}

interface Measured {
  readonly type: 'histogram'
  readonly help: string
  readonly roles: readonly Role[]
  readonly labels: readonly string[]
  /** Upper bounds, seconds. */
  readonly buckets: readonly number[]
}

const ALL: readonly Role[] = ['conductor', 'compute', 'gateway']
const CONDUCTOR: readonly Role[] = ['conductor']
const GATEWAY: readonly Role[] = ['gateway']
const COMPUTE: readonly Role[] = ['compute']

const gauge = (help: string, roles: readonly Role[]): Numbered => ({ type: 'gauge', help, roles })
const counter = (help: string, roles: readonly Role[]): Numbered => ({ type: 'counter', help, roles })

/** What is read from the parts when somebody asks. */
export const NUMBERS = {
  actors: gauge('Durable actors in memory', CONDUCTOR),
  inbox_depth: gauge('Commands waiting in all inboxes', CONDUCTOR),
  inbox_oldest_seconds: gauge('Age of the oldest waiting command', CONDUCTOR),
  actor_commands_total: counter('Commands handled by durable actors', CONDUCTOR),
  actor_restarts_total: counter('Restarts of failed actors', CONDUCTOR),
  actors_poisoned: gauge('Actors set aside after failing too often', CONDUCTOR),
  dead_letters_total: counter('Commands for actors or methods that do not exist', CONDUCTOR),
  journal_queue_depth: gauge('Appends waiting for a commit', CONDUCTOR),
  journal_oldest_seconds: gauge('Age of the oldest waiting append', CONDUCTOR),
  journal_appends_total: counter('Committed appends, of which a batch has many', CONDUCTOR),
  journal_events_total: counter('Committed events', CONDUCTOR),
  journal_batch_size: gauge('Appends in the newest batch', CONDUCTOR),
  journal_connected: gauge('1 while the journal is connected to the database', CONDUCTOR),
  journal_fenced_total: counter('Commits refused because this conductor was declared dead', CONDUCTOR),
  shards: gauge('Shards owned', CONDUCTOR),
  alerts: gauge('Alerts that fire, as in `baton alerts`, on the conductor that watches; 0 on the others', CONDUCTOR),
  agent_sessions: gauge('Agents from outside of guests that are heard here', GATEWAY),
  agent_handshakes_refused_total: counter('Handshakes with a key that no agent has', GATEWAY),
  agent_sessions_refused_total: counter('Who could not prove a key, has proved another than that of the agent named, or came too often', GATEWAY),
  agent_messages_refused_total: counter('Messages of agents that were malformed, stale, foreign, unasked or too many', GATEWAY),
  calls_pending: gauge('Own calls waiting for an answer', ALL),
  calls_oldest_seconds: gauge('Age of the oldest call waiting for an answer', ALL),
  calls_running: gauge('Calls of others that run here', ALL),
  calls_sent_total: counter('Calls begun', ALL),
  calls_received_total: counter('Calls received', ALL),
  calls_resent_total: counter('Calls sent again', ALL),
  calls_duplicate_total: counter('Calls received again and answered from memory', ALL),
  messages_expired_total: counter('Messages dropped because their deadline had passed', ALL),
  messages_malformed_total: counter('Messages that could not be read', ALL),
  link_queue_depth: gauge('Messages waiting in send queues', ALL),
  link_received_messages_total: counter('Messages received', ALL),
  link_sent_messages_total: counter('Messages sent', ALL),
  link_received_bytes_total: counter('Bytes received', ALL),
  link_sent_bytes_total: counter('Bytes sent', ALL),
  link_dropped_total: counter('Messages dropped for lack of room or of a peer', ALL),
  link_malformed_total: counter('Frames that were no message', ALL),
  console_clients: gauge('Clients of the live console', GATEWAY),
  console_subscriptions: gauge('Subscriptions of all of them', GATEWAY),
  console_waiting_bytes: gauge('Bytes that wait in the sockets of clients', GATEWAY),
  console_handshakes_waiting: gauge('Clients that have come and are not let in yet', GATEWAY),
  console_turns_waiting: gauge('Clients that wait for their turn to be told something large', GATEWAY),
  console_queries: gauge('Different queries that are watched, or were a moment ago', GATEWAY),
  console_rows: gauge('Rows and items held for them', GATEWAY),
  console_reads_total: counter('Reads that watched queries caused', GATEWAY),
  remote_consoles: gauge('Serial lines and screens of guests that clients look at here', GATEWAY),
  console_streams: gauge('Serial lines and screens of guests that are open here', COMPUTE),
  lease_left_seconds: gauge('Time until this host stops its guests under the HA policy, unless a heartbeat is acknowledged', COMPUTE),
  guests: gauge('Guests on this host', COMPUTE),
  guest_agents: gauge('Guests on this host in which an agent is expected', COMPUTE),
  guest_agents_silent: gauge('Agents that were heard once and are not heard any more', COMPUTE),
  guest_heartbeats_total: counter('Heartbeats of agents in guests', COMPUTE),
  guest_messages_refused_total: counter('Messages of guests that were not believed: malformed, stale, about others, too many or unasked', COMPUTE),
  commands_waiting: gauge('Commands waiting for a guest', COMPUTE),
  commands_done_total: counter('Hypervisor commands done', COMPUTE),
  commands_failed_total: counter('Hypervisor commands that failed', COMPUTE),
  commands_stale_total: counter('Hypervisor commands refused as stale', COMPUTE),
  spans_total: counter('Spans of sampled traces that ended here', ALL),
  spans_exported_total: counter('Spans that the collector has taken', ALL),
  spans_dropped_total: counter('Spans that the collector did not get: no room in the queue, or refused', ALL),
  spans_waiting: gauge('Spans waiting for the collector', ALL),
  event_loop_lag_seconds: gauge('Event-loop lag, 99th percentile since the last look', ALL),
  event_loop_busy_ratio: gauge('Share of the time in which the event loop had something to do since the last look', ALL),
  cpu_ratio: gauge('Share of one core used since the last look', ALL),
} as const satisfies Record<string, Numbered>

const histogram = (help: string, roles: readonly Role[], labels: readonly string[], buckets: readonly number[]): Measured => ({
  type: 'histogram',
  help,
  roles,
  labels,
  buckets,
})

const WITHIN_A_SECOND = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** What is measured as it happens. Where the trace of a request is known, the newest one is kept beside its bucket as an exemplar. */
export const HISTOGRAMS = {
  journal_commit_seconds: histogram('From taking a batch to knowing its outcome', CONDUCTOR, [], WITHIN_A_SECOND),
  message_handling_seconds: histogram(
    'From the arrival of a call to its answer, by kind of the actor it is for',
    CONDUCTOR,
    ['kind'],
    WITHIN_A_SECOND,
  ),
  operation_duration_seconds: histogram(
    'From the begin of an operation to its end, by kind and outcome',
    CONDUCTOR,
    ['kind', 'outcome'],
    [...[0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800]],
  ),
  takeover_seconds: histogram(
    'From the last sign of life of a dead conductor to its first actor resumed here',
    CONDUCTOR,
    [],
    [...[0.25, 0.5, 1, 2, 3, 5, 10, 30, 60]],
  ),
  http_request_duration_seconds: histogram(
    'From a request to the end of its answer, by route, method and status class',
    ['gateway'],
    [...['route', 'method', 'status']],
    [...WITHIN_A_SECOND, 10, 30],
  ),
} as const satisfies Record<string, Measured>

export type NumberName = keyof typeof NUMBERS
export type HistogramName = keyof typeof HISTOGRAMS
export type MetricValues = Partial<Record<NumberName, number>>

/** Puts a duration into a histogram. `trace` is a W3C `traceparent`. Cheap, and throws nothing. */
export type Observe = (name: HistogramName, seconds: number, labels?: Readonly<Record<string, string>>, trace?: string) => void
