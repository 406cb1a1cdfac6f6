/** All planted bugs; a new one is a file beside this and a line here. */
import { ackBeforeCommit } from './ack-before-commit.ts'
import { alertTriedOnce } from './alert-tried-once.ts'
import { claimNotChecked } from './claim-not-checked.ts'
import { deadlineIgnored } from './deadline-ignored.ts'
import { endSeenEarly } from './end-seen-early.ts'
import { endedNotTold } from './ended-not-told.ts'
import { evacuatedTooEarly } from './evacuated-too-early.ts'
import { foreignAgentBelieved } from './foreign-agent-believed.ts'
import { leaseTooLong } from './lease-too-long.ts'
import { permitNotShown } from './permit-not-shown.ts'
import type { Planted } from './planted.ts'
import { quotaNotChecked } from './quota-not-checked.ts'
import { quotaNotReleased } from './quota-not-released.ts'
import { reconcilerTooEarly } from './reconciler-too-early.ts'
import { refusalForgotten } from './refusal-forgotten.ts'
import { refusedUnconfirmed } from './refused-unconfirmed.ts'
import { resendWithoutDedupe } from './resend-without-dedupe.ts'
import { shardsStolen } from './shards-stolen.ts'
import { silenceUnseen } from './silence-unseen.ts'
import { skipTheFence } from './skip-the-fence.ts'
import { snapshotMissesEvents } from './snapshot-misses-events.ts'
import { spawnBeforeClaim } from './spawn-before-claim.ts'
import { staleCommandAccepted } from './stale-command-accepted.ts'
import { staleReads } from './stale-reads.ts'
import { takeOverWithoutReload } from './take-over-without-reload.ts'
import { timerLost } from './timer-lost.ts'
import { unconfirmedLease } from './unconfirmed-lease.ts'
import { undoForgotten } from './undo-forgotten.ts'
import { unfencedEvacuation } from './unfenced-evacuation.ts'
import { wrongOwnerAccepted } from './wrong-owner-accepted.ts'

export const PLANTED_BUGS: readonly Planted[] = [
  skipTheFence,
  ackBeforeCommit,
  leaseTooLong,
  evacuatedTooEarly,
  permitNotShown,
  unfencedEvacuation,
  unconfirmedLease,
  resendWithoutDedupe,
  staleCommandAccepted,
  takeOverWithoutReload,
  snapshotMissesEvents,
  timerLost,
  wrongOwnerAccepted,
  shardsStolen,
  spawnBeforeClaim,
  undoForgotten,
  claimNotChecked,
  reconcilerTooEarly,
  quotaNotReleased,
  quotaNotChecked,
  deadlineIgnored,
  staleReads,
  endedNotTold,
  endSeenEarly,
  refusalForgotten,
  refusedUnconfirmed,
  foreignAgentBelieved,
  silenceUnseen,
  alertTriedOnce,
]
