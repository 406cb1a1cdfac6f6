/** The entry of the CLI: parse, load the one command, run it, and turn what goes wrong into a message and an exit code. */
import { enableCompileCache } from 'node:module'
import type { NodeMessage } from '../supervisors/node-process.ts'

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
    const code = report(error, { command, json, debug: process.env.BATON_DEBUG === '1' })
    await tellSupervisor(error)
    // A node that could not start has opened things that would keep it here.
    process.stdout.write('', () => process.stderr.write('', () => process.exit(code)))
    return code
  }
}

/** Why a node, or a detached `up`, could not start, to whoever started it and waits. */
async function tellSupervisor(error: unknown): Promise<void> {
  if (!process.connected) return
  const { toFault } = await import('../actors/kernel/errors.ts')
  const message: NodeMessage = { type: 'failed', fault: toFault(error) }
  await new Promise(resolve => process.send?.(message, resolve))
}

// A reader that went away (`baton instance list | head`) is no error.
process.stdout.on('error', error => {
  if ('code' in error && error.code === 'EPIPE') process.exit(0)
  throw error
})

process.exitCode = await main(process.argv.slice(2))
