import { useState } from 'preact/hooks'
import type { EventItem } from '../../../transport/console-client/topics.ts'
import { clockTime, count, exactTime } from '../format.ts'
import { useItems } from '../live.ts'
import { Empty, Problem } from '../parts/bits.tsx'
import { Choice, narrow } from '../parts/search.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { hrefOf, type Route } from '../route.ts'

const KEPT = 5000
const KINDS = ['instance', 'operation', 'host', 'host-operation', 'flavor', 'project', 'image', 'cluster']
const VIEW_OF: Readonly<Record<string, string>> = { instance: 'instances', operation: 'operations', host: 'hosts', 'host-operation': 'operations' }

type EventRow = EventItem & { readonly subject: string }

const COLUMNS: readonly Column<EventRow>[] = [
  { name: 'Time', width: 1, cell: row => <time title={exactTime(row.at)}>{clockTime(row.at)}</time> },
  { name: 'Kind', width: 1.1, cell: row => row.kind },
  { name: 'Of', width: 2.6, cell: ({ kind, subject }) => (VIEW_OF[kind] ? <a href={hrefOf(VIEW_OF[kind], subject)}>{subject}</a> : subject) },
  { name: 'What', width: 1.8, cell: row => row.types.join(', ') },
  { name: 'Since then', width: 2, wide: true, cell: row => row.state },
]

export function Events({ route: { query } }: { route: Route }) {
  const { kind = '', subject = '' } = query
  const [isPaused, setPaused] = useState<readonly EventRow[] | null>(null)
  const { items, missed, fault } = useItems('events', { ...(kind === '' ? {} : { kind }), ...(subject === '' ? {} : { subject }) }, KEPT)
  const rows =
    isPaused ?? items.map((item, i) => ({ ...item, subject: item.id, id: `${item.kind}/${item.id}/${item.rev}/${item.at}/${i}` })).reverse()
  const set = (change: Record<string, string>) => narrow('events', query, change)
  return (
    <>
      <h1>Events</h1>
      <div class="filters">
        <Choice name="Kind" value={kind} of={KINDS} onChoose={word => set({ kind: word })} />
        <label>
          Of
          <input value={subject} placeholder="id of an instance or host" onChange={event => set({ subject: event.currentTarget.value.trim() })} />
        </label>
        <button type="button" aria-pressed={isPaused !== null} onClick={() => setPaused(isPaused ? null : rows)}>
          {isPaused ? 'Go on' : 'Hold'}
        </button>
      </div>
      {fault && <Problem fault={fault} />}
      {missed > 0 && <p class="dim">{count(missed)} came faster than they could be told and are left out.</p>}
      {!fault && rows.length === 0 && <Empty>Nothing has been committed since this view was opened. Events are shown from then on.</Empty>}
      {rows.length > 0 && <Table label="Events" rows={rows} columns={COLUMNS} />}
    </>
  )
}
