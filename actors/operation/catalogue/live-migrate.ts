/**
 * Live migrate: carry a guest to another host while it runs. Its memory is sent over and over until so little is left that a short
 * stop is enough for the rest; with storage that the hosts do not share, its disk is sent before.
 *
 * An instance never runs in two places, and never goes on from memory that is older than what it has done. Both follow from the order
 * of four commands, each ranked, each done once:
 *
 *     prepare    the destination makes a guest that waits. It does not run, and no command but `finish` makes it run.
 *     switch     the source stops the guest for good and writes that down before it answers. Whatever the source's agent is told or
 *                not told from then on, also after its restart: this guest runs there again only when it is told so by `start`'s undo.
 *     finish     the destination's guest goes on. It is sent only behind the answer to `switch`.
 *     cancel     the undo of `start`: the source goes on, also when it was stopped already. It is sent only when `finish` was never
 *                sent, or when the destination has said that `finish` failed (a driver refuses it only if the guest has not run there)
 *                and has then destroyed what waited. A late copy of `finish` is outranked by that destroy.
 *
 * So a crash of the conductor, the source's or the destination's agent, at any point, leads to the same command being sent again:
 * before `finish` both ways are open, and whatever goes wrong there (no answer, a cancel, time that runs out) turns back, and the
 * instance is where it was. `finish` is forward only: nobody can know whether a guest that was told to go on has written to its disk.
 * Behind it the source is cleaned up, or left to the reconciler when its host stays silent.
 *
 * At the deadline the instance is said to be where it may run: on the source as long as `finish` was not begun, then on the destination.
 * The other end keeps its claim, as `origin`, and a guest that does not run.
 *
 * The transfer is a job of the source's driver, which no call waits for to its end: each look holds for a few seconds at most, says how
 * far it is, and is followed by the next. Force-complete has the next look pause the guest, so that nothing is left to send again.
 */
import type { Json } from '../../kernel/define.ts'
import { minutes, seconds } from '../../kernel/env.ts'
import type { Fault } from '../../kernel/errors.ts'
import { guestSpec, hypervisor, type Left, type OnFault, operation, type StepContext, step } from '../step.ts'
import { forget, letGoOf, moved, placeAndClaim, release, targetOf } from './ends.ts'
import { elsewhere, refusedBy } from './placing.ts'

/** Time a look at the transfer is held by the source's agent when nothing is decided, ms. */
const LOOK_MS = 2500
/** Hosts that may fail to prepare before the instance stays where it is. */
const PREPARE_FAILURES = 3

const source = (c: Pick<Left, 'args'>): string => c.args.host ?? ''

/** What came back from a driver; it is passed on as it is. */
const field = (answer: unknown, name: string): Json => (answer as Readonly<Record<string, Json>> | null)?.[name] ?? null

function anotherHost(c: StepContext, fault: Fault): OnFault {
  if (c.args.wanted !== undefined || refusedBy(c).length + 1 >= PREPARE_FAILURES)
    return { next: fault.code === 'DeadlineExceeded' ? 'retry' : 'giveUp' }
  return elsewhere(c, targetOf(c), fault)
}

/** No answer may mean that it goes on there already. A refusal means that it does not: that is what drivers promise. */
const unlessUnknown = (_: StepContext, fault: Fault): OnFault => ({
  next: fault.code === 'DeadlineExceeded' || fault.code === 'StaleCommand' ? 'retry' : 'turnBack',
})

function leaves(c: Left) {
  const here = { host: source(c), claim: c.args.claim }
  if (c.at === 'check' || c.at === 'place' || here.claim === null) return here
  const origin = { host: here.host, claim: here.claim }
  const there = { host: targetOf(c), claim: c.operation }
  if (c.at === 'end') return there
  return c.at === 'finish' || c.at === 'forget' || c.at === 'release' ? { ...there, origin } : { ...here, origin: there }
}

export const liveMigrate = operation('live-migrate', {
  deadlineMs: minutes(30),
  cancellable: true,
  steps: [
    step('check', {
      do: c => hypervisor(c, source(c), 'checkMigration', { blockMigration: c.args.blockMigration ?? 'auto' }),
      save: (_, answer) => ({ driver: field(answer, 'driver'), copyDisk: field(answer, 'copyDisk'), shape: field(answer, 'shape') }),
      onFault: (_, fault) => ({ next: fault.code === 'DeadlineExceeded' ? 'retry' : 'giveUp' }),
    }),
    ...placeAndClaim(),
    step('prepare', {
      do: c => {
        const { driver, copyDisk, shape = null } = c.found
        return hypervisor(c, targetOf(c), 'prepareIncoming', { spec: guestSpec(c), driver, copyDisk, shape })
      },
      save: (_, answer) => ({ to: field(answer, 'to') }),
      undo: c => letGoOf(c, targetOf(c)),
      onFault: anotherHost,
      timeoutMs: minutes(1),
      attempts: 2,
    }),
    step('start', {
      do: c => hypervisor(c, source(c), 'migrateOut', { to: c.found.to, copyDisk: c.found.copyDisk }),
      undo: c => hypervisor(c, source(c), 'cancelOutgoing'),
    }),
    step('transfer', {
      do: c => hypervisor(c, source(c), 'migrationProgress', { waitMs: LOOK_MS, force: c.found.forced === true }),
      again: (_, answer) => {
        const { converged, ...progress } = answer as { converged: boolean } & Record<string, number>
        return converged ? null : progress
      },
      force: () => ({ forced: true }),
      onFault: (_, fault) => ({ next: fault.code === 'DeadlineExceeded' ? 'retry' : 'giveUp' }),
      timeoutMs: seconds(15),
      attempts: 20,
    }),
    step('switch', {
      do: c => hypervisor(c, source(c), 'handOver'),
      save: (_, answer) => ({ handed: field(answer, 'handed') }),
      onFault: (_, fault) => ({ next: fault.code === 'DeadlineExceeded' ? 'retry' : 'giveUp' }),
    }),
    step('finish', {
      do: c => hypervisor(c, targetOf(c), 'finishIncoming', { handed: c.found.handed }),
      undo: c => letGoOf(c, targetOf(c)),
      forwardOnly: true,
      onFault: unlessUnknown,
    }),
    forget('forget', source),
    release('release', c => c.args),
  ],
  leaves,
  move: moved,
})
