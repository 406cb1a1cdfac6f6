/** Prometheus metrics of a node: one table says what there is, and the node's own counters are read when somebody asks. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'

/** Names without the `baton_` in front. Counters end in `_total`, as is the custom. */
const METRICS = {
  actors: 'Durable actors in memory',
  inbox_depth: 'Commands waiting in all inboxes',
  inbox_oldest_seconds: 'Age of the oldest waiting command',
  actor_commands_total: 'Commands handled by durable actors',
  actor_restarts_total: 'Restarts of failed actors',
  actors_poisoned: 'Actors set aside after failing too often',
  dead_letters_total: 'Commands for actors or methods that do not exist',
  journal_queue_depth: 'Appends waiting for a commit',
  journal_oldest_seconds: 'Age of the oldest waiting append',
  journal_batches_total: 'Committed batches',
  journal_events_total: 'Committed events',
  journal_batch_size: 'Appends in the newest batch',
  journal_commit_seconds_sum: 'Time spent in commits',
  journal_connected: '1 while the journal is connected to the database',
  journal_fenced_total: 'Commits refused because this conductor was declared dead',
  calls_pending: 'Own calls waiting for an answer',
  calls_oldest_seconds: 'Age of the oldest call waiting for an answer',
  calls_running: 'Calls of others that run here',
  calls_sent_total: 'Calls begun',
  calls_received_total: 'Calls received',
  calls_resent_total: 'Calls sent again',
  calls_duplicate_total: 'Calls received again and answered from memory',
  messages_expired_total: 'Messages dropped because their deadline had passed',
  messages_malformed_total: 'Messages that could not be read',
  link_queue_depth: 'Messages waiting in send queues',
  link_messages_in_total: 'Messages received',
  link_messages_out_total: 'Messages sent',
  link_bytes_in_total: 'Bytes received',
  link_bytes_out_total: 'Bytes sent',
  link_dropped_total: 'Messages dropped for lack of room or of a peer',
  link_malformed_total: 'Frames that were no message',
  console_clients: 'Clients of the live console',
  console_subscriptions: 'Subscriptions of all of them',
  console_waiting_bytes: 'Bytes that wait in the sockets of clients',
  console_queries: 'Different queries that are watched, or were a moment ago',
  console_rows: 'Rows and items held for them',
  console_reads_total: 'Reads that watched queries caused',
  alerts: 'Things a person should look at, as in `baton status`',
  shards: 'Shards owned',
  takeovers_total: "Take-overs of a dead conductor's shards",
  takeover_first_seconds: 'Newest take-over: from the last sign of life to the first resumed actor',
  lease_left_seconds: 'Time until this host stops its guests under the HA policy, unless a heartbeat is acknowledged',
  guests: 'Guests on this host',
  commands_waiting: 'Commands waiting for a guest',
  commands_done_total: 'Hypervisor commands done',
  commands_failed_total: 'Hypervisor commands that failed',
  commands_stale_total: 'Hypervisor commands refused as stale',
  event_loop_lag_seconds: 'Event-loop lag, 99th percentile since the last look',
  cpu_share: 'Share of one core used since the last look',
} as const

export type MetricName = keyof typeof METRICS
export type MetricValues = Partial<Record<MetricName, number>>

/** `read` is called for every scrape; what it leaves out is left out of the answer. */
export function createMetrics(node: { id: string; role: string }, read: () => MetricValues): { text(): Promise<string> } {
  const registry = new Registry()
  registry.setDefaultLabels({ node: node.id, role: node.role })
  collectDefaultMetrics({ register: registry })
  const gauges = new Map<MetricName, Gauge>()
  return {
    text() {
      for (const [name, value] of Object.entries(read()) as [MetricName, number][]) {
        let gauge = gauges.get(name)
        if (!gauge) {
          gauge = new Gauge({ name: `baton_${name}`, help: METRICS[name], registers: [registry] })
          gauges.set(name, gauge)
        }
        gauge.set(value)
      }
      return registry.metrics()
    },
  }
}
