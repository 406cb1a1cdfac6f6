import { useState } from 'preact/hooks'
import type { HostBody, HostFigures, NodeBody } from '../../../actors/api.ts'
import type { ClusterRow } from '../../../transport/console-client/topics.ts'
import { clockTime, compareNames, count, duration, mebibytes, percent, percentile, plural } from '../format.ts'
import { useNow, useRows } from '../live.ts'
import { Bar, Card, Chip, Empty, Figures, Loading, Problem, toneOf, When } from '../parts/bits.tsx'
import { hrefOf } from '../route.ts'
import { colourOf, useShards } from '../shards.ts'
import { type Frame, frameAt, takeovers } from '../takeover.ts'

/** Shards that have just moved stand out for so long, ms; as the animation in style.css. */
const FRESH_MS = 6000
const TAKEOVERS_SHOWN = 8
/** Operations of which the rates are made. */
const SAMPLE = 300
const MINUTE_MS = 60_000

export function Overview() {
  const { rows, fault } = useRows('cluster')
  const { rows: conductors } = useRows('nodes', { role: 'conductor' })
  if (fault) return <Problem fault={fault} />
  const cluster = rows?.[0]
  if (!cluster || !conductors) return <Loading what="the cluster" />
  return (
    <>
      <h1>Overview</h1>
      <Health cluster={cluster} conductors={conductors} />
      <div class="cards">
        <ShardMap conductors={conductors} />
        <Takeovers />
        <HostTiles figures={cluster.hosts} />
        <Rates />
      </div>
    </>
  )
}

