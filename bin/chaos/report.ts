/**
 * A run of chaos as one HTML page that needs nothing else: what was done to whom, what got through meanwhile, and the verdict.
 * Pure: the same run makes the same page.
 */
import type { Note } from './clients.ts'
import type { Fault } from './faults/fault.ts'
import { RULE_NAMES } from './judge.ts'
import type { Deed } from './nemesis.ts'
import type { ChaosResult } from './run.ts'
import { type Evacuation, evacuationFigures, type TakeOver, takeOverFigures } from './times.ts'

const WIDTH = 1120
const LEFT = 210
/** Room for the second half of the last tick. */
const RIGHT = 24
const LANE = 18
const CHART = 150
const BOTTOM = 22
/** The page shows so many violations; all are in the JSON. */
const SHOWN = 100

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2330; --dim: #667; --line: #d8dce4; --paper: #fff;
  --good: #2c7a4b; --bad: #b3261e; --fault: #c2571a; --flow: #2f6fb3 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9f0; --dim: #99a; --line: #39404d; --paper: #14171d; --good: #6cc48d; --bad: #ff8a80; --fault: #f0a268; --flow: #7db3ea }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: ${WIDTH}px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
.verdict { font-size: 1.2rem; font-weight: 600 } .good { color: var(--good) } .bad { color: var(--bad) } .dim { color: var(--dim) }
svg { width: 100%; height: auto; display: block }
text { fill: var(--dim); font-size: 11px; font-family: system-ui, sans-serif } text.name { fill: var(--ink) }
table { border-collapse: collapse }
td { padding: .15rem 1rem .15rem 0; text-align: left; border-bottom: 1px solid var(--line) }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: 0 3rem }
td.n { text-align: right; font-variant-numeric: tabular-nums }
`

export function reportOf(run: ChaosResult, faults: readonly Fault[]): string {
  const { violations } = run
  const seconds = Math.round((run.endedAt - run.beganAt) / 1000)
  const verdict =
    violations.length === 0
      ? '<p class="verdict good">No violation</p><p>What clients were told, what the cluster says and what was done on the hosts are one story.</p>'
      : `<p class="verdict bad">${violations.length} violation${violations.length === 1 ? '' : 's'}</p>`
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Chaos, seed ${run.seed}</title><style>${STYLE}</style>
<h1>Chaos, seed ${run.seed}</h1>
<p class="dim">${new Date(run.beganAt).toISOString()}, ${seconds} s, ${run.deeds.length} faults, ${run.notes.length} answers</p>
${verdict}
<h2>Faults, and what got through</h2>
${timeline(run)}
<h2>Take-overs and evacuations</h2>
${takeOverLine(run.takeOvers)}
${evacuationLine(run.evacuations)}
<div class="beside"><section>
<h2>Operations, and how they ended</h2>
${operationsTable(run.notes)}
</section><section>
<h2>Rules, and how often they were broken</h2>
${rulesTable(run)}
</section></div>
<h2>Faults that were made</h2>
${faultsTable(run, faults)}
</html>
`
}

