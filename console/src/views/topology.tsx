import type { NodeBody } from '../../../actors/api.ts'
import { compareNames, count, plural } from '../format.ts'
import { useRows } from '../live.ts'
import { Card, Chip, Loading, Problem } from '../parts/bits.tsx'
import { type Column, Table } from '../parts/table.tsx'

const TITLES = { gateway: 'Gateways', conductor: 'Conductors', compute: 'Compute hosts' } as const

const COLUMNS: readonly Column<NodeBody>[] = [
  { name: 'Node', width: 2, cell: row => row.id },
  { name: 'State', width: 1, cell: row => <Chip state={row.state} /> },
  { name: 'Pid', width: 0.8, wide: true, cell: row => row.pid },
  { name: 'Version', width: 0.8, cell: row => row.version },
  { name: 'Node.js', width: 0.8, wide: true, cell: row => row.node || '–' },
  { name: 'Endpoint', width: 2, wide: true, cell: row => <code>{row.endpoint || '–'}</code> },
]

export function Topology() {
  const { rows, fault } = useRows('nodes')
  const { rows: cluster } = useRows('cluster')
  if (fault) return <Problem fault={fault} />
  if (!rows || !cluster) return <Loading what="nodes" />
  const hosts = cluster[0]?.hosts.count ?? 0
  const versions = [...Map.groupBy(rows, row => row.version || 'unknown')]
  return (
    <>
      <h1>Topology</h1>
      <p>
        {versions.map(([version, of]) => `${plural(of.length, 'node')} of version ${version}`).join(', ')}
        {versions.length > 1 && ': an upgrade is under way, or was left half done'}.
      </p>
      <div class="tiers">
        {(['gateway', 'conductor', 'compute'] as const).map(role => {
          const of = rows.filter(row => row.role === role).toSorted((a, b) => compareNames(a.id, b.id))
          return (
            <Card
              key={role}
              title={TITLES[role]}
              aside={<span class="dim">{role === 'compute' && hosts > of.length ? `${count(of.length)} of ${count(hosts)}` : of.length}</span>}
              wide
            >
              {of.length === 0 ? <p class="empty">None.</p> : <Table label={TITLES[role]} rows={of} columns={COLUMNS} />}
            </Card>
          )
        })}
      </div>
    </>
  )
}