function Health({ cluster, conductors }: { cluster: ClusterRow; conductors: readonly NodeBody[] }) {
  const { advice, alerts, database, instances, operationsOpen, poisoned } = cluster
  const living = Object.entries(instances).filter(([state, n]) => n > 0 && state !== 'deleted')
  return (
    <>
      <div class={`banner ${advice.addConductor ? 'busy' : 'good'}`}>
        <strong>{advice.addConductor ? 'Add a conductor' : 'No conductor is needed'}</strong>, because {advice.because}.{' '}
        {advice.addConductor && <Spread conductors={conductors} />}
      </div>
      {!database.connected && <div class="banner bad">The database cannot be reached: nothing is committed.</div>}
      {[...alerts, ...poisoned.map(actor => `Actor ${actor} was set aside after failing too often.`)].map(alert => (
        <div key={alert} class="banner bad" role="alert">
          {alert}
        </div>
      ))}
      <Figures
        of={[
          ['Conductors', conductors.length],
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

/** What each would own with one more: shards are spread evenly. */
function Spread({ conductors }: { conductors: readonly NodeBody[] }) {
  const shards = conductors.reduce((sum, node) => sum + node.shards, 0)
  if (conductors.length === 0) return null
  return (
    <>
      With one more, each of {conductors.length + 1} would own about {Math.round(shards / (conductors.length + 1))} shards instead of{' '}
      {Math.round(shards / conductors.length)}.
    </>
  )
}

function ShardMap({ conductors }: { conductors: readonly NodeBody[] }) {
  const { frames, names } = useShards()
  const [replay, setReplay] = useState<number | null>(null)
  const now = useNow()
  const first = frames[0]
  const frame = replay === null ? frames.at(-1) : frameAt(frames, replay)
  if (!first || !frame) return <Card title="Shards">{<Loading what="the shards" />}</Card>
  const before = frames[frames.indexOf(frame) - 1]
  const isFresh = (replay ?? now) - frame.at < FRESH_MS
  const shown = [...new Set([...conductors.map(({ id }) => id), ...names])].sort()
  return (
    <Card title="Conductors and their shards" aside={<span class="dim">{plural(frame.owners.length, 'shard')}</span>} wide>
      <ul class="conductors">
        {shown.map(id => (
          <ConductorLine key={id} id={id} node={conductors.find(node => node.id === id)} frame={frame} colour={colourOf(names, id)} />
        ))}
      </ul>
      <div
        class="shards"
        role="img"
        aria-label={`Owners of ${frame.owners.length} shards: ${shown.map(id => `${id} ${ownedBy(frame, id)}`).join(', ')}`}
      >
        {frame.owners.map((owner, i) => (
          <i
            key={i}
            class={`${colourOf(names, owner)}${isFresh && before && before.owners[i] !== owner ? ' moved' : ''}`}
            title={`shard ${i}: ${owner ?? 'nobody'}`}
          />
        ))}
      </div>
      <label class="slider">
        <span>{replay === null ? 'Now' : clockTime(replay)}</span>
        <input
          type="range"
          min={Math.min(-1, Math.round((first.at - now) / 1000))}
          max={0}
          value={replay === null ? 0 : Math.round((replay - now) / 1000)}
          aria-label="Time of what is shown"
          aria-valuetext={clockTime(replay ?? now)}
          onInput={event => {
            const agoSeconds = Number(event.currentTarget.value)
            setReplay(agoSeconds === 0 ? null : now + agoSeconds * 1000)
          }}
        />
        {replay === null ? (
          <span class="dim">since {clockTime(first.at)}</span>
        ) : (
          <button type="button" onClick={() => setReplay(null)}>
            Back to now
          </button>
        )}
      </label>
    </Card>
  )
}

const ownedBy = (frame: Frame, id: string): number => frame.owners.filter(owner => owner === id).length

function ConductorLine({ id, node, frame, colour }: { id: string; node: NodeBody | undefined; frame: Frame; colour: string }) {
  const owned = ownedBy(frame, id)
  const load = node?.load
  return (
    <li>
      <i class={`swatch ${colour}`} />
      <strong>{id}</strong> <Chip state={node?.state ?? 'gone'} />
      <span>{plural(owned, 'shard')}</span>
      <Bar share={percent(owned, frame.owners.length)} label={`shards of ${id}`} />
      <span class="dim">
        {load &&
          [
            load.actors !== undefined && plural(load.actors, 'actor'),
            load.inbox !== undefined && `${count(load.inbox)} waiting`,
            load.oldestMs !== undefined && `oldest ${duration(load.oldestMs)}`,
            load.commitMs !== undefined && `commit ${load.commitMs} ms`,
            load.cpu !== undefined && `CPU ${Math.round(load.cpu * 100)} %`,
          ]
            .filter(part => part !== false)
            .join(' · ')}
      </span>
    </li>
  )
}

const named = (owners: Readonly<Record<string, number>>): string =>
  Object.entries(owners)
    .map(([name, n]) => `${name} (${n})`)
    .join(', ')

function Takeovers() {
  const { frames } = useShards()
  const seen = takeovers(frames).slice(0, TAKEOVERS_SHOWN)
  return (
    <Card title="Take-overs">
      {seen.length === 0 && <Empty>None since this page was opened.</Empty>}
      <ol class="log">
        {seen.map(({ at, tookMs, moved, from, to }) => (
          <li key={at}>
            <When at={at} /> <strong>{plural(moved, 'shard')}</strong> from {named(from)} to {named(to)}
            {tookMs > 0 && <span class="dim">, within {duration(tookMs)}</span>}
          </li>
        ))}
      </ol>
    </Card>
  )
}

const fillOf = (host: HostBody): number => Math.max(percent(host.ramMbUsed, host.ramMb), percent(host.diskGbUsed, host.diskGb))

/** All hosts as tiles, or of more than these the ones that should be looked at first. */
const TILES = 400

function HostTiles({ figures }: { figures: HostFigures }) {
  const isAll = figures.count <= TILES
  const { rows, fault } = useRows('hosts', { limit: TILES, ...(isAll ? {} : { sort: 'attention:desc' }) })
  if (fault) return <Problem fault={fault} />
  if (!rows) return <Card title="Hosts">{<Loading what="hosts" />}</Card>
  const hosts = [...rows].sort((a, b) => compareNames(a.id, b.id))
  const states = Object.entries(figures.states).map(([state, n]) => `${count(n)} ${state}`)
  return (
    <Card title="Hosts" aside={<span class="dim">{states.join(', ')}</span>}>
      {figures.count === 0 && <Empty>No host has registered yet: start one with `baton compute`.</Empty>}
      {!isAll && <Fill figures={figures} />}
      {!isAll && (
        <p class="dim">
          Of {count(figures.count)} these {count(hosts.length)}: those that are not up or take nothing new, and the fullest.{' '}
          <a href={hrefOf('hosts')}>All hosts</a>
        </p>
      )}
      <div class="tiles">
        {hosts.map(host => (
          <Tile key={host.id} host={host} />
        ))}
      </div>
    </Card>
  )
}

function Tile({ host }: { host: HostBody }) {
  const state = host.state === 'up' && host.mode !== 'enabled' ? host.mode : host.state
  const text = `${host.id}: ${state}, ${fillOf(host)} % full, ${plural(host.claims, 'claim')}`
  return (
    <a class={`tile ${toneOf(state)}`} href={hrefOf('hosts', host.id)} title={text} aria-label={text}>
      <i style={{ height: `${fillOf(host)}%` }} />
    </a>
  )
}

/** How many hosts are how full: a column for each tenth. */
function Fill({ figures: { fill, vcpus, vcpusUsed, ramMb, ramMbUsed, diskGb, diskGbUsed } }: { figures: HostFigures }) {
  const most = Math.max(1, ...fill)
  const words = fill.map((n, i) => `${count(n)} ${i * 10} to ${i * 10 + 10} % full`).join(', ')
  return (
    <>
      <Figures
        of={[
          ['vCPUs', `${count(vcpusUsed)} of ${count(vcpus)}`],
          ['RAM', `${percent(ramMbUsed, ramMb)} % of ${mebibytes(ramMb)}`],
          ['Disk', `${percent(diskGbUsed, diskGb)} % of ${count(diskGb)} GB`],
        ]}
      />
      <div class="fill" role="img" aria-label={`Hosts that are up: ${words}`}>
        {fill.map((n, i) => (
          <i
            key={i}
            class={i >= 9 ? 'bad' : i >= 7 ? 'busy' : 'good'}
            style={{ height: `${(n / most) * 100}%` }}
            title={`${count(n)} hosts are ${i * 10} to ${i * 10 + 10} % full`}
          />
        ))}
      </div>
    </>
  )
}

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
