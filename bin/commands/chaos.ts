/** `baton chaos`: kills, freezes and cuts off a cluster made for it, and judges what came of it. */
import { writeFileSync } from 'node:fs'
import { BatonError } from '../../actors/kernel/errors.ts'
import { type Call, given, integer, text } from '../call.ts'
import type { Fault } from '../chaos/faults/fault.ts'
import { FAULTS } from '../chaos/faults/index.ts'
import { wentWell } from '../chaos/pictures.ts'
import { acceptedOf, reportOf, tally } from '../chaos/report.ts'
import { type ChaosResult, runChaos } from '../chaos/run.ts'
import { evacuationFigures, takeOverFigures } from '../chaos/times.ts'

const DEFAULT_SECONDS = 60
const LOOK_MS = 1000

export async function chaos(call: Call): Promise<void> {
  const { options } = call
  const seconds = integer(options, 'seconds', 1) ?? (integer(options, 'minutes', 1) ?? DEFAULT_SECONDS / 60) * 60
  const seed = integer(options, 'seed', 0) ?? Date.now() % 1_000_000
  const faults = chosen(text(options, 'faults'))
  const json = given(options, 'json')
  const say = (line: string): void => (json ? undefined : console.log(line))
  const stop = new AbortController()
  const onSignal = (): void => {
    say('stopping: faults are healed, then the judge speaks')
    stop.abort()
  }
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)

  say(`seed ${seed}, ${seconds} s, faults: ${faults.map(f => f.name).join(' ')}`)
  const began = performance.now()
  const at = (): string => `${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s`
  let well = 0
  let shown = 0
  const live = setInterval(() => {
    if (process.stdout.isTTY && !json && well !== shown) process.stdout.write(`\r${at()}  ${well} ended well\r`)
    shown = well
  }, LOOK_MS)
  try {
    const result = await runChaos(
      {
        seconds,
        seed,
        faults,
        conductors: integer(options, 'conductors', 1) ?? 3,
        computes: integer(options, 'computes', 1) ?? 4,
        clients: integer(options, 'clients', 1) ?? 12,
        keep: given(options, 'keep'),
        say,
        onDeed: deed => (deed.healedAt === 0 ? say(`${at()}  ${deed.fault.padEnd(26)} ${deed.victim.padEnd(24)} ${well} ended well`) : undefined),
        onNote: note => {
          if (wentWell(note)) well++
        },
      },
      stop.signal,
    )
    const file = text(options, 'report')
    if (file !== undefined) writeFileSync(file, reportOf(result, faults))
    if (json) console.log(JSON.stringify({ ...result, notes: Object.fromEntries(tally(result.notes)) }))
    else summary(result, file)
    if (result.violations.length > 0) process.exitCode = 1
  } finally {
    clearInterval(live)
  }
}

function chosen(names: string | undefined): readonly Fault[] {
  if (names === undefined) return FAULTS
  return names.split(',').map(name => {
    const fault = FAULTS.find(f => f.name === name.trim())
    if (!fault) throw new BatonError('BadRequest', `there is no fault ${JSON.stringify(name)}; there are ${FAULTS.map(f => f.name).join(', ')}`)
    return fault
  })
}

function summary({ seed, deeds, notes, violations, takeOvers, evacuations, leftOut, kept }: ChaosResult, file: string | undefined): void {
  console.log('')
  for (const [what, count] of tally(notes)) console.log(`${String(count).padStart(7)}  ${what}`)
  if (leftOut.length > 0) console.log(`left out, because nodes have no network of their own here: ${leftOut.join(' ')}`)
  if (takeOvers.length > 0) console.log(`take-overs: ${takeOverFigures(takeOvers)}`)
  for (const { ms, amid } of takeOvers) if (amid.length > 0) console.log(`${String(ms).padStart(7)} ms  amid ${amid.join(', ')}`)
  if (evacuations.length > 0) console.log(`evacuations: ${evacuationFigures(evacuations)}`)
  for (const { rule, what } of violations) console.log(`VIOLATION  ${rule}: ${what}`)
  const counts = [`${deeds.length} faults`, `${acceptedOf(notes)} accepted`, `${notes.filter(wentWell).length} ended well`]
  console.log(`seed ${seed}: ${counts.join(', ')}, ${violations.length} violations`)
  if (file !== undefined) console.log(`report: ${file}`)
  if (kept !== null) console.log(`kept: ${kept}`)
}
