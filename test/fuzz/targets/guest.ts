/**
 * What a guest may write to its host: lines of text, whole, cut or damaged, with commands under way. Whatever comes, what is believed of the
 * guest stays within the contract, what its record is told is taken by it, the host's words are words of the contract, nothing piles up, and
 * an agent that begins anew is heard.
 */

import { guestActor } from '../../../actors/guest/guest.ts'
import { checkReport, reportOf } from '../../../actors/guest/report.ts'
import { createSession } from '../../../actors/guest/session.ts'
import { applyCommand, type Json } from '../../../actors/kernel/define.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import { manualEnv } from '../env.ts'
import { mutateJson, mutateText } from '../mutate.ts'
import { Finding, listOf, type Target, textOf } from '../target.ts'

const INSTANCE = '11111111-1111-4111-8111-111111111111'
const SETTINGS = { heartbeatMs: 1000, silentMs: 5000 }
const SUM = 'a'.repeat(128)
const HELLO = {
  ...{ type: 'hello', version: 1, agent: 'a/1', boot: 'b1', instance: INSTANCE, service: 's', backups: ['full'] },
  methods: [{ name: 'freeze', about: 'holds writes' }],
}
const SAMPLES: readonly Json[] = [
  HELLO,
  { type: 'heartbeat', seq: 1, status: 'BUILDING', message: 'soon' },
  { type: 'heartbeat', seq: 2, status: 'ACTIVE' },
  { type: 'update_backup', seq: 3, backup: 'b1', state: 'COMPLETED', kind: 'full', sizeBytes: 7, location: '/b1', checksum: SUM, message: null },
  { type: 'result', id: 1, value: { a: [1, { b: null }] } },
  { type: 'result', id: 2, error: 'no' },
]
const line = (message: Json): string => `${JSON.stringify(message)}\n`

export function guestTarget(): Target {
  return {
    name: 'guest',
    seeds: [SAMPLES.map(line), [line(HELLO), 'garbage\n', '{"type":"heartbeat"'], ['\n\n\u0000\n', line(SAMPLES[2] ?? null)]],
    mutate(input, random): Json {
      const lines = listOf(input).map(textOf)
      const at = random.int(0, Math.max(0, lines.length - 1))
      if (lines.length === 0 || (lines.length < 12 && random.chance(0.3))) return [...lines, line(random.pick(SAMPLES))]
      if (random.chance(0.1)) return lines.toSpliced(at, 1)
      return lines.with(at, random.chance(0.6) ? changed(lines[at] ?? '', random) : mutateText(lines[at] ?? '', random))
    },
    run: async input => talk(listOf(input).map(textOf)),
  }
}

/** Changed as a value, so that it still is JSON. */
function changed(text: string, random: Parameters<Target['mutate']>[1]): string {
  try {
    return line(mutateJson(JSON.parse(text), random))
  } catch {
    return mutateText(text, random)
  }
}

async function talk(lines: readonly string[]): Promise<void> {
  const env = manualEnv()
  const written: string[] = []
  const session = createSession({ env, instance: INSTANCE, settings: SETTINGS, onChange() {} })
  session.attach({ write: async said => void written.push(said), pause() {}, resume() {}, close() {} })
  const say = (text: string): void => session.bytes(Buffer.from(text))
  const commands: Promise<void>[] = []
  for (const [i, text] of lines.entries()) {
    if (i === 1) commands.push(answered(session.command('freeze', {}, 1000)))
    say(text)
    env.elapse(100)
  }
  const belief = session.belief()
  const report = { ...reportOf(belief, true), order: { rank: 1, life: 1, number: 1 } }
  const wrong = checkReport(report)
  if (wrong) throw new Finding(`what is believed is not what may be reported: ${wrong}`)
  record(report)
  for (const said of written) if (!/^\{"type":"(who|welcome|command)"/.test(said)) throw new Finding(`the host wrote ${said}`)
  // The bytes of a line that never ended are somebody's; an agent that begins anew begins with a line of its own.
  session.attach({ write: async said => void written.push(said), pause() {}, resume() {}, close() {} })
  session.began()
  env.elapse(60_000)
  say(line({ ...HELLO, boot: 'the next life' }))
  say(line({ type: 'heartbeat', seq: 1, status: 'SHUTDOWN' }))
  if (session.belief().status !== 'SHUTDOWN') throw new Finding('an agent that begins anew is not heard')
  session.close('the end')
  env.elapse(2000)
  await Promise.all(commands)
  if (env.waiting() > 0) throw new Finding(`${env.waiting()} timers were left behind`)
}

function record(report: object): void {
  const context = { id: INSTANCE, now: 1000, from: { role: 'compute', node: 'h1' } } as const
  const args = { host: 'h1', order: 0, project: 'p', bootMs: 1000 }
  const { state } = applyCommand(guestActor, guestActor.initial(INSTANCE), { method: 'expect', args }, context)
  const told = applyCommand(guestActor, state, { method: 'report', args: report } as Parameters<typeof guestActor.decide>[1], context)
  guestActor.work(told.state, INSTANCE)
  if (JSON.stringify(guestActor.view(told.state, INSTANCE)?.body).length > 64 * 1024) throw new Finding('the record of a guest grew large')
}

async function answered(command: Promise<unknown>): Promise<void> {
  try {
    JSON.stringify(await command)
  } catch (error) {
    if (!(error instanceof BatonError) || error.code === 'Internal') throw error
  }
}
