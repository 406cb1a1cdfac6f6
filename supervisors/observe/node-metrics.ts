/** From the counters of the parts to the metrics of a node. */

import type { SessionCounters } from '../../actors/guest/session.ts'
import type { Hub } from '../../transport/console/hub.ts'
import type { ConsoleServer } from '../../transport/console/server.ts'
import type { LinkStats } from '../../transport/link.ts'
import type { MessengerStats } from '../../transport/messenger.ts'
import type { OpenDoor } from '../gateway.ts'
import type { MetricValues } from './metrics-table.ts'

export const messengerMetrics = (m: MessengerStats): MetricValues => ({
  calls_pending: m.pending,
  calls_oldest_seconds: m.oldestPendingMs / 1000,
  calls_running: m.running,
  calls_sent_total: m.callsOut,
  calls_received_total: m.callsIn,
  calls_resent_total: m.resends,
  calls_duplicate_total: m.duplicates,
  messages_expired_total: m.expired,
  messages_malformed_total: m.malformed,
})

export const linkMetrics = (l: LinkStats): MetricValues => ({
  link_queue_depth: l.queued,
  link_received_messages_total: l.messagesIn,
  link_sent_messages_total: l.messagesOut,
  link_received_bytes_total: l.bytesIn,
  link_sent_bytes_total: l.bytesOut,
  link_dropped_total: l.droppedFull + l.droppedUnknown,
  link_malformed_total: l.malformed,
})

export const processMetrics = ({ cpu, busy, lagMs }: { cpu: number; busy: number; lagMs: number }): MetricValues => ({
  cpu_ratio: cpu,
  event_loop_busy_ratio: busy,
  event_loop_lag_seconds: lagMs / 1000,
})

export const agentMetrics = (a: SessionCounters & { readonly agents: number; readonly silent: number }): MetricValues => ({
  guest_agents: a.agents,
  guest_agents_silent: a.silent,
  guest_heartbeats_total: a.heartbeats,
  guest_messages_refused_total: a.malformed + a.stale + a.foreign + a.flooded + a.unasked,
})

/** Of a gateway's door for agents; nothing of one that has none. */
export const doorMetrics = (stats: ReturnType<OpenDoor['stats']> | null): MetricValues =>
  stats === null
    ? {}
    : {
        agent_sessions: stats.agents - stats.silent,
        agent_handshakes_refused_total: stats.handshakesRefused,
        agent_sessions_refused_total: stats.door.refused + stats.door.unproved + stats.door.hurried,
        agent_messages_refused_total: stats.refusedMessages + stats.door.malformed + stats.door.flooded,
      }

export const consoleMetrics = (c: ReturnType<ConsoleServer['stats']>, h: ReturnType<Hub['stats']>): MetricValues => ({
  console_clients: c.clients,
  console_subscriptions: c.subscriptions,
  console_waiting_bytes: c.waitingBytes,
  console_handshakes_waiting: c.handshakesWaiting,
  console_turns_waiting: c.turnsWaiting,
  console_queries: h.queries,
  console_rows: h.rows,
  console_reads_total: h.reads,
})
