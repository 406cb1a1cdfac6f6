/** Small things that every view uses. What comes from the cluster is always text here, never markup. */
import type { ComponentChildren } from 'preact'
import { ERRORS, type Fault } from '../../../actors/kernel/errors.ts'
import type { ConsoleFault } from '../../../transport/console-client/client.ts'
import { ago, exactTime } from '../format.ts'
import { useNow } from '../live.ts'

const GOOD = new Set(['active', 'up', 'done', 'alive', 'repaired', 'enabled'])
const BAD = new Set(['error', 'down', 'failed', 'gone', 'critical', 'refused'])
const BUSY = new Set(['building', 'running', 'undoing', 'suspect', 'warning', 'draining', 'pending', 'fenced', 'maintenance', 'undone'])

export const toneOf = (state: string): string => (GOOD.has(state) ? 'good' : BAD.has(state) ? 'bad' : BUSY.has(state) ? 'busy' : 'calm')

export const Chip = ({ state, children }: { state: string; children?: ComponentChildren }) => (
  <span class={`chip ${toneOf(state)}`}>{children ?? state}</span>
)

/** How long ago; the exact time when one points at it. */
export function When({ at }: { at: number | null }) {
  const now = useNow()
  if (at === null) return <span class="dim">–</span>
  return (
    <time dateTime={new Date(at).toISOString()} title={exactTime(at)}>
      {ago(at, now)}
    </time>
  )
}

export const Empty = ({ children }: { children: ComponentChildren }) => <p class="empty">{children}</p>
export const Loading = ({ what }: { what: string }) => (
  <p class="empty" role="status">
    Reading {what} …
  </p>
)

export const Problem = ({ fault }: { fault: ConsoleFault }) => (
  <p class="problem" role="alert">
    {fault.code === 'Forbidden' ? 'Your roles do not allow this view. ' : ''}
    {fault.message}
  </p>
)

const NEXT: Readonly<Record<string, string>> = {
  NoValidHost: 'Look at where it would land (Create), enable a host, or choose a smaller flavor.',
  HostRefused: 'Try again: the scheduler takes another host.',
  QuotaExceeded: "Delete something, or have the project's quota raised.",
  DriverFault: "Look at the instance's console and the log of its host; then reset or delete it.",
  DeadlineExceeded: 'See whether its host is up, then run the doctor for it.',
  Poisoned: 'Run the doctor: it names the actor and can revive it.',
}

/** What went wrong, in the cluster's words, what the code means, and what to do next. */
export function FaultBox({ fault }: { fault: Fault }) {
  return (
    <div class="fault" role="alert">
      <strong>{fault.code}</strong> {fault.message}
      <div class="dim">{ERRORS[fault.code]?.meaning}</div>
      {NEXT[fault.code] && <div>Next: {NEXT[fault.code]}</div>}
    </div>
  )
}

export const Bar = ({ share, label }: { share: number; label: string }) => (
  <span
    class={`bar ${share >= 90 ? 'bad' : share >= 70 ? 'busy' : 'good'}`}
    role="img"
    aria-label={`${label}: ${share} %`}
    title={`${label}: ${share} %`}
  >
    <i style={{ width: `${share}%` }} />
  </span>
)

export function Figures({ of }: { of: readonly (readonly [name: string, value: ComponentChildren])[] }) {
  return (
    <dl class="figures">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

export function Card({ title, aside, children, wide }: { title: string; aside?: ComponentChildren; children: ComponentChildren; wide?: boolean }) {
  return (
    <section class={wide ? 'card wide' : 'card'} aria-label={title}>
      <header>
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  )
}
