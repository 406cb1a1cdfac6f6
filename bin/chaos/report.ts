/**
 * A run of chaos as one HTML page that needs nothing else: what was done to whom, what got through meanwhile, and the verdict.
 * Pure: the same run makes the same page.
 */
import type { Note } from './clients.ts'
import type { Fault } from './faults/fault.ts'
import { RULE_NAMES } from './judge.ts'
import type { Deed } from './nemesis.ts'
import { safe, timeline, WIDTH, wentWell } from './pictures.ts'
import type { ChaosResult } from './run.ts'
import { type Evacuation, evacuationFigures, type TakeOver, takeOverFigures } from './times.ts'

/** From good to bad; others come first. */
const OUTCOMES: readonly Note['outcome'][] = ['acknowledged', 'done', 'undone', 'failed', 'refused', 'unknown', 'lost']
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
.verdict { font-size: 1.2rem; font-weight: 600; margin-bottom: .3rem }
.good { color: var(--good) } .bad { color: var(--bad) } .dim, th { color: var(--dim) }
.figures { display: flex; flex-wrap: wrap; gap: .3rem 3rem; margin: 1rem 0; padding: 0; list-style: none }
.figures b { display: block; font-size: 1.5rem; font-weight: 600; line-height: 1.2; font-variant-numeric: tabular-nums }
svg { width: 100%; height: auto; display: block }
text { fill: var(--dim); font-size: 11px; font-family: system-ui, sans-serif } text.name { fill: var(--ink) }
.dot { stroke: var(--flow); stroke-width: 1.5 }
.goal { stroke: var(--good); stroke-width: .8; stroke-dasharray: 4 4 }
table { border-collapse: collapse }
td, th { padding: .15rem 1rem .15rem 0; text-align: left; border-bottom: 1px solid var(--line) } th { font-weight: 400 }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(24rem, 1fr)); gap: 0 3rem }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
`

export function reportOf(run: ChaosResult, faults: readonly Fault[]): string {
  const seconds = Math.round((run.endedAt - run.beganAt) / 1000)
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Chaos, seed ${run.seed}</title><style>${STYLE}</style>
<h1>Chaos, seed ${run.seed}</h1>
<p class="dim">${new Date(run.beganAt).toISOString()}, ${seconds} s</p>
${verdict(run)}
${figuresOf(run)}
<h2>Faults, and what got through</h2>
${timeline(run, faults)}
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

const verdict = ({ violations }: ChaosResult): string =>
  violations.length === 0
    ? '<p class="verdict good">No violation</p><p>What clients were told, what the cluster says and what was done on the hosts are one story.</p>'
    : `<p class="verdict bad">${violations.length} violation${violations.length === 1 ? '' : 's'}</p>`

function figuresOf({ deeds, notes, takeOvers, evacuations }: ChaosResult): string {
  const figures: readonly (readonly [number, string])[] = [
    [deeds.length, 'faults'],
    [acceptedOf(notes), 'requests accepted'],
    [notes.filter(wentWell).length, 'ended well'],
    [takeOvers.length, 'take-overs measured'],
    [evacuations.length, 'evacuations'],
  ]
  return `<ul class="figures">${figures.map(([count, what]) => `<li><b>${count.toLocaleString('en')}</b> ${what}</li>`).join('')}</ul>`
}

export const acceptedOf = (notes: readonly Note[]): number => notes.filter(n => n.outcome === 'acknowledged').length

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

/** A row for each kind, a column for each way in which one of them ended. */
function operationsTable(notes: readonly Note[]): string {
  const told = notes.filter(n => n.what !== 'seen' && (n.what === 'create' || n.outcome !== 'acknowledged'))
  const kindOf = (n: Note): string => (n.what === 'end' ? n.detail : n.what)
  const outcomes = [...new Set(told.map(n => n.outcome))].toSorted((a, b) => OUTCOMES.indexOf(a) - OUTCOMES.indexOf(b))
  const head = `<tr><th></th>${outcomes.map(outcome => `<th class="n">${safe(outcome)}</th>`).join('')}</tr>`
  const rows = [...new Set(told.map(kindOf))]
    .toSorted()
    .map(kind => row(kind, ...outcomes.map(outcome => told.filter(n => kindOf(n) === kind && n.outcome === outcome).length || '')))
  return `<table>${head}${rows.join('')}</table>`
}

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
