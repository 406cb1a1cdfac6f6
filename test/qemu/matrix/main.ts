/**
 * `npm run qemu-matrix [-- --only POINT[/VICTIM]] [--storage copied|shared] [--part N/M] [--json]`: live migrations of a real machine through a
 * whole cluster, each with one process killed (-9) at one point, and what came of it: one guest afterwards, which counts on. Exit code 1 when
 * that is not so. A part is every Mth cell, from the Nth on.
 *
 * A point is `migrateOut.before`, `memory`, `handOver.after` …; a victim is `source agent`, `target agent`, `target QEMU`, `conductor`; each may
 * be the beginning of a name. All of it takes some fifteen minutes.
 */
import { table } from '../../../bin/output/table.ts'
import { telling } from '../../support/cluster.ts'
import { whyNoQemu } from '../../support/driver-qemu-bench.ts'
import { readFlags } from '../../support/flags.ts'
import { active } from '../../support/history.ts'
import { type Cell, cellsOf, STORAGES, type Storage, VICTIMS } from './cells.ts'
import { type Outcome, struck } from './strike.ts'
import { startWorld } from './world.ts'

const { values } = readFlags(import.meta.filename, {
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    storage: { type: 'string' },
    part: { type: 'string', default: '1/1' },
  },
})

type Line = Cell & Outcome & { readonly storage: Storage }

const [point = '', victim = ''] = values.only.split('/')
const [part = 1, parts = 1] = values.part.split('/').map(Number)

const wanted = (cell: Cell, index: number): boolean =>
  index % parts === part - 1 && cell.point.name.startsWith(point) && cell.victim.startsWith(victim)

/** Slow enough that a moment of the transfer can be met. */
const BANDWIDTH_MB_PER_S = '3'
const IMAGE_BYTES = 4 * 2 ** 20
const FILLED_MB = 9

async function runStorage(storage: Storage): Promise<Line[]> {
  const cells = cellsOf(storage).filter(wanted)
  if (cells.length === 0) return []
  const env = { BATON_DRIVER_QEMU_BANDWIDTH_MB_PER_S: BANDWIDTH_MB_PER_S }
  const world = await startWorld({ conductors: 2, shared: storage === 'shared', imageBytes: IMAGE_BYTES, filledMb: FILLED_MB, env })
  const lines: Line[] = []
  try {
    await telling(world.cluster, async () => {
      const id = await world.create('counts')
      await active(world.cluster, id)
      for (const cell of cells) {
        const line = { storage, ...cell, ...(await struck(world, id, cell)) }
        lines.push(line)
        if (!values.json) console.log(`${storage} / ${cell.point.name} / ${cell.victim}: ${ofLine(line)}`)
      }
    })
  } finally {
    await world.close()
  }
  return lines
}

const ofLine = ({ end, tookMs, violations }: Line): string =>
  `${violations.length > 0 ? `INVALID (${violations.join('; ')}) ` : ''}${end}, ${(tookMs / 1000).toFixed(1)} s`

function asTable(lines: readonly Line[]): string {
  const rows = [...Map.groupBy(lines, ({ storage, point }) => `${storage} ${point.name}`).values()]
  const endOf = (row: readonly Line[], name: string): string => {
    const line = row.find(l => l.victim === name)
    return line ? `${line.violations.length > 0 ? 'INVALID ' : ''}${line.end}` : ''
  }
  return table<Line[]>(
    [
      ['STORAGE', row => row[0]?.storage],
      ['POINT', row => row[0]?.point.name],
      ...VICTIMS.map(name => [name.toUpperCase(), (row: Line[]) => endOf(row, name)] as const),
    ],
    rows,
  )
}

const missing = await whyNoQemu()
if (missing !== null) {
  console.log(`no machines here: ${missing}`)
  process.exit(1)
}
const startedMs = performance.now()
const lines: Line[] = []
for (const storage of STORAGES) if (values.storage === undefined || values.storage === storage) lines.push(...(await runStorage(storage)))
const invalid = lines.filter(({ violations }) => violations.length > 0)
if (values.json) console.log(JSON.stringify(lines, null, 2))
else console.log(`${asTable(lines)}\n${lines.length} cells, ${invalid.length} invalid, ${((performance.now() - startedMs) / 1000).toFixed(0)} s`)
process.exit(lines.length === 0 || invalid.length > 0 ? 1 : 0)
