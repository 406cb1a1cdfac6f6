/** What is waiting, and which of it shares a commit: each command is decided on the state the one before would leave. Pure. */
import type { ActorEvent, AnyActor, Command, Decision, Sender } from '../../actors/kernel/define.ts'
import type { BatonError } from '../../actors/kernel/errors.ts'

export interface Message {
  readonly command: Command
  readonly from: Sender
  readonly queuedMs: number
  readonly deadlineMs: number
  /** `traceparent` of what sent it, where that is traced. */
  readonly trace: string | undefined
  resolve(value: unknown): void
  reject(error: BatonError): void
}

export type AnyDecision = Decision<unknown, ActorEvent>

/** What was decided about a message, and the state its reply is about; or the defect that deciding it met. */
export type Outcome =
  | { readonly message: Message; readonly decision: AnyDecision; readonly state: unknown }
  | { readonly message: Message; readonly defect: unknown }

export interface Batch {
  readonly outcomes: readonly Outcome[]
  readonly events: readonly ActorEvent[]
  /** Whether there is anything to commit. */
  readonly writes: boolean
  /** Whether somebody is to hear something that only the actor's true owner may say. */
  readonly tells: boolean
  readonly state: unknown
  readonly now: number
}

/** A decision, whether its answer is told to others, and whether it is to be committed even if nothing has changed. */
export interface Ruling {
  readonly decision: AnyDecision
  readonly tells: boolean
  readonly writes: boolean
}

/** Commands that share a commit, at most. */
const BATCH = 100

/**
 * Decides the first messages of the inbox. It stops at a defect, which is the last outcome then: what comes after it waits for the restart.
 * `now` is cluster time in ms.
 */
export function planBatch(
  inbox: readonly Message[],
  from: unknown,
  now: number,
  { evolve }: Pick<AnyActor, 'evolve'>,
  rule: (state: unknown, message: Message) => Ruling,
): Batch {
  const outcomes: Outcome[] = []
  const events: ActorEvent[] = []
  let state = from
  let tells = false
  let writes = false
  for (const message of inbox.slice(0, BATCH)) {
    try {
      const ruling = rule(state, message)
      const { decision } = ruling
      if (decision.ok) {
        state = decision.events.reduce((before: unknown, event) => evolve(before, event, now), state)
        events.push(...decision.events)
      }
      tells ||= ruling.tells
      writes ||= ruling.writes
      outcomes.push({ message, decision, state })
    } catch (defect) {
      outcomes.push({ message, defect })
      break
    }
  }
  return { outcomes, events, writes: writes || events.length > 0, tells, state, now }
}
