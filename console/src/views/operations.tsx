import type { OperationBody } from '../../../actors/api.ts'
import { isHostOperation } from '../../../actors/host-operation/contract.ts'
import { duration } from '../format.ts'
import { useList, useLive, useNow, useRows } from '../live.ts'
import { Act } from '../parts/act.tsx'
import { Chip, Empty, FaultBox, Figures, Loading, Problem, When } from '../parts/bits.tsx'
import { PlanLine, Steps } from '../parts/operation-bits.tsx'
import { narrow } from '../parts/search.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { hrefOf, type Route } from '../route.ts'
import { mayAs } from '../session.ts'

export const Operations = ({ route }: { route: Route }) => (route.id === null ? <List query={route.query} /> : <Detail id={route.id} />)

const Took = ({ operation: { startedAt, endedAt } }: { operation: OperationBody }) => {
  const now = useNow()
  return <>{duration(Math.max(0, (endedAt ?? now) - startedAt))}</>
}

export const OPERATION_COLUMNS: readonly Column<OperationBody>[] = [
  { name: 'Operation', width: 3, cell: row => <a href={hrefOf('operations', row.id)}>{row.id}</a> },
  { name: 'Kind', width: 1.3, cell: row => row.kind },
  { name: 'Status', width: 1.2, cell: row => <Chip state={row.status} /> },
  { name: 'Steps', width: 1.5, cell: row => <PlanLine operation={row} /> },
  { name: 'Began', width: 1, wide: true, cell: row => <When at={row.startedAt} /> },
  { name: 'Took', width: 0.8, wide: true, cell: row => <Took operation={row} /> },
]

const NEWEST_FIRST = { compare: (a: OperationBody, b: OperationBody) => b.startedAt - a.startedAt, fits: () => true }

function List({ query }: { query: Route['query'] }) {
  const { open = '', kind = '' } = query
  const asked = {
    ...{ limit: 1000 },
    ...(open === '' ? {} : { open: open === 'yes' }),
    ...(kind === '' ? {} : { kind }),
  }
  const { rows, fault } = useList('operations', asked, NEWEST_FIRST)
  const set = (change: Record<string, string>) => narrow('operations', query, change)
  return (
    <>
      <h1>Operations</h1>
      <div class="filters">
        <label>
          Which
          <select value={open} onChange={event => set({ open: event.currentTarget.value })}>
            <option value="">all</option>
            <option value="yes">under way</option>
            <option value="no">ended</option>
          </select>
        </label>
        <label>
          Kind
          <input value={kind} placeholder="build, resize …" onChange={event => set({ kind: event.currentTarget.value.trim() })} />
        </label>
      </div>
      {fault && <Problem fault={fault} />}
      {!rows && !fault && <Loading what="operations" />}
      {rows?.length === 0 && <Empty>No operation like that.</Empty>}
      {rows && rows.length > 0 && (
        <Table
          label="Operations"
          rows={rows}
          columns={OPERATION_COLUMNS}
          onOpen={row => {
            location.hash = hrefOf('operations', row.id)
          }}
        />
      )}
    </>
  )
}

function Detail({ id }: { id: string }) {
  const { ask, session } = useLive()
  const { rows, fault } = useRows('operations', { id })
  if (fault) return <Problem fault={fault} />
  if (!rows) return <Loading what={`operation ${id}`} />
  const operation = rows[0]
  if (!operation) return <Empty>There is no operation {id}, or it is no longer kept.</Empty>
  const isOpen = operation.endedAt === null
  return (
    <>
      <h1>
        {operation.kind} <Chip state={operation.status} />
      </h1>
      <Figures
        of={[
          ['Operation', operation.id],
          ['Subject', <Subject operation={operation} />],
          ['Began', <When at={operation.startedAt} />],
          [isOpen ? 'Running for' : 'Took', <Took operation={operation} />],
          ['Deadline', <When at={operation.deadlineAt} />],
          ['Request', operation.requestId],
          ...(operation.move ? ([['Move', `${operation.move.from ?? '–'} → ${operation.move.to ?? 'not chosen yet'}`]] as const) : []),
        ]}
      />
      {isOpen && mayAs(session, 'member') && (
        <div class="row">
          {operation.cancelRequested ? (
            <Chip state="pending">cancel asked for</Chip>
          ) : (
            <Act
              label="Cancel"
              tone="danger"
              confirm="Its steps are undone in reverse, as far as they can be."
              run={() => ask('POST', `/baton/v1/operations/${encodeURIComponent(id)}/cancel`)}
            />
          )}
        </div>
      )}
      {operation.fault && <FaultBox fault={operation.fault} />}
      <Steps operation={operation} />
    </>
  )
}

/** A host's operations are about a host. */
const Subject = ({ operation: { subject, kind } }: { operation: OperationBody }) => (
  <a href={hrefOf(isHostOperation(kind) ? 'hosts' : 'instances', subject)}>{subject}</a>
)
