/**
 * A run of chaos as a picture: what was done to whom, and under it, over the same time, what got through, how long take-overs took and
 * how long evacuated guests did not run. SVG without a script; its colours are the page's variables.
 */
import type { Note } from './clients.ts'
import type { Fault } from './faults/fault.ts'
import type { ChaosResult } from './run.ts'

export const WIDTH = 1120
const LEFT = 210
/** Room for the second half of the last tick. */
const RIGHT = 24
const LANE = 18
const GAP = 14
const CHART = 130
const STRIP = 64
const BOTTOM = 22
/** What a take-over may take: half of them no longer than the first, nearly all no longer than the second, ms. */
const TAKE_OVER_GOALS_MS = [1500, 3000]

/** Something that lies under the lanes, so tall. */
interface Panel {
  readonly tall: number
  draw(top: number): string
}

interface Dot {
  readonly at: number
  readonly ms: number
  readonly title: string
  /** Drawn hollow: other faults are in its time, too. */
  readonly faint: boolean
}

/** Milliseconds since 1970 to a place from left to right. */
type Across = (at: number) => number

/** When the last thing happened that can be drawn: the judge may look for minutes at what does not come to rest. */
const lastOf = ({ beganAt, deeds, notes, evacuations }: ChaosResult): number =>
  [...deeds.map(d => d.healedAt), ...notes.map(n => n.at), ...evacuations.map(e => e.at)].reduce((a, b) => Math.max(a, b), beganAt)

export function timeline(run: ChaosResult, faults: readonly Fault[]): string {
  const { beganAt, deeds } = run
  const endedAt = lastOf(run)
  const lanes = faults.map(f => f.name).filter(name => deeds.some(d => d.fault === name))
  const spanMs = Math.max(1, endedAt - beganAt)
  const x: Across = at => Math.round((LEFT + ((at - beganAt) / spanMs) * (WIDTH - LEFT - RIGHT)) * 10) / 10
  const panels = panelsOf(run, x)
  const tops = panels.map((_, i) => lanes.length * LANE + GAP + panels.slice(0, i).reduce((sum, p) => sum + p.tall + GAP, 0))
  const bottom = (tops.at(-1) ?? 0) + (panels.at(-1)?.tall ?? 0)
  const bars = deeds.map(({ fault, victim, beganAt: from, healedAt }) => {
    const title = `${fault} ${victim}, ${((healedAt - from) / 1000).toFixed(1)} s`
    const width = Math.max(2, x(healedAt || endedAt) - x(from))
    return bar({ x: x(from), y: lanes.indexOf(fault) * LANE + 3, width, height: LANE - 6, fill: '--fault', title })
  })
  // Behind the panels, so that a gap in them shows its cause.
  const shades = panels.flatMap(({ tall }, i) =>
    deeds.map(({ beganAt: from, healedAt }) => {
      const width = Math.max(1, x(healedAt || endedAt) - x(from))
      return `<rect x="${x(from)}" y="${tops[i]}" width="${width.toFixed(1)}" height="${tall}" fill="var(--fault)" opacity=".1"/>`
    }),
  )
  const names = lanes.map((lane, i) => `<text class="name" x="0" y="${i * LANE + 13}">${safe(lane)}</text>`)
  const label = 'Faults over time; under them operations that ended well in each second, take-overs and evacuations'
  return `<svg viewBox="0 0 ${WIDTH} ${bottom + BOTTOM}" role="img" aria-label="${label}">
${ticks(spanMs, bottom, at => x(beganAt + at))}${shades.join('')}${names.join('')}
${bars.join('')}
${panels.map((panel, i) => panel.draw(tops[i] ?? 0)).join('\n')}
</svg>`
}

