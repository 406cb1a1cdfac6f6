/** The entry of the CLI: parse, load the one command, run it, and turn what goes wrong into a message and an exit code. */
import { enableCompileCache } from 'node:module'

enableCompileCache()

const { choose, Parsed } = await import('./program.ts')
const {
  default: { version },
} = await import('../package.json', { with: { type: 'json' } })

async function main(argv: readonly string[]): Promise<number> {
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
    return report(error, { command, json, debug: process.env.BATON_DEBUG === '1' })
  }
}

// A reader that went away (`baton instance list | head`) is no error.
process.stdout.on('error', error => {
  if ('code' in error && error.code === 'EPIPE') process.exit(0)
  throw error
})

process.exitCode = await main(process.argv.slice(2))
