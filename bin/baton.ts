/** The entry of the CLI: a process around one command. */
import { enableCompileCache } from 'node:module'
import type { NodeMessage } from '../supervisors/node-process.ts'

// For whoever does not come by way of `bin/baton`, which says it earlier.
enableCompileCache()

const { main } = await import('./main.ts')
const {
  default: { version },
} = await import('../package.json', { with: { type: 'json' } })

async function onFailure(error: unknown, exitCode: number): Promise<void> {
  await tellSupervisor(error)
  // A node that could not start has opened things that would keep it here.
  process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)))
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

process.exitCode = await main(process.argv.slice(2), version, onFailure)
