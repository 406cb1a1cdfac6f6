import { useState } from 'preact/hooks'
import type { HostBody } from '../../../actors/api.ts'
import { compareNames, count, duration, mebibytes, percent, plural } from '../format.ts'
import { useAnswer, useList, useLive, useRows } from '../live.ts'
import { Act } from '../parts/act.tsx'
import { Bar, Card, Chip, Empty, Figures, Loading, Problem, When } from '../parts/bits.tsx'
import { Steps } from '../parts/operation-bits.tsx'
import { Choice, narrow, Search } from '../parts/search.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { hrefOf, type Route } from '../route.ts'
import { field } from '../session.ts'
import { INSTANCE_COLUMNS } from './instances.tsx'

export const Hosts = ({ route }: { route: Route }) => (route.id === null ? <List query={route.query} /> : <Detail id={route.id} />)

const COLUMNS: readonly Column<HostBody>[] = [
  { name: 'Host', sort: 'id', width: 2, cell: row => <a href={hrefOf('hosts', row.id)}>{row.id}</a> },
  { name: 'State', sort: 'state', width: 1, cell: row => <Chip state={row.state} /> },
  { name: 'Takes', width: 1.2, cell: row => <Chip state={row.mode}>{row.mode === 'enabled' ? 'new ones' : row.mode}</Chip> },
  {
    name: 'vCPUs',
    width: 1,
    wide: true,
    cell: row => (
      <>
        {row.vcpusUsed} of {row.vcpus}
      </>
    ),
  },
  { name: 'RAM', sort: 'ram', width: 1.4, cell: row => <Bar share={percent(row.ramMbUsed, row.ramMb)} label="RAM" /> },
  { name: 'Disk', width: 1.4, wide: true, cell: row => <Bar share={percent(row.diskGbUsed, row.diskGb)} label="Disk" /> },
  { name: 'Claims', sort: 'claims', width: 0.8, cell: row => row.claims },
  { name: 'Since', width: 1, wide: true, cell: row => <When at={row.stateSince} /> },
]

const COLUMNS_THERE = INSTANCE_COLUMNS.filter(({ name }) => name !== 'Host')

const ORDERS: Readonly<Record<string, (a: HostBody, b: HostBody) => number>> = {
  id: (a, b) => compareNames(a.id, b.id),
  state: (a, b) => compareNames(a.state, b.state),
  ram: (a, b) => a.ramMbUsed / a.ramMb - b.ramMbUsed / b.ramMb,
  claims: (a, b) => a.claims - b.claims,
}

/** Rows of the live window: a few at first, all it can have when one goes on to its end. */
const FIRST = 1000
const MOST = 10_000

function List({ query }: { query: Route['query'] }) {
  const { sort = 'id:asc', find = '', state = '', mode = '' } = query
  const [limit, setLimit] = useState(FIRST)
  const asked = {
    ...{ sort, limit },
    ...(state === '' ? {} : { state }),
    ...(mode === '' ? {} : { mode }),
    ...(find === '' ? {} : { find }),
  }
  const set = (change: Record<string, string>) => narrow('hosts', query, change)
  const [column = '', direction] = sort.split(':')
  const order = ORDERS[column] ?? (() => 0)
  const { rows, isOld, fault } = useList('hosts', asked, {
    compare: (a, b) => (direction === 'desc' ? order(b, a) : order(a, b)),
    fits: row => row.id.toLowerCase().includes(find.toLowerCase()),
  })
  const isCut = rows !== null && !isOld && rows.length >= limit
  return (
    <>
      <h1>Hosts {rows && <small>{isOld ? 'reading …' : isCut ? `the first ${count(rows.length)}` : count(rows.length)}</small>}</h1>
      <div class="filters">
        <Search value={find} placeholder="name" onSearch={text => set({ find: text })} />
        <Choice name="State" value={state} of={['up', 'suspect', 'down', 'fenced']} onChoose={chosen => set({ state: chosen })} />
        <Choice name="Takes" value={mode} of={['enabled', 'disabled', 'draining', 'maintenance']} onChoose={chosen => set({ mode: chosen })} />
      </div>
      {fault && <Problem fault={fault} />}
      {!rows && !fault && <Loading what="hosts" />}
      {rows?.length === 0 && !isOld && <Empty>{find + state + mode === '' ? 'No host has registered yet.' : 'No host like that.'}</Empty>}
      {rows && rows.length > 0 && (
        <Table
          label="Hosts"
          rows={rows}
          onEnd={() => isCut && setLimit(MOST)}
          columns={COLUMNS}
          sort={sort}
          onSort={next => set({ sort: next })}
          onOpen={row => {
            location.hash = hrefOf('hosts', row.id)
          }}
        />
      )}
    </>
  )
}

