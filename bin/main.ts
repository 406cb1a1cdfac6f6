/** One command from its words to its exit code: parse, load the one command, run it, and say what went wrong. */
import { choose, Parsed } from './program.ts'

/** `onFailure` is told what a command that was found ran into, when that has been reported. */
export async function main(
  argv: readonly string[],
  version: string,
  onFailure: (error: unknown, exitCode: number) => Promise<void> = async () => {},
): Promise<number> {
  let json = false
  let command = ''
  try {
    const { spec, call } = await choose(argv, version)
    json = call.options.json === true
    command = spec.path
    const handler = await spec.load()
    await handler(call)
    return Number(process.exitCode ?? 0)
  } catch (error) {
    if (error instanceof Parsed) return error.exitCode
    const { report } = await import('./output/report.ts')
    const code = report(error, { command, json, debug: process.env.BATON_DEBUG === '1' })
    await onFailure(error, code)
    return code
  }
}
