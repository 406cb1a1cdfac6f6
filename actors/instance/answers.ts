/**
 * What an instance remembers of the requests it has answered.
 *
 * A request that is slow is sent to another conductor too, and then two copies of it are under way. What was accepted stands in the journal
 * anyway. A refusal would leave no trace, and the other copy could be carried out a moment later, when the instance allows it: to somebody who
 * was told that nothing happens. So a refusal is written down as well before anybody hears of it, and the copy is answered the same.
 */
import type { Accepted } from '../api.ts'
import { accept, type Decision } from '../kernel/define.ts'
import type { Fault } from '../kernel/errors.ts'
import { attachedBy } from './devices.ts'
import type { Answered, InstanceEvent, InstanceState, Task } from './model.ts'

/** A copy of a request may come late, but not behind so many others. */
const ANSWERS_KNOWN = 16

/** What is answered to a request that became this task, the first time and again. */
export const acceptedBody = ({ operation, change }: Task): Accepted => ({ operation, ...attachedBy(change) })

type Telling = InstanceEvent & { type: 'taskAccepted' | 'deleteQueued' | 'declined' }

export function answeredAfter({ answers = [] }: InstanceState, event: Telling): readonly Answered[] {
  const answered =
    event.type === 'declined'
      ? { requestId: event.requestId, refused: event.fault }
      : { requestId: event.task.requestId, accepted: acceptedBody(event.task) }
  return [...answers, answered].slice(-ANSWERS_KNOWN)
}

/** What this request was answered before, if it was. */
export function answerTo({ answers = [], task, next, last }: InstanceState, requestId: string): Answered | undefined {
  const known = answers.findLast(answer => answer.requestId === requestId)
  // States of yesterday have only tasks. A create is another thing: whoever takes it back does so by the same request.
  const became = known ? undefined : [next, task, last].find(t => t?.requestId === requestId && t.kind !== 'build')
  return became ? { requestId, accepted: acceptedBody(became) } : known
}

/** Whether a request that somebody is about to be refused was accepted meanwhile: then that is its answer. If not, it never will be. */
export type Declined = { readonly accepted: Accepted | null }

export function decideDecline(
  state: InstanceState,
  { requestId, fault }: { readonly requestId: string; readonly fault: Fault },
): Decision<InstanceState, InstanceEvent> {
  const known = answerTo(state, requestId)
  const accepted = known && 'accepted' in known ? known.accepted : null
  // Of what is deleted nothing more will come.
  const isSettled = known !== undefined || state.vmState === 'deleted'
  return accept(isSettled ? [] : [{ type: 'declined', requestId, fault }], (): Declined => ({ accepted }))
}
