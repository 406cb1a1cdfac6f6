/**
 * The language operations are written in: an operation is a list of steps, a step is an idempotent command to another
 * actor, perhaps with its undo. The functions here are given the operation's context and answer with plain data; they
 * are asked again after a crash and must answer the same, so they look at nothing but the context.
 */
import type { Move, Progress } from '../api.ts'
import type { GuestAbout } from '../hypervisor/driver.ts'
import { hostnameOf } from '../instance/hostname.ts'
import { type Address, address } from '../kernel/address.ts'
import type { Json } from '../kernel/define.ts'
import { minutes, seconds } from '../kernel/env.ts'
import { type Fault, isTransient } from '../kernel/errors.ts'
import type { End, OperationArgs } from './contract.ts'

/** What the steps of one operation have found out so far. */
export type Found = Readonly<Record<string, Json>>

export interface StepContext {
  /** The operation's id. */
  readonly operation: string
  readonly subject: string
  readonly args: OperationArgs
  readonly found: Found
  /** Rank of the command now to be sent; see `commandOrder`. */
  readonly order: number
}

export interface Request {
  readonly to: Address
  readonly method: string
  readonly args: unknown
}

/** What to do about a fault of a step. */
export type OnFault =
  /** The same step again after a pause, as long as the retry policy allows; then give up. */
  | { readonly next: 'retry' }
  /** Undo what was done and end, for this reason or for `fault`, which knows more. */
  | { readonly next: 'giveUp'; readonly fault?: Fault }
  /** Undo back to the named step, then go forward again from there, with `found` changed. */
  | { readonly next: 'goBack'; readonly to: string; readonly found: Found }
  /** As if it had been done. */
  | { readonly next: 'skip' }
  /** Like `giveUp`, also from a step that is forward only: the fault proves that it was not done and never will be. */
  | { readonly next: 'turnBack' }

export interface Step {
  readonly name: string
  /** The command, or null when there is nothing to do. */
  readonly do: (c: StepContext) => Request | null
  /** What the answer adds to what was found. */
  readonly save?: (c: StepContext, answer: unknown) => Found
  /**
   * How far it is, when the answer says that it is still under way; null when it is done. Then the same command is sent again, so
   * that what takes long is watched by many short calls and never by a long one. The receiver decides how long it holds each.
   */
  readonly again?: (c: StepContext, answer: unknown) => Progress | null
  /** What somebody who wants it over at any price adds to what was found; the command is then sent anew. Absent: it cannot be forced. */
  readonly force?: (c: StepContext) => Found
  /** The command that takes it back, or null. It must be harmless when `do` never arrived. */
  readonly undo?: (c: StepContext) => Request | null
  /** Once done it cannot be taken back: an operation that turns back behind it has failed. */
  readonly irreversible?: boolean
  /**
   * Once it is begun there is no way back: it is tried until the deadline, or left out when its `onFault` says so. Only a fault
   * that proves that it has not happened may still turn back.
   */
  readonly forwardOnly?: boolean
  readonly onFault?: (c: StepContext, fault: Fault, attempt: number) => OnFault
  /** Time for one attempt, ms. */
  readonly timeoutMs: number
  /** Attempts before a `retry` becomes `giveUp`. */
  readonly attempts: number
}

export interface OperationSpec {
  readonly kind: string
  /** Time from acceptance after which the operation has ended, whatever happens, ms. */
  readonly deadlineMs: number
  readonly cancellable: boolean
  readonly steps: readonly Step[]
  /**
   * Host and claim of the subject when all steps are done, or, at the deadline, what may be left of it while the step `at`
   * was being done or undone. A command without an answer may have been obeyed, so in doubt it is left.
   * `origin` is the second host that still holds room for it. Of two hosts, `host` must be the one where a guest may run.
   */
  readonly leaves: (c: Left) => { host: string | null; claim: string | null; origin?: End | undefined }
  /** From where to where it moves the instance, as far as that is known. */
  readonly move?: (c: Pick<Left, 'args' | 'found'>) => Pick<Move, 'from' | 'to'>
}

/** `at` when all steps are done. */
export const END = 'end'

export type Left = Pick<StepContext, 'operation' | 'args' | 'found'> & { readonly at: string }

export const step = (name: string, how: Omit<Step, 'name' | 'timeoutMs' | 'attempts'> & { timeoutMs?: number; attempts?: number }): Step => ({
  timeoutMs: seconds(30),
  attempts: 3,
  ...how,
  name,
})

export const operation = (
  kind: string,
  how: Omit<OperationSpec, 'kind' | 'deadlineMs' | 'cancellable' | 'leaves'> & Partial<Pick<OperationSpec, 'deadlineMs' | 'cancellable' | 'leaves'>>,
): OperationSpec => ({
  deadlineMs: minutes(10),
  cancellable: false,
  leaves: c => ({ host: c.args.host, claim: c.args.claim, origin: c.args.origin }),
  ...how,
  kind,
})

/** A refusal is final; a fault of the way is not: the database may have been away for longer than a step may take. */
export const giveUpWhenRefused = (_c: StepContext, fault: Fault): OnFault => ({ next: isTransient(fault) ? 'retry' : 'giveUp' })

/** A command to the hypervisor of a host about this operation's subject. */
export const hypervisor = (c: StepContext, host: string, method: string, more: Record<string, unknown> = {}): Request => ({
  to: address('compute', host),
  method,
  args: { instance: c.subject, order: c.order, ...more },
})

/** Time a guest has to end by itself before it is ended, ms. */
export const STOP_GRACE_MS = seconds(10)

/** The guest as a hypervisor is told of it: with the image and the size this operation gives it. */
export const guestSpec = ({ subject, args: { spec, change, devices } }: StepContext) => {
  const flavor = change?.flavor ?? spec.flavor
  const { vcpus, ramMb, diskGb } = flavor
  const size = { vcpus, ramMb, diskGb }
  const image = change?.image ?? spec.image
  const given = { ...(devices ? { devices } : {}), ...(spec.agent ? { agent: true } : {}) }
  return { name: spec.name, image, metadata: spec.metadata, ...size, ...given, about: aboutGuest(spec, flavor.name, subject) }
}

function aboutGuest({ about, project, reservation, name }: StepContext['args']['spec'], flavor: string, id: string): GuestAbout {
  const { userData, keyPair, configDrive, drive, files } = about ?? {}
  return {
    project,
    reservation,
    flavor,
    hostname: hostnameOf({ id, name, ...(about ? { about } : {}) }),
    ...(userData === undefined ? {} : { userData }),
    ...(keyPair ? { keyPair } : {}),
    ...(configDrive ? { configDrive } : {}),
    ...(drive ? { drive } : {}),
    ...(files ? { files } : {}),
  }
}
