/** Commands of the CLI, run in this process or in one of their own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { main } from '../../bin/main.ts'

const BATON = resolve(import.meta.dirname, '../../bin/baton')
/** Longer than any command of a test takes, ms. */
const SPAWNED_MS = 30_000

export interface Outcome {
  /** Null when it was killed. */
  readonly code: number | null
  readonly out: string
  readonly err: string
}

type Variables = Readonly<Record<string, string | undefined>>

/** What a command says and its exit code, without the third of a second that a process takes to start. One at a time. */
export async function runHere(args: string, env: Variables): Promise<Outcome> {
  const before = process.env
  const [out, err] = [capture(process.stdout), capture(process.stderr)]
  process.env = { ...before, ...env }
  try {
    const code = await main(args.split(' '), '0.0.0')
    return { code, out: out.text(), err: err.text() }
  } finally {
    process.env = before
    process.exitCode = undefined
    out.release()
    err.release()
  }
}

/** Takes what is written to a stream, which is no terminal meanwhile. */
function capture(stream: NodeJS.WriteStream) {
  const { write, isTTY } = stream
  const written: string[] = []
  stream.isTTY = false
  stream.write = (chunk: string | Uint8Array) => {
    written.push(String(chunk))
    return true
  }
  const release = (): void => {
    stream.write = write
    stream.isTTY = isTTY
  }
  return { text: () => written.join(''), release }
}

export async function runSpawned(args: string, env: Variables): Promise<Outcome> {
  const child = spawn(BATON, args.split(' '), { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], timeout: SPAWNED_MS })
  const outcome = { out: '', err: '' }
  child.stdout.on('data', chunk => {
    outcome.out += chunk
  })
  child.stderr.on('data', chunk => {
    outcome.err += chunk
  })
  const [code] = await once(child, 'close')
  return { ...outcome, code: typeof code === 'number' ? code : null }
}
