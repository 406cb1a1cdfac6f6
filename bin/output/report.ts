/** Errors for people: what happened, to what, and what to do next. */
import { type ErrorCode, type Fault, toFault } from '../../actors/kernel/errors.ts'
import { exitCodeOf } from '../exit.ts'

const NEXT: Partial<Record<ErrorCode, string>> = {
  ConfigInvalid: '`baton config sample` prints every key with its type and default.',
  Conflict: 'Look at `baton instance show` and `baton operation list --open`, then try again.',
  NoValidHost: 'See `baton host list` for room, or take a smaller flavor.',
  DriverFault: '`baton operation list` shows the step that failed; the log of the host has the details.',
  DeadlineExceeded: 'It may or may not have been done: look before you repeat it.',
  Overloaded: 'Wait a moment and repeat; `baton queue list` shows what is full.',
  Unavailable: 'Wait a moment and repeat; `baton status` shows what is missing.',
  NotRunning: 'Start one with `baton up`, or name its address with --endpoint, BATON_ENDPOINT or --data.',
  Database: 'Check the address and the credentials of `database.url`, and that the server runs.',
  DataFolder: 'Stop the cluster that uses it with `baton down`, or take another folder with --data.',
  PortInUse: 'Take another port with --port, or stop the process that has it.',
  Poisoned: '`baton status` names the actors that were set aside.',
  Internal: 'This is a defect. Repeat with BATON_DEBUG=1 for the stack, and report it.',
}

export interface ReportOptions {
  /** `instance create`, or empty when the command line was not understood. */
  readonly command: string
  readonly json: boolean
  readonly debug: boolean
}

/** The lines of a fault: message first, then the next step if one is known. */
export function faultText(fault: Fault, command: string): string {
  const next = NEXT[fault.code]
  const head = `baton${command === '' ? '' : ` ${command}`}: ${fault.message} [${fault.code}]`
  return next === undefined ? `${head}\n` : `${head}\n  ${next}\n`
}

/** Prints an error to stderr and answers with the exit code. The stack only with BATON_DEBUG=1. */
export function report(error: unknown, options: ReportOptions): number {
  const fault = toFault(error)
  process.stderr.write(options.json ? `${JSON.stringify({ error: fault })}\n` : faultText(fault, options.command))
  if (options.debug && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`)
  return exitCodeOf(fault.code)
}