function Detail({ id }: { id: string }) {
  const { rows, fault } = useRows('hosts', { id })
  const { rows: instances } = useRows('instances', { host: id, limit: 1000 })
  if (fault) return <Problem fault={fault} />
  if (!rows) return <Loading what={`host ${id}`} />
  const host = rows[0]
  if (!host) return <Empty>There is no host {id}.</Empty>
  const custom = Object.entries(host.placement?.custom ?? {})
  return (
    <>
      <h1>
        {host.id} <Chip state={host.state} /> <Chip state={host.mode} />
      </h1>
      <HostActions host={host} />
      {host.disabledReason && <p class="dim">Takes none: {host.disabledReason}</p>}
      <div class="cards">
        <Card title="Inventory">
          <Figures
            of={[
              ['vCPUs', `${host.vcpusUsed} of ${host.vcpus} allocated`],
              [
                'RAM',
                <>
                  {mebibytes(host.ramMbUsed)} of {mebibytes(host.ramMb)} <Bar share={percent(host.ramMbUsed, host.ramMb)} label="RAM" />
                </>,
              ],
              [
                'Disk',
                <>
                  {host.diskGbUsed} of {host.diskGb} GB <Bar share={percent(host.diskGbUsed, host.diskGb)} label="Disk" />
                </>,
              ],
              ...custom.map(([name, n]): [string, string] => [name, `${host.placement?.customUsed[name] ?? 0} of ${n}`]),
              ['Claims', host.claims],
              ['Driver', host.driver],
              ['Version', host.version],
              ['In this state', <When at={host.stateSince} />],
            ]}
          />
          {host.placement && host.placement.traits.length > 0 && <p class="dim">{host.placement.traits.join(', ')}</p>}
        </Card>
        <Lease host={host} />
        {host.operation && <Emptying id={host.operation} />}
      </div>
      <h2>Instances</h2>
      {instances?.length === 0 && <Empty>None.</Empty>}
      {instances && instances.length > 0 && <Table label={`Instances on ${id}`} rows={instances} columns={COLUMNS_THERE} />}
    </>
  )
}

/** What only the host's monitor knows is asked for, not watched. */
function Lease({ host }: { host: HostBody }) {
  const { ask } = useLive()
  const [round, setRound] = useState(0)
  const { answer, error } = useAnswer(`lease ${host.id} ${host.rev} ${round}`, () => ask('GET', `/baton/v1/hosts/${encodeURIComponent(host.id)}`))
  const lease = field(field(answer, 'host'), 'lease')
  const figure = (name: string): number => Number(field(lease, name) ?? 0)
  return (
    <Card
      title="Heartbeat and lease"
      aside={
        <button type="button" onClick={() => setRound(round + 1)}>
          Look again
        </button>
      }
    >
      {error && <p class="problem">{error}</p>}
      {!answer && !error && <Loading what="the lease" />}
      {answer !== null && !lease && <Empty>It holds no lease: no heartbeat of it is known.</Empty>}
      {lease !== null && lease !== undefined && (
        <Figures
          of={[
            ['Heard', `${duration(figure('heardAgoMs'))} before the look`],
            ['Lease', `${duration(Math.max(0, figure('leftMs')))} left`],
            ['Watchdog', field(lease, 'armed') === true ? 'armed with the newest policy' : 'not armed with the newest policy'],
            ...(host.ha ? ([['Guests under HA', `${host.ha.learned} of ${host.ha.instances} learned`]] as const) : []),
          ]}
        />
      )}
    </Card>
  )
}

function Emptying({ id }: { id: string }) {
  const { rows } = useRows('operations', { id })
  const operation = rows?.[0]
  const progress = operation?.steps.findLast(step => step.progress)?.progress
  return (
    <Card title={operation?.kind ?? 'Under way'} aside={<a href={hrefOf('operations', id)}>details</a>}>
      {progress && (
        <p>
          {plural(progress.moved ?? 0, 'instance')} of {progress.total ?? 0} moved{progress.failed ? `, ${progress.failed} could not be` : ''}{' '}
          <Bar share={percent(progress.moved ?? 0, progress.total ?? 0)} label="moved" />
        </p>
      )}
      {operation ? <Steps operation={operation} /> : <Loading what="the operation" />}
    </Card>
  )
}

function HostActions({ host }: { host: HostBody }) {
  const { ask } = useLive()
  const post = (path: string, body?: object) => () => ask('POST', `/baton/v1/hosts/${encodeURIComponent(host.id)}/${path}`, body)
  return (
    <div class="row">
      {host.mode === 'enabled' && <Act label="Disable" run={post('disable', { reason: 'by the console' })} />}
      {host.mode === 'disabled' && <Act label="Enable" run={post('enable')} />}
      {host.mode === 'enabled' && <Act label="Drain" confirm="Every instance is moved to other hosts; it takes no new ones." run={post('drain')} />}
      {host.mode === 'draining' && <Act label="Undrain" run={post('undrain')} />}
      {host.mode !== 'maintenance' && (
        <Act label="Maintenance" confirm="It is drained, and held empty until you end the maintenance." run={post('maintenance', { on: true })} />
      )}
      {host.mode === 'maintenance' && <Act label="End maintenance" run={post('maintenance', { on: false })} />}
      {host.state === 'down' && (
        <Act
          label="It is fenced"
          tone="danger"
          confirm="You give your word that nothing runs on this host any more. If something does, two guests may write to the same disk."
          run={post('fenced')}
        />
      )}
      {host.state === 'fenced' && <Act label="Evacuate" confirm="Every instance of it is made anew elsewhere." run={post('evacuate')} />}
    </div>
  )
}
