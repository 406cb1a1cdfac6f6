/** A network namespace with a cable that can be cut. Needs root and `ip`; where that is missing `layCable` answers why. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const FORWARD = fileURLToPath(new URL('forward.ts', import.meta.url))

export interface Cable {
  /** Put before a command, it runs in the namespace. */
  readonly inside: readonly string[]
  cut(): void
  mend(): void
  remove(): Promise<void>
}

const ip = (...args: string[]): void => void execFileSync('ip', args, { stdio: 'pipe' })

/** In the namespace, 127.0.0.1 at each of `ports` is this machine's 127.0.0.1 at the same port, by way of the cable. Or why that cannot be. */
export async function layCable(ports: readonly number[]): Promise<Cable | string> {
  const name = `bt${process.pid}`
  // A subnet of its own, so that two tests at once do not meet.
  const net = `10.${200 + (process.pid % 50)}.${Math.floor(process.pid / 50) % 250}`
  const forwarders: ChildProcess[] = []
  const forward = async (prefix: readonly string[], from: string, to: string, port: number): Promise<void> => {
    const [program = '', ...args] = [...prefix, process.execPath, FORWARD, from, `${port}`, to, `${port}`]
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    forwarders.push(child)
    if (child.stdout) await once(child.stdout, 'data')
  }
  const remove = async (): Promise<void> => {
    for (const child of forwarders) child.kill('SIGKILL')
    for (const args of [
      ['link', 'del', `${name}a`],
      ['netns', 'del', name],
    ]) {
      try {
        ip(...args)
      } catch {
        // It was not there.
      }
    }
  }
  const inside = ['ip', 'netns', 'exec', name]
  try {
    ip('netns', 'add', name)
    ip('link', 'add', `${name}a`, 'type', 'veth', 'peer', 'name', `${name}b`)
    ip('link', 'set', `${name}b`, 'netns', name)
    ip('addr', 'add', `${net}.1/24`, 'dev', `${name}a`)
    ip('link', 'set', `${name}a`, 'up')
    for (const args of [
      ['addr', 'add', `${net}.2/24`, 'dev', `${name}b`],
      ['link', 'set', `${name}b`, 'up'],
      ['link', 'set', 'lo', 'up'],
    ])
      ip('-n', name, ...args)
  } catch (error) {
    await remove()
    return `no network namespace can be made here (${error instanceof Error ? error.message.trim().split('\n').at(-1) : error})`
  }
  for (const port of ports) {
    await forward([], `${net}.1`, '127.0.0.1', port)
    await forward(inside, '127.0.0.1', `${net}.1`, port)
  }
  return { inside, cut: () => ip('link', 'set', `${name}a`, 'down'), mend: () => ip('link', 'set', `${name}a`, 'up'), remove }
}
