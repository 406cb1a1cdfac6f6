import type { QueueRow } from '../../../transport/console-client/topics.ts'
import { compareNames, count, duration, percent } from '../format.ts'
import { useRows } from '../live.ts'
import { Bar, Empty, Loading, Problem } from '../parts/bits.tsx'
import { type Column, Table } from '../parts/table.tsx'

const COLUMNS: readonly Column<QueueRow>[] = [
  { name: 'Node', width: 1.4, cell: row => row.node },
  { name: 'Queue', width: 1, cell: row => row.queue },
  { name: 'Depth', width: 0.8, cell: row => count(row.depth) },
  { name: 'Full', width: 1.4, cell: row => <Bar share={percent(row.depth, row.limit)} label={`of ${count(row.limit)}`} /> },
  { name: 'Oldest', width: 0.8, cell: row => (row.depth === 0 ? <span class="dim">–</span> : duration(row.oldestMs)) },
  { name: 'Longest inbox', width: 2, wide: true, cell: row => row.busiest ?? <span class="dim">–</span> },
]

export function Queues() {
  const { rows, fault } = useRows('queues')
  const { rows: nodes } = useRows('nodes', { role: 'conductor' })
  const worst = rows?.toSorted((a, b) => b.oldestMs - a.oldestMs || b.depth - a.depth || compareNames(a.id, b.id))
  const letters = nodes?.reduce((sum, { load }) => sum + (load.deadLetters ?? 0), 0)
  return (
    <>
      <h1>Queues</h1>
      <p class="dim">
        The longest waiting first. {letters !== undefined && `Messages that found no receiver since the nodes started: ${count(letters)}.`}
      </p>
      {fault && <Problem fault={fault} />}
      {!rows && !fault && <Loading what="queues" />}
      {worst?.length === 0 && <Empty>No node told of a queue.</Empty>}
      {worst && worst.length > 0 && <Table label="Queues" rows={worst} columns={COLUMNS} />}
    </>
  )
}
