/** Exit codes of the CLI, for scripts, and how errors become them. */
import type { ErrorCode } from '../actors/kernel/errors.ts'

export const EXIT = {
  ok: { code: 0, meaning: 'Done.' },
  failed: { code: 1, meaning: 'The request or the operation failed.' },
  usage: { code: 2, meaning: 'Wrong command line, configuration or argument.' },
  notFound: { code: 3, meaning: 'The thing named does not exist.' },
  conflict: { code: 4, meaning: 'The state of the subject does not allow it now.' },
  unreachable: { code: 5, meaning: 'No cluster answers, or it cannot take requests now.' },
} as const

const BY_ERROR: Partial<Record<ErrorCode, keyof typeof EXIT>> = {
  BadRequest: 'usage',
  ConfigInvalid: 'usage',
  NotFound: 'notFound',
  Conflict: 'conflict',
  NotRunning: 'unreachable',
  Unavailable: 'unreachable',
  Overloaded: 'unreachable',
  DeadlineExceeded: 'unreachable',
  Database: 'unreachable',
}

export const exitCodeOf = (code: ErrorCode): number => EXIT[BY_ERROR[code] ?? 'failed'].code
