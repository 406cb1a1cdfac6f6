/**
 * Restart intensity, as in OTP's supervisors: an actor may fail `limit` times within `periodMs`; one failure more and it
 * is set aside. Each restart waits longer than the one before. Pure: the caller brings the times.
 */
export interface RestartPolicy {
  readonly limit: number
  readonly periodMs: number
  readonly backoffBaseMs: number
  readonly backoffCapMs: number
}

export type RestartVerdict = { readonly restart: true; readonly attempt: number } | { readonly restart: false }

/** Looks at the times of earlier failures (ms, oldest first); answers with the verdict and the times to keep. */
export function judgeFailure(policy: RestartPolicy, failures: readonly number[], nowMs: number): { verdict: RestartVerdict; failures: number[] } {
  const recent = failures.filter(at => nowMs - at < policy.periodMs)
  recent.push(nowMs)
  if (recent.length > policy.limit) return { verdict: { restart: false }, failures: recent }
  return { verdict: { restart: true, attempt: recent.length - 1 }, failures: recent }
}