/** Faults as bars, one lane for each kind; below it what ended well in each second. */
function timeline({ beganAt, endedAt, deeds, notes }: ChaosResult): string {
  const lanes = [...new Set(deeds.map(d => d.fault))].toSorted()
  const span = Math.max(1, endedAt - beganAt)
  const x = (at: number): number => Math.round((LEFT + ((at - beganAt) / span) * (WIDTH - LEFT - RIGHT)) * 10) / 10
  const chartTop = lanes.length * LANE + 12
  const height = chartTop + CHART + BOTTOM
  const bars = deeds.map(({ fault, victim, beganAt: from, healedAt }) => {
    const width = Math.max(2, x(healedAt || endedAt) - x(from))
    const title = `${fault} ${victim}, ${((healedAt - from) / 1000).toFixed(1)} s`
    return bar({ x: x(from), y: lanes.indexOf(fault) * LANE + 3, width, height: LANE - 6, fill: '--fault', title })
  })
  // Behind the chart, so that a gap in it shows its cause.
  const shades = deeds.map(({ beganAt: from, healedAt }) => {
    const width = Math.max(1, x(healedAt || endedAt) - x(from))
    return `<rect x="${x(from)}" y="${chartTop}" width="${width.toFixed(1)}" height="${CHART}" fill="var(--fault)" opacity=".1"/>`
  })
  const perSecond = wellPerSecond(notes, beganAt, Math.ceil(span / 1000))
  const most = Math.max(1, ...perSecond)
  const width = Math.max(1, ((WIDTH - LEFT - RIGHT) / perSecond.length) * 0.85)
  const flow = perSecond.map((count, second) => {
    const tall = (count / most) * CHART
    return bar({
      x: x(beganAt + second * 1000),
      y: chartTop + CHART - tall,
      width,
      height: tall,
      fill: '--flow',
      title: `${count} in second ${second}`,
    })
  })
  const names = lanes.map((lane, i) => `<text class="name" x="0" y="${i * LANE + 13}">${safe(lane)}</text>`)
  const everyS = span > 600_000 ? 120 : span > 120_000 ? 30 : 10
  const ticks = Array.from({ length: Math.floor(span / 1000 / everyS) + 1 }, (_, i) => {
    const at = x(beganAt + i * everyS * 1000)
    const line = `<line x1="${at}" x2="${at}" y1="0" y2="${chartTop + CHART}" stroke="var(--line)" stroke-width=".5"/>`
    return `${line}<text x="${at}" y="${height - 6}">${i * everyS} s</text>`
  })
  const label = 'Faults over time, and operations that ended well in each second'
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${label}">
${ticks.join('')}${shades.join('')}${names.join('')}${bars.join('')}
<text class="name" x="0" y="${chartTop + 12}">ended well per second</text>
<text x="${LEFT - 8}" y="${chartTop + 10}" text-anchor="end">${most}</text>
${flow.join('')}
</svg>`
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

function takeOverLine(takeOvers: readonly TakeOver[]): string {
  if (takeOvers.length === 0) return '<p class="dim">No conductor was killed while it had something to do.</p>'
  return `<p>From kill -9 to the first step that another conductor resumed: ${takeOverFigures(takeOvers)}.</p>`
}

function evacuationLine(evacuations: readonly Evacuation[]): string {
  if (evacuations.length === 0) return '<p class="dim">No host was lost with an instance on it that is to be evacuated.</p>'
  return `<p>Instances made anew elsewhere because their host was lost: ${evacuationFigures(evacuations)}.</p>`
}

/** How often each kind was asked for and how it ended. */
export function tally(notes: readonly Note[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { what, outcome, detail } of notes) {
    if (what === 'seen' || (what !== 'create' && outcome === 'acknowledged')) continue
    const key = what === 'end' ? `${detail} ${outcome}` : [what, outcome, detail].filter(Boolean).join(' ')
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return new Map([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

const row = (...cells: readonly (string | number)[]): string =>
  `<tr>${cells.map(cell => (typeof cell === 'number' ? `<td class="n">${cell}</td>` : `<td>${safe(cell)}</td>`)).join('')}</tr>`

const operationsTable = (notes: readonly Note[]): string => `<table>${[...tally(notes)].map(([what, count]) => row(what, count)).join('')}</table>`

function rulesTable({ violations }: ChaosResult): string {
  const rows = RULE_NAMES.map(rule => row(rule, violations.filter(v => v.rule === rule).length))
  const broken = violations.slice(0, SHOWN).map(v => `<li class="bad">${safe(v.rule)}: ${safe(v.what)}</li>`)
  return `<table>${rows.join('')}</table>${broken.length === 0 ? '' : `<ul>${broken.join('')}</ul>`}`
}

function faultsTable({ deeds, leftOut }: ChaosResult, faults: readonly Fault[]): string {
  const count = (name: string, of: readonly Deed[]) => of.filter(d => d.fault === name).length
  const made = faults.map(f => row(f.name, f.about, leftOut.includes(f.name) ? 'not possible here' : count(f.name, deeds)))
  return `<table>${made.join('')}</table>`
}

const safe = (text: string): string => text.replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`)
