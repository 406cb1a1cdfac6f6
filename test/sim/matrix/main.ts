/**
 * `npm run kill-matrix [-- --json] [-- --only OPERATION[/POINT[/VICTIM]]] [-- --trace]`: runs all cells of the kill matrix, or
 * those that are asked for, on all cores, and prints what each came to. Exit code 1 on an invalid cell, or on a step
 * that no recipe reaches.
 *
 * A point is `claim:before`, `undo-claim:effect` …; a victim is `conductor`, `source host` …; each may be the beginning of a name.
 */
import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { table } from '../../../bin/output/table.ts'
import { readFlags } from '../../support/flags.ts'
import { runCell, VICTIMS } from './cell.ts'
import { type CellSpec, enumerate, KINDS, pointOf, scenarioOf } from './cells.ts'

const { values } = readFlags(import.meta.filename, {
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
    trace: { type: 'boolean', default: false },
    /** One cell in so many. */
    every: { type: 'string', default: '1' },
    worker: { type: 'boolean', default: false },
  },
})

interface Line {
  readonly kind: string
  readonly scenario: string
  readonly point: string
  readonly victim: string
  /** How the operation ended and what the instance is, once at rest. */
  readonly end: string
  readonly violations: readonly string[]
}

interface Report {
  readonly lines: readonly Line[]
  readonly missing: readonly string[]
}

const [operation, point = '', victim = ''] = values.only?.split('/') ?? []

const wanted = (cell: CellSpec, index: number): boolean =>
  index % Number(values.every) === 0 && pointOf(cell).startsWith(point) && cell.strike.victim.startsWith(victim)

async function runKind(kind: string): Promise<Report> {
  const { cells, missing } = await enumerate(kind)
  const lines: Line[] = []
  for (const cell of cells.filter(wanted)) {
    const trace = values.trace ? (line: string) => console.log(line) : undefined
    trace?.(`--- ${scenarioOf(cell)} / ${pointOf(cell)} / ${cell.strike.victim}`)
    const { operation, instance, struck, violations } = await runCell(cell.recipe, cell.way, cell.strike, trace)
    const where = instance?.host ? ` on ${instance.host}` : ''
    lines.push({
      kind,
      scenario: scenarioOf(cell),
      point: pointOf(cell),
      victim: cell.strike.victim,
      end: `${operation?.status ?? 'lost'}: ${instance?.vmState ?? 'no instance'}${where}`,
      violations: struck ? violations : [...violations, 'the point was not met again, nobody was struck'],
    })
  }
  return { lines, missing }
}

async function worker(): Promise<void> {
  for await (const line of process.stdin.setEncoding('utf8')) for (const kind of String(line).trim().split('\n')) process.send?.(await runKind(kind))
}

/** Hands out operations to one process per core, each when it has finished the one before. */
async function many(kinds: readonly string[]): Promise<Report[]> {
  const waiting = [...kinds]
  const reports: Report[] = []
  await Promise.all(
    Array.from({ length: Math.min(availableParallelism(), kinds.length) }, async () => {
      const child = fork(import.meta.filename, ['--worker', ...process.argv.slice(2)], { stdio: ['pipe', 'inherit', 'inherit', 'ipc'] })
      await new Promise<void>((resolve, reject) => {
        const hand = (): void => {
          const kind = waiting.shift()
          if (kind === undefined) child.stdin?.end()
          else child.stdin?.write(`${kind}\n`)
        }
        child.on('message', message => {
          reports.push(message as Report)
          hand()
        })
        child.on('error', reject)
        child.on('exit', code => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))))
        hand()
      })
    }),
  )
  return reports
}

function asTable(lines: readonly Line[]): string {
  const rows = new Map<string, Line[]>()
  for (const line of lines) {
    const key = `${line.scenario} ${line.point}`
    rows.set(key, [...(rows.get(key) ?? []), line])
  }
  const endOf = (row: readonly Line[], name: string): string => {
    const line = row.find(l => l.victim === name)
    return line ? `${line.violations.length > 0 ? 'INVALID ' : ''}${line.end}` : ''
  }
  return table<Line[]>(
    [
      ['OPERATION', row => row[0]?.scenario],
      ['POINT', row => row[0]?.point],
      ...VICTIMS.map(name => [name.toUpperCase(), (row: Line[]) => endOf(row, name)] as const),
    ],
    [...rows.values()],
  )
}

async function main(): Promise<void> {
  const started = performance.now()
  const kinds = operation === undefined ? KINDS : KINDS.filter(kind => kind === operation)
  if (kinds.length === 0) {
    console.log(`no operation is called ${operation}; there are ${KINDS.join(', ')}`)
    process.exit(1)
  }
  const reports = values.trace ? await Promise.all(kinds.map(runKind)) : await many(kinds)
  const lines = reports.flatMap(r => r.lines).toSorted((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind))
  const missing = reports.flatMap(r => r.missing)
  const invalid = lines.filter(line => line.violations.length > 0)
  if (values.json) console.log(JSON.stringify({ cells: lines, missing }, null, 2))
  else {
    console.log(asTable(lines))
    for (const { scenario, point, victim, violations } of invalid) for (const v of violations) console.log(`${scenario} / ${point} / ${victim}: ${v}`)
    for (const what of missing) console.log(what)
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    console.log(`${kinds.length} operations, ${lines.length} cells, ${invalid.length} invalid, ${missing.length} not brought about, ${seconds} s`)
  }
  process.exit(lines.length === 0 || invalid.length > 0 || missing.length > 0 ? 1 : 0)
}

if (values.worker) await worker()
else await main()
