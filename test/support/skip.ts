/**
 * How a test skips itself. uvu cannot skip a test that has begun, so the test says so and returns:
 *
 *     test('limits by cgroup', async () => {
 *       if (!(await cgroupWritable())) return skip('no writable cgroup here')
 */

/** What the runner looks for in the output of a test file. */
export const SKIP_MARK = '@skipped'

export interface SkipOptions {
  /** True for what `.ci/run` installs: there a skip is a failure, or a suite could pass by testing nothing. */
  readonly installedByCi?: boolean
}

/** Counts this test as skipped and prints why. Call it once, and return. Throws where CI has no excuse. */
export function skip(reason: string, options: SkipOptions = {}): void {
  const ci = process.env.BATON_CI === '1' || process.env.CI === 'true'
  if (ci && options.installedByCi) throw new Error(`must not be skipped in CI: ${reason}`)
  process.stdout.write(`\n${SKIP_MARK} ${reason.replaceAll('\n', ' ')}\n`)
}
