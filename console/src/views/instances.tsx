import { useState } from 'preact/hooks'
import { type InstanceBody, isFoundIn, VM_STATES } from '../../../actors/api.ts'
import { count, mebibytes } from '../format.ts'
import { useList, useLive, useRows } from '../live.ts'
import { Chip, Empty, Loading, Problem, When } from '../parts/bits.tsx'
import { Choice, narrow, Search } from '../parts/search.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { hrefOf, type Route } from '../route.ts'
import { mayAs } from '../session.ts'
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
const STATES = VM_STATES.filter(each => each !== 'deleted')

function List({ query }: { query: Route['query'] }) {
  const { state = '', host = '', sort = 'created_at:desc', find = '', after = '' } = query
  const [limit, setLimit] = useState(FIRST)
  const asked = {
    ...{ sort, limit },
    ...(state === '' ? {} : { vmState: state }),
    ...(host === '' ? {} : { host }),
    ...(find === '' ? {} : { find }),
    ...(after === '' ? {} : { after }),
  }
  const { rows, isOld, fault } = useList('instances', asked, { compare: orderOf(sort), fits: row => isFoundIn(find, row) })
  // Where one has got to says nothing in another order or of others.
  const set = (change: Record<string, string>) => narrow('instances', query, { after: '', ...change })
  const isCut = rows !== null && !isOld && rows.length >= limit
  return (
    <>
      <h1>
        Instances{' '}
        {rows && (
          <small>
            {isOld ? (
              'reading …'
            ) : isCut ? (
              <Cut shown={rows.length} state={state} isAll={host + find === ''} isFirst={after === ''} />
            ) : (
              count(rows.length)
            )}
          </small>
        )}
        <a class="button primary" href={hrefOf('create')}>
          Create
        </a>
      </h1>
      <div class="filters">
        <Search value={find} placeholder="name, id or host" onSearch={text => set({ find: text })} />
        <Choice name="State" value={state} of={STATES} onChoose={chosen => set({ state: chosen })} />
        <label>
          Host
          <input value={host} placeholder="any" onChange={event => set({ host: event.currentTarget.value.trim() })} />
        </label>
      </div>
      {fault && <Problem fault={fault} />}
      {!rows && !fault && <Loading what="instances" />}
      {rows?.length === 0 && !isOld && <Empty>{state + host + find === '' ? 'There are no instances yet.' : 'No instance like that.'}</Empty>}
      {rows && rows.length > 0 && (
        <Table
          label="Instances"
          rows={rows}
          columns={INSTANCE_COLUMNS}
          sort={sort}
          onSort={next => set({ sort: next })}
          onOpen={row => {
            location.hash = hrefOf('instances', row.id)
          }}
          onEnd={() => isCut && setLimit(MOST)}
        />
      )}
      {rows && (after !== '' || (isCut && limit === MOST)) && (
        <p class="row">
          {after !== '' && <a href={hrefOf('instances', null, { ...query, after: '' })}>From the first</a>}
          {isCut && limit === MOST && (
            <a href={hrefOf('instances', null, { ...query, after: rows.at(-1)?.id ?? '' })}>The next {count(MOST)} in this order</a>
          )}
        </p>
      )}
    </>
  )
}

/** How many there are of which this is a part, where that is known: who sees the cluster is told its figures. */
function Cut({ shown, state, isAll, isFirst }: { shown: number; state: string; isAll: boolean; isFirst: boolean }) {
  const { session } = useLive()
  const { rows } = useRows('cluster', {}, mayAs(session, 'admin') && isAll)
  const counts = rows?.[0]?.instances
  const all = counts && Object.entries(counts).reduce((sum, [each, n]) => sum + (each !== 'deleted' && (state === '' || each === state) ? n : 0), 0)
  return (
    <>
      {isFirst ? 'the first' : 'the next'} {count(shown)}
      {all !== undefined && all > shown && ` of ${count(all)}`}
    </>
  )
}

const KEYS: Readonly<Record<string, (row: InstanceBody) => string | number>> = {
  created_at: row => row.createdAt,
  name: row => row.name,
  vm_state: row => row.vmState,
  host: row => row.host ?? '',
}

/** As the cluster orders its window; rows come in no order. */
function orderOf(sort: string): (a: InstanceBody, b: InstanceBody) => number {
  const [column = '', direction] = sort.split(':')
  const key = KEYS[column] ?? (row => row.createdAt)
  const sign = direction === 'asc' ? 1 : -1
  return (a, b) => {
    const [left, right] = [key(a), key(b)]
    return left === right ? 0 : left < right ? -sign : sign
  }
}
