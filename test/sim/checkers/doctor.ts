/** When all is quiet, `baton doctor` sees everything and finds nothing. It looks through a gateway, as anybody would. */
import type { DoctorBody } from '../../../actors/doctor/report.ts'
import type { Loop } from '../loop.ts'
import type { World } from '../world.ts'
import { unsettled } from './checker.ts'

/** Rows settle, and what is the reconciler's is done at the next audit or the one after. */
const WITHIN_MS = 40_000
const LOOK_EVERY_MS = 6000
const LOOK_MS = 20_000

/** What it still finds, or could not look at, after a while. */
export async function doctorAtRest(loop: Loop, world: World): Promise<string[]> {
  const until = loop.nowMs() + WITHIN_MS
  for (;;) {
    await loop.runUntil(loop.nowMs() + LOOK_EVERY_MS)
    const found = await look(loop, world)
    if (found.length === 0 || loop.nowMs() >= until) return found
  }
}

async function look(loop: Loop, world: World): Promise<string[]> {
  const seen: { body?: DoctorBody; fault?: unknown } = {}
  world
    .api()
    .diagnose({})
    .then(
      body => {
        seen.body = body
      },
      error => {
        seen.fault = error
      },
    )
  await loop.runUntil(loop.nowMs() + LOOK_MS, () => 'body' in seen || 'fault' in seen)
  if (!seen.body) return [`it could not look: ${seen.fault instanceof Error ? seen.fault.message : 'no answer'}`]
  const { findings, unseen } = seen.body
  const unclear = unsettled(world)
  const news = findings.filter(({ code, subject }) => code !== 'NoClaim' || !unclear.has(idOf(subject)))
  return [...news.map(f => `${f.code} ${f.subject}: ${f.believed}, but ${f.seen}`), ...unseen]
}

const idOf = (subject: string): string => subject.slice(subject.indexOf('/') + 1)
