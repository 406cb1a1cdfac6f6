/** The last hour under a slider, with marks at what happened. Null is now. */
import type { Sample } from '../../../actors/cluster/history.ts'
import { ago, clockTime } from '../format.ts'
import { grouped, type Mark } from '../replay.ts'
import { Card } from './bits.tsx'

/** A mark shows what came of it: the moment right after. */
const AFTER_MS = 1000
/** Marks closer than this share of what is shown are one: they would cover each other. */
const TOGETHER = 0.015
const TITLES = { takeover: 'take-over', fired: 'alert', cleared: 'alert over' } as const

interface SliderProps {
  readonly samples: readonly Sample[]
  readonly marks: readonly Mark[]
  readonly replay: number | null
  onReplay(at: number | null): void
}

export function TimeSlider({ samples, marks, replay, onReplay }: SliderProps) {
  const from = samples[0]?.at
  const to = samples.at(-1)?.at
  if (from === undefined || to === undefined || to - from < 2000) return null
  const at = replay ?? to
  const place = (time: number): string => `${(100 * (Math.min(to, time) - from)) / (to - from)}%`
  return (
    <Card
      title="The last hour"
      wide
      aside={
        replay === null ? (
          <span class="dim">since {clockTime(from)}</span>
        ) : (
          <button type="button" onClick={() => onReplay(null)}>
            Back to now
          </button>
        )
      }
    >
      <div class="timeline">
        <ol class="marks" aria-label="What happened">
          {grouped(marks, (to - from) * TOGETHER).map(({ at: time, kind, text }) => (
            <li key={`${kind} ${time} ${text}`} class={kind} style={{ left: place(time) }}>
              <button
                type="button"
                class="mark"
                title={text}
                aria-label={`${TITLES[kind]}: ${text}`}
                onClick={() => onReplay(Math.min(to, time + AFTER_MS))}
              />
            </li>
          ))}
        </ol>
        <input
          type="range"
          min={0}
          max={Math.ceil((to - from) / 1000)}
          value={Math.ceil((at - from) / 1000)}
          aria-label="Time of what is shown"
          aria-valuetext={replay === null ? 'now' : clockTime(at)}
          onInput={event => {
            const time = from + Number(event.currentTarget.value) * 1000
            onReplay(time >= to ? null : time)
          }}
        />
      </div>
      {replay !== null && (
        <p class="banner busy past" role="status">
          <strong>As it was at {clockTime(at)}</strong>, {ago(at, to)}.
        </p>
      )}
    </Card>
  )
}
