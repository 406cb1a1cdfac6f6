import { useState } from 'preact/hooks'
import { adviseScaling, spreadText } from '../../../actors/alerts/advice.ts'
import { type Moment, momentAt } from '../../../actors/cluster/history.ts'
import type { AlertRow, ClusterRow } from '../../../transport/console-client/topics.ts'
import { count, duration, percentile } from '../format.ts'
import { useHistory } from '../history.ts'
import { useNow, useRows } from '../live.ts'
import { Card, Chip, Empty, Figures, Loading, Problem, When } from '../parts/bits.tsx'
import { LiveHosts, PastHosts } from '../parts/host-tiles.tsx'
import { type Conductor, ShardMap, Takeovers } from '../parts/shard-map.tsx'
import { TimeSlider } from '../parts/time-slider.tsx'
import { framesOf, marksOf } from '../replay.ts'
import { hrefOf } from '../route.ts'
import { useShards } from '../shards.ts'
import { frameAt } from '../takeover.ts'

/** Operations of which the rates are made. */
const SAMPLE = 300
const MINUTE_MS = 60_000

/** As it is, or as it was: the slider decides, and all that is drawn below goes with it. */
export function Overview() {
  const { rows, fault } = useRows('cluster')
  const { rows: living } = useRows('nodes', { role: 'conductor' })
  const { rows: alertRows } = useRows('alerts')
  const { frames: live, names } = useShards()
  const samples = useHistory()
  const now = useNow()
  const [replay, setReplay] = useState<number | null>(null)
  if (fault) return <Problem fault={fault} />
  const cluster = rows?.[0]
  const began = live[0]
  if (!cluster || !living || !began) return <Loading what="the cluster" />
  const past = replay === null ? null : momentAt(samples, replay)
  const before = framesOf(samples)
  // What came before this page was opened is remembered by the cluster; what came since was seen more exactly.
  const frames = [...before.filter(({ at }) => at < began.at), ...live]
  const shown = replay === null ? live.at(-1) : frameAt(before, replay)
  const owners = replay === null ? frames : before
  const alerts = alertRows ?? []
  const conductors = past ? conductorsIn(past) : living
  const allNames = [...names, ...new Set(before.flatMap(frame => frame.owners.flatMap(owner => owner ?? [])))].filter(
    (n, i, all) => all.indexOf(n) === i,
  )
  return (
    <>
      <h1>Overview</h1>
      <TimeSlider samples={samples} marks={marksOf(samples, alerts)} replay={replay} onReplay={setReplay} />
      {past ? <PastHealth moment={past} /> : <Health cluster={cluster} conductors={conductors.length} />}
      <Alerts alerts={alerts.filter(alert => (replay === null ? alert.clearedAt === null : firedAt(alert, replay)))} />
      <div class="cards">
        {shown && <ShardMap conductors={conductors} frame={shown} before={owners[owners.indexOf(shown) - 1]} at={replay ?? now} names={allNames} />}
        <Takeovers frames={frames} onReplay={at => setReplay(at + 1000)} />
        {past ? <PastHosts moment={past} /> : <LiveHosts figures={cluster.hosts} />}
        {past ? <PastRates moment={past} /> : <Rates />}
      </div>
    </>
  )
}

const firedAt = (alert: AlertRow, at: number): boolean => alert.firedAt <= at && (alert.clearedAt ?? Number.POSITIVE_INFINITY) > at

const conductorsIn = ({ conductors }: Moment): Conductor[] => [...conductors].map(([id, { state, ...load }]) => ({ id, state, load }))

function Health({ cluster, conductors }: { cluster: ClusterRow; conductors: number }) {
  const { advice, database, instances, operationsOpen } = cluster
  const living = Object.entries(instances).filter(([state, n]) => n > 0 && state !== 'deleted')
  return (
    <>
      <AdviceBanner advice={advice} />
      {!database.connected && <div class="banner bad">The database cannot be reached: nothing is committed.</div>}
      <Figures
        of={[
          ['Conductors', conductors],
          ['Operations under way', <a href={hrefOf('operations', null, { open: 'yes' })}>{count(operationsOpen)}</a>],
          ['Commits waiting', count(database.waitingCommits)],
          ...living.map(([state, n]): [string, preact.ComponentChildren] => [
            `Instances ${state}`,
            <a href={hrefOf('instances', null, { state })}>{count(n)}</a>,
          ]),
        ]}
      />
    </>
  )
}

