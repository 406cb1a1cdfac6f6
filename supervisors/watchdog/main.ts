/**
 * The watchdog as a process: `node main.ts <folder> <life> <boot id> <how guests are stopped, as JSON>`. Started by the agent in a session
 * of its own, so that no signal to the agent or its group is for it, and it goes on when the agent is gone.
 */
import type { OutOfBandSpec } from '../../actors/hypervisor/drivers/out-of-band.ts'
import { openOutOfBand } from '../../actors/hypervisor/drivers/out-of-band.ts'
import type { Logger } from '../../actors/kernel/env.ts'
import { bootMs } from '../boot-clock.ts'
import { watchdogFolder } from './record.ts'
import { startWatchdog } from './watchdog.ts'

const [folder = '', life = '', bootId = '', spec = ''] = process.argv.slice(2)
const outOfBand: OutOfBandSpec = JSON.parse(spec)
const files = watchdogFolder(folder, bootId)

/** JSON lines like those of all nodes, without the library behind them. */
const say =
  (level: string) =>
  (fields: object, message: string): void =>
    void process.stdout.write(`${JSON.stringify({ level, time: new Date().toISOString(), pid: process.pid, ...fields, msg: message })}\n`)
const log: Logger = { debug: () => {}, info: say('info'), warn: say('warn'), error: say('error') }

const env = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(delayMs: number, fn: () => void) {
    const timer = setTimeout(fn, delayMs)
    return { cancel: () => clearTimeout(timer) }
  },
  random: () => Math.random(),
  uuid: () => crypto.randomUUID(),
  log,
}

// Nobody but the record ends it: not a terminal that is closed, not an agent that stops.
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
process.on('disconnect', () => log.info({}, 'the agent is gone'))

startWatchdog({
  env,
  life: Number(life),
  bootMs,
  lease: files.lease,
  policy: files.policy,
  stop: await openOutOfBand(env, outOfBand),
  leaveWord: files.leaveWord,
  onArmed(offer) {
    log.info({ offer }, 'armed')
    if (process.connected) process.send?.({ armed: offer })
  },
  agentIsGone: () => !process.connected,
  onDone(why) {
    log.info({ why }, 'ending')
    process.exit(0)
  },
})
