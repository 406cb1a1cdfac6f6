/**
 * An agent outside of guests as a program: its service, the contract of `actors/guest/agent/agent.ts`, and the way to whichever gateway answers.
 *
 *     const agent = runAgent(await readKeyFile('worker.key'), { program: 'worker/1', service })
 *     agent.status('ACTIVE')
 */
import { randomUUID } from 'node:crypto'
import { type Agent, type AgentService, createAgent } from '../../actors/guest/agent/agent.ts'
import { createDialler, type DiallerState } from '../../transport/agents/dialler.ts'
import type { KeyFile } from '../../transport/agents/key-file.ts'
import { createZeromqLink } from '../../transport/zeromq-link.ts'

export interface RunOptions {
  /** Name and version of the program. */
  readonly program: string
  readonly service: AgentService
  /** Which gateway lets it in, or why none does. */
  onState?(state: DiallerState): void
}

export interface RunningAgent extends Pick<Agent, 'status'> {
  /** Says no more, and leaves. */
  stop(): Promise<void>
}

function setTimer(delayMs: number, fn: () => void) {
  const timer = setTimeout(fn, delayMs)
  return { cancel: () => clearTimeout(timer) }
}

export function runAgent(file: KeyFile, { program, service, onState }: RunOptions): RunningAgent {
  const { agent: id, endpoints, serverKey } = file
  const link = createZeromqLink({ identity: id, dials: { keys: file, serverKey } })
  const agent = createAgent({ instance: id, boot: randomUUID(), program, service, setTimer, send: line => dialler.send(line) })
  const dialler = createDialler({
    ...{ env: { setTimer, random: Math.random }, link, endpoints, agent: id, keys: file, serverKey },
    onLine: line => agent.take(Buffer.from(`${line}\n`)),
    ...(onState ? { onState } : {}),
  })
  return {
    status: agent.status,
    async stop() {
      agent.stop()
      dialler.stop()
      await link.close()
    },
  }
}