const AdviceBanner = ({ advice: { addConductor, because, spread } }: { advice: ClusterRow['advice'] }) => (
  <div class={`banner ${addConductor ? 'busy' : 'good'}`}>
    <strong>{addConductor ? 'Add a conductor' : 'No conductor is needed'}</strong>, because {because}. {spread && spreadText(spread)}
  </div>
)

/** What would have been advised then, and what there was. */
function PastHealth({ moment }: { moment: Moment }) {
  const { conductors, hosts, owners } = moment
  const shards = (name: string): number => owners.of.filter(place => owners.names[place] === name).length
  const up = [...hosts.values()].filter(([state]) => state === 'up').length
  return (
    <>
      <AdviceBanner advice={adviseScaling(conductorsIn(moment).map(({ id, load }) => ({ id, load, shards: shards(id) })))} />
      <Figures
        of={[
          ['Conductors', conductors.size],
          ['Hosts', count(hosts.size)],
          ['Hosts up', count(up)],
        ]}
      />
    </>
  )
}

function Alerts({ alerts }: { alerts: readonly AlertRow[] }) {
  const rank = ({ severity }: AlertRow): number => (severity === 'critical' ? 0 : 1)
  return (
    <>
      {[...alerts]
        .sort((a, b) => rank(a) - rank(b) || b.firedAt - a.firedAt)
        .map(({ id, severity, code, subject, message, remedy, firedAt: at }) => (
          <div key={id} class={`banner ${severity === 'critical' ? 'bad' : 'busy'}`} role="alert">
            <Chip state={severity} /> <strong>{message}</strong>{' '}
            <span class="dim">
              {code}, {subject}, <When at={at} />
            </span>
            <div>
              Next: <Words text={remedy} />.
            </div>
          </div>
        ))}
    </>
  )
}

/** Commands stand between backticks. */
const Words = ({ text }: { text: string }) => <>{text.split('`').map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part))}</>

const PastRates = ({ moment: { ended } }: { moment: Moment }) => (
  <Card title="Operations">
    <p>
      <strong>{ended[0]}</strong> done and <strong>{ended[1]}</strong> not done in a second.
    </p>
  </Card>
)

function Rates() {
  const { rows } = useRows('operations', { limit: SAMPLE })
  const now = useNow(2000)
  if (!rows) return <Card title="Operations">{<Loading what="operations" />}</Card>
  const ended = rows.filter(row => row.endedAt !== null)
  const kinds = [...Map.groupBy(ended, row => row.kind)].sort(([, a], [, b]) => b.length - a.length)
  const lastMinute = ended.filter(row => (row.endedAt ?? 0) > now - MINUTE_MS).length
  return (
    <Card title="Operations" aside={<span class="dim">of the newest {count(rows.length)}</span>}>
      <p>
        <strong>{count(lastMinute)}</strong> ended in the last minute{rows.length === SAMPLE && lastMinute === ended.length ? ', at least' : ''}.
      </p>
      {kinds.length === 0 && <Empty>None has ended yet.</Empty>}
      {kinds.length > 0 && (
        <table class="plain">
          <thead>
            <tr>
              {['Kind', 'Ended', 'p50', 'p99', 'Not done'].map(name => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {kinds.slice(0, 8).map(([kind, of]) => {
              const times = of.map(row => (row.endedAt ?? 0) - row.startedAt)
              return (
                <tr key={kind}>
                  <th scope="row">{kind}</th>
                  <td>{of.length}</td>
                  <td>{duration(percentile(times, 0.5) ?? 0)}</td>
                  <td>{duration(percentile(times, 0.99) ?? 0)}</td>
                  <td>{of.filter(row => row.status !== 'done').length || '–'}</td>
                </tr>
              )
            })}
          </tbody>
        </table>
      )}
    </Card>
  )
}
