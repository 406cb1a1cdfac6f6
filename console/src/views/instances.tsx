import { useState } from 'preact/hooks'
import { type InstanceBody, VM_STATES } from '../../../actors/api.ts'
import { count, mebibytes } from '../format.ts'
import { useRows } from '../live.ts'
import { Chip, Empty, Loading, Problem, When } from '../parts/bits.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { hrefOf, type Route } from '../route.ts'
import { Instance } from './instance.tsx'

export const Instances = ({ route }: { route: Route }) =>
  route.id === null ? <List query={route.query} /> : <Instance id={route.id} tab={route.query.tab ?? ''} />

export const INSTANCE_COLUMNS: readonly Column<InstanceBody>[] = [
  { name: 'Name', sort: 'name', width: 2, cell: row => <a href={hrefOf('instances', row.id)}>{row.name}</a> },
  {
    name: 'State',
    sort: 'vm_state',
    width: 1.6,
    cell: row => (
      <>
        <Chip state={row.vmState} /> {row.taskState && <span class="task">{row.taskState} …</span>}
      </>
    ),
  },
  { name: 'Host', sort: 'host', width: 1.2, cell: row => row.host ?? <span class="dim">–</span> },
  { name: 'Flavor', width: 1.7, wide: true, cell: row => `${row.flavor.name}: ${row.flavor.vcpus} vCPU, ${mebibytes(row.flavor.ramMb)}` },
  { name: 'Id', width: 2.6, wide: true, cell: row => <code>{row.id}</code> },
  { name: 'Created', sort: 'created_at', width: 1, wide: true, cell: row => <When at={row.createdAt} /> },
]

/** Rows of the live window: a few at first, all it can have when one goes on to its end. */
const FIRST = 1000
const MOST = 10_000

function List({ query }: { query: Route['query'] }) {
  const { state = '', host = '', sort = 'created_at:desc', find = '' } = query
  const [limit, setLimit] = useState(FIRST)
  const { rows, fault } = useRows('instances', {
    ...{ sort, limit },
    ...(state === '' ? {} : { vmState: state }),
    ...(host === '' ? {} : { host }),
  })
  const set = (change: Record<string, string>) => {
    location.hash = hrefOf('instances', null, { ...query, ...change })
  }
  const words = find.toLowerCase()
  const shown = rows && inOrder(rows, sort).filter(row => words === '' || `${row.name} ${row.id} ${row.host ?? ''}`.toLowerCase().includes(words))
  const isCut = rows !== null && rows.length >= limit
  return (
    <>
      <h1>
        Instances {rows && <small>{isCut ? `the first ${count(rows.length)}` : count(rows.length)}</small>}
        <a class="button primary" href={hrefOf('create')}>
          Create
        </a>
      </h1>
      <div class="filters">
        <label>
          Find
          <input type="search" value={find} placeholder="name, id or host" onInput={event => set({ find: event.currentTarget.value })} />
        </label>
        <label>
          State
          <select value={state} onChange={event => set({ state: event.currentTarget.value })}>
            <option value="">all</option>
            {VM_STATES.filter(each => each !== 'deleted').map(each => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
        <label>
          Host
          <input value={host} placeholder="any" onChange={event => set({ host: event.currentTarget.value.trim() })} />
        </label>
      </div>
      {fault && <Problem fault={fault} />}
      {!rows && !fault && <Loading what="instances" />}
      {shown?.length === 0 && <Empty>{state + host + find === '' ? 'There are no instances yet.' : 'No instance like that.'}</Empty>}
      {shown && shown.length > 0 && (
        <Table
          label="Instances"
          rows={shown}
          columns={INSTANCE_COLUMNS}
          sort={sort}
          onSort={next => set({ sort: next })}
          onOpen={row => {
            location.hash = hrefOf('instances', row.id)
          }}
          onEnd={() => isCut && setLimit(MOST)}
        />
      )}
      {isCut && limit === MOST && (
        <p class="dim">
          These are the first {count(MOST)} in this order; {find && 'only they were searched; '}narrow it down by state or host to see others.
        </p>
      )}
    </>
  )
}

const KEYS: Readonly<Record<string, (row: InstanceBody) => string | number>> = {
  created_at: row => row.createdAt,
  name: row => row.name,
  vm_state: row => row.vmState,
  host: row => row.host ?? '',
}

/** As the cluster ordered its window; rows come in no order. */
function inOrder(rows: readonly InstanceBody[], sort: string): readonly InstanceBody[] {
  const [column = '', direction] = sort.split(':')
  const key = KEYS[column] ?? (row => row.createdAt)
  const sign = direction === 'asc' ? 1 : -1
  return rows.toSorted((a, b) => {
    const [left, right] = [key(a), key(b)]
    return left === right ? (a.id < b.id ? -1 : 1) : left < right ? -sign : sign
  })
}
