/** Who owns which shard, now or as it was. */
import { clockTime, count, duration, percent, plural } from '../format.ts'
import { colourOf } from '../shards.ts'
import { type Frame, takeovers } from '../takeover.ts'
import { Bar, Card, Chip, Empty, When } from './bits.tsx'

/** Shards that have just moved stand out for so long, ms; as the animation in style/map.css. */
const FRESH_MS = 6000
const TAKEOVERS_SHOWN = 8

/** A conductor as it is drawn, from a node of now or a sample of before. */
export interface Conductor {
  readonly id: string
  readonly state: string
  readonly load: Readonly<Record<string, number>>
}

const ownedBy = (frame: Frame, id: string): number => frame.owners.filter(owner => owner === id).length

interface ShardMapProps {
  readonly conductors: readonly Conductor[]
  readonly frame: Frame
  readonly before: Frame | undefined
  /** The time that is shown, ms. */
  readonly at: number
  readonly names: readonly string[]
}

export function ShardMap({ conductors, frame, before, at, names }: ShardMapProps) {
  const isFresh = at - frame.at < FRESH_MS
  const shown = [...new Set([...conductors.map(({ id }) => id), ...names])].sort()
  return (
    <Card title="Conductors and their shards" aside={<span class="dim">{plural(frame.owners.length, 'shard')}</span>} wide>
      <ul class="conductors">
        {shown.map(id => (
          <ConductorLine key={id} id={id} conductor={conductors.find(each => each.id === id)} frame={frame} colour={colourOf(names, id)} />
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
    </Card>
  )
}

function ConductorLine({ id, conductor, frame, colour }: { id: string; conductor: Conductor | undefined; frame: Frame; colour: string }) {
  const owned = ownedBy(frame, id)
  const load = conductor?.load
  return (
    <li>
      <i class={`swatch ${colour}`} />
      <strong>{id}</strong> <Chip state={conductor?.state ?? 'gone'} />
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

export function Takeovers({ frames, onReplay }: { frames: readonly Frame[]; onReplay(at: number): void }) {
  const seen = takeovers(frames).slice(0, TAKEOVERS_SHOWN)
  const since = frames[0]
  return (
    <Card title="Take-overs">
      {seen.length === 0 && <Empty>None since {since ? clockTime(since.at) : 'this page was opened'}.</Empty>}
      <ol class="log">
        {seen.map(({ at, tookMs, moved, from, to }) => (
          <li key={at}>
            <When at={at} /> <strong>{plural(moved, 'shard')}</strong> from {named(from)} to {named(to)}
            {tookMs > 0 && <span class="dim">, within {duration(tookMs)}</span>}{' '}
            <button type="button" onClick={() => onReplay(at)}>
              Replay
            </button>
          </li>
        ))}
      </ol>
    </Card>
  )
}