function panelsOf(run: ChaosResult, x: Across): Panel[] {
  const { beganAt, notes, takeOvers, evacuations } = run
  const kills = takeOvers.map(({ at, ms, amid }) => {
    const title = `take-over, ${ms} ms${amid.length === 0 ? '' : `, amid ${amid.join(', ')}`}`
    return { at, ms, title, faint: amid.length > 0 }
  })
  const moves = evacuations.map(({ at, outageMs, from, to }) => ({ at, ms: outageMs, title: `${from} to ${to}, ${outageMs} ms`, faint: false }))
  return [
    flow(wellPerSecond(notes, beganAt, Math.max(1, Math.ceil((lastOf(run) - beganAt) / 1000))), second => x(beganAt + second * 1000)),
    ...(kills.length > 0 ? [strip('take-overs, s', kills, TAKE_OVER_GOALS_MS, x)] : []),
    ...(moves.length > 0 ? [strip('evacuations: no guest ran, s', moves, [], x)] : []),
  ]
}

function flow(perSecond: readonly number[], x: (second: number) => number): Panel {
  const most = Math.max(1, ...perSecond)
  const width = Math.max(1, ((WIDTH - LEFT - RIGHT) / perSecond.length) * 0.85)
  return {
    tall: CHART,
    draw: top =>
      heading(top, 'ended well per second', String(most)) +
      perSecond
        .map((count, second) => {
          const height = (count / most) * CHART
          const title = `${count} in second ${second}`
          return bar({ x: x(second), y: top + CHART - height, width, height, fill: '--flow', title })
        })
        .join(''),
  }
}

/** Dots: the longer, the higher. */
function strip(name: string, dots: readonly Dot[], goalsMs: readonly number[], x: Across): Panel {
  const most = Math.max(...dots.map(d => d.ms), ...goalsMs) * 1.1
  const yOf = (ms: number): string => (STRIP - (ms / most) * STRIP).toFixed(1)
  const goals = goalsMs.map(
    ms =>
      `<line class="goal" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${yOf(ms)}" y2="${yOf(ms)}"/>` +
      `<text x="${LEFT - 8}" y="${Number(yOf(ms)) + 4}" text-anchor="end">${ms / 1000}</text>`,
  )
  const circles = dots.map(({ at, ms, title, faint }) => {
    const fill = faint ? 'var(--paper)' : 'var(--flow)'
    return `<circle class="dot" cx="${x(at)}" cy="${yOf(ms)}" r="3.5" fill="${fill}"><title>${safe(title)}</title></circle>`
  })
  const scale = goalsMs.length > 0 ? '' : (most / 1100).toFixed(1)
  return { tall: STRIP, draw: top => `${heading(top, name, scale)}<g transform="translate(0 ${top})">${goals.join('')}${circles.join('')}</g>` }
}

const heading = (top: number, name: string, scale: string): string =>
  `<text class="name" x="0" y="${top + 12}">${name}</text><text x="${LEFT - 8}" y="${top + 12}" text-anchor="end">${scale}</text>`

function ticks(spanMs: number, bottom: number, x: (ms: number) => number): string {
  const everyS = spanMs > 600_000 ? 120 : spanMs > 120_000 ? 30 : 10
  return Array.from({ length: Math.floor(spanMs / 1000 / everyS) + 1 }, (_, i) => {
    const at = x(i * everyS * 1000)
    const line = `<line x1="${at}" x2="${at}" y1="0" y2="${bottom}" stroke="var(--line)" stroke-width=".5"/>`
    return `${line}<text x="${at}" y="${bottom + 16}" text-anchor="middle">${i * everyS} s</text>`
  }).join('')
}

function bar(of: { x: number; y: number; width: number; height: number; fill: string; title: string }): string {
  const place = `x="${of.x}" y="${of.y.toFixed(1)}" width="${of.width.toFixed(1)}" height="${of.height.toFixed(1)}"`
  return `<rect ${place} fill="var(${of.fill})"><title>${safe(of.title)}</title></rect>`
}

function wellPerSecond(notes: readonly Note[], beganAt: number, seconds: number): number[] {
  const counts = new Array<number>(seconds).fill(0)
  for (const note of notes) {
    const second = Math.floor((note.at - beganAt) / 1000)
    if (wentWell(note) && second >= 0 && second < seconds) counts[second] = (counts[second] ?? 0) + 1
  }
  return counts
}

export const wentWell = (note: Note): boolean =>
  note.what === 'end' ? note.outcome === 'done' : note.what === 'create' && note.outcome === 'acknowledged'

export const safe = (text: string): string => text.replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`)
