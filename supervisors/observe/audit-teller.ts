/**
 * What a gateway has to say to the audit log: gathered, told in batches, told again until a conductor has written it. A line told twice is
 * written once. A gateway that dies takes with it what it has not told yet, half a second's worth; the operations it began are known by the
 * journal all the same.
 */
import { AUDIT_BATCH, type AuditLine } from '../../actors/kernel/audit.ts'
import { backoffMs, type Env } from '../../actors/kernel/env.ts'
import { toFault } from '../../actors/kernel/errors.ts'

/** Lines that may wait; with the database away for long, the oldest are given up and the log says how many. */
const LIMIT = 20_000
const GATHER_MS = 500

export interface AuditTeller {
  tell(line: AuditLine): void
  /** Tells what is left; resolves when that was tried once. */
  close(): Promise<void>
}

export function createAuditTeller(env: Env, append: (lines: readonly AuditLine[]) => Promise<unknown>): AuditTeller {
  let waiting: AuditLine[] = []
  let lost = 0
  let failures = 0
  let sending: Promise<void> | null = null
  let scheduled = false
  let closed = false

  function schedule(delayMs: number): void {
    if (scheduled || closed) return
    scheduled = true
    env.setTimer(delayMs, () => {
      scheduled = false
      send()
    })
  }

  function send(): Promise<void> {
    sending ??= sendOnce().finally(() => {
      sending = null
      if (waiting.length > 0) schedule(failures === 0 ? 0 : backoffMs(env, failures, GATHER_MS, 10_000))
    })
    return sending
  }

  async function sendOnce(): Promise<void> {
    const batch = waiting.slice(0, AUDIT_BATCH)
    if (batch.length === 0) return
    try {
      await append(batch)
      const told = new Set(batch)
      waiting = waiting.filter(line => !told.has(line))
      failures = 0
    } catch (error) {
      failures++
      env.log.warn({ fault: toFault(error), waiting: waiting.length }, 'the audit log could not be told yet')
    }
  }

  return {
    tell(line) {
      waiting.push(line)
      if (waiting.length > LIMIT) {
        waiting.shift()
        lost++
        if (lost % 1000 === 1) env.log.error({ lost }, 'lines of the audit log were lost: no conductor takes them')
      }
      schedule(GATHER_MS)
    },
    async close() {
      closed = true
      await sending
      await sendOnce()
    },
  }
}
