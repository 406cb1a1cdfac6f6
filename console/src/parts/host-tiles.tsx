/**
 * Hosts by state and fill, now or as they were. Of many only those to look at first are drawn, so that a page before ten thousand hosts is told
 * of, and draws, no more than one before four hundred.
 */
import type { ComponentChildren } from 'preact'
import type { HostFigures } from '../../../actors/api.ts'
import type { HostMoment, Moment } from '../../../actors/cluster/history.ts'
import { compareNames, count, mebibytes, percent, plural } from '../format.ts'
import { useRows } from '../live.ts'
import { hrefOf } from '../route.ts'
import { Card, Empty, Figures, Loading, Problem, toneOf } from './bits.tsx'

/** All hosts as tiles, or of more than these the ones that should be looked at first. */
const TILES = 400

interface Tile {
  readonly id: string
  /** Its mode, when it is up. */
  readonly state: string
  /** Of what it is fullest of, percent. */
  readonly fill: number
  /** Absent of before. */
  readonly claims?: number
}

const stateOf = (state: string, mode: string): string => (state === 'up' && mode !== 'enabled' ? mode : state)

/** As the cluster sorts hosts by `attention`: those that are not well, then the fullest. */
const attention = ([state, mode, fill]: HostMoment): number => (state === 'up' ? 0 : 2) + (mode === 'enabled' ? 0 : 1) + fill / 200

/** Which of the hosts there are is asked of the cluster: `figures` say how many. */
export function LiveHosts({ figures }: { figures: HostFigures }) {
  const isAll = figures.count <= TILES
  const { rows, fault } = useRows('hosts', { limit: TILES, ...(isAll ? {} : { sort: 'attention:desc' }) })
  if (fault) return <Problem fault={fault} />
  if (!rows) return <Card title="Hosts">{<Loading what="hosts" />}</Card>
  const tiles = rows.map(({ id, state, mode, claims, ramMb, ramMbUsed, diskGb, diskGbUsed }) => ({
    ...{ id, state: stateOf(state, mode), claims },
    fill: Math.max(percent(ramMbUsed, ramMb), percent(diskGbUsed, diskGb)),
  }))
  return (
    <HostTiles tiles={tiles} of={figures.count} states={Object.entries(figures.states)}>
      {!isAll && <Fill figures={figures} />}
    </HostTiles>
  )
}

/** A moment has all hosts; those that the cluster would name first are drawn. */
export function PastHosts({ moment: { hosts } }: { moment: Moment }) {
  const groups = Map.groupBy(hosts.values(), ([state, mode]) => (state === 'up' ? mode : state))
  const all = [...hosts]
  const drawn = all.length <= TILES ? all : all.sort(([, a], [, b]) => attention(b) - attention(a)).slice(0, TILES)
  const tiles = drawn.map(([id, [state, mode, fill]]) => ({ id, state: stateOf(state, mode), fill }))
  return <HostTiles tiles={tiles} of={hosts.size} states={[...groups].map(([state, of]) => [state, of.length])} />
}

interface HostTilesProps {
  readonly tiles: readonly Tile[]
  /** How many there are. */
  readonly of: number
  readonly states: readonly (readonly [state: string, n: number])[]
  readonly children?: ComponentChildren
}

function HostTiles({ tiles, of, states, children }: HostTilesProps) {
  return (
    <Card title="Hosts" aside={<span class="dim">{states.map(([state, n]) => `${count(n)} ${state}`).join(', ')}</span>}>
      {of === 0 && <Empty>No host has registered yet: start one with `baton compute`.</Empty>}
      {children}
      {of > TILES && (
        <p class="dim">
          Of {count(of)} these {count(tiles.length)}: those that are not up or take nothing new, and the fullest.{' '}
          <a href={hrefOf('hosts')}>All hosts</a>
        </p>
      )}
      <div class="tiles">
        {[...tiles]
          .sort((a, b) => compareNames(a.id, b.id))
          .map(({ id, state, fill, claims }) => {
            const text = `${id}: ${state}, ${fill} % full${claims === undefined ? '' : `, ${plural(claims, 'claim')}`}`
            return (
              <a key={id} class={`tile ${toneOf(state)}`} href={hrefOf('hosts', id)} title={text} aria-label={text}>
                <i style={{ height: `${fill}%` }} />
              </a>
            )
          })}
      </div>
    </Card>
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
