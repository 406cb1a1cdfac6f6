/**
 * A gateway's end of remote consoles. It asks the host for what comes next, by whichever conductor answers, one question at a time and only
 * while its client has room; and hands on what is typed, one piece after the other. Every question says from which byte on, so one that is
 * asked again, after a conductor has died, changes nothing.
 */
import { type ConsoleOpened, type ConsoleRead, type ConsoleWritten, REMOTE_CONSOLE_LIMITS } from '../actors/hypervisor/remote-consoles.ts'
import type { Env } from '../actors/kernel/env.ts'
import { BatonError, toFault } from '../actors/kernel/errors.ts'
import type { RemoteConsoles } from '../transport/remote-console/console.ts'
import { partsOf } from '../transport/remote-console/token.ts'

/** A host answers a question after so long at the latest, ms. */
const WAIT_MS = 5_000
/** A question may be on its way for so long: longer than a take-over, ms. */
const ANSWER_MS = 20_000
const OPEN_MS = 8_000
/** A session whose client takes nothing is asked about so often, or its host would take it for over, ms. */
const ALIVE_MS = 10_000

/** Calls `remote-console/<host>`. */
export type HostCall = (host: string, method: string, args: object, timeoutMs: number) => Promise<unknown>

export function createRemoteConsoles(env: Pick<Env, 'uuid' | 'setTimer'>, call: HostCall): RemoteConsoles {
  return {
    async open(token, on) {
      const parts = partsOf(token)
      if (!parts) throw new BatonError('NotFound', 'this is no console token')
      const { host, ticket } = parts
      const session = env.uuid()
      const opened = (await call(host, 'consoleOpen', { ticket, session }, OPEN_MS)) as ConsoleOpened
      let isOver = false
      let isWriter: boolean | null = null
      let unsent: Uint8Array[] = []
      let unsentBytes = 0
      let isSending = false

      function leave(): void {
        isOver = true
        // Lost, the host sees that nobody asks any more.
        call(host, 'consoleClose', { session }, OPEN_MS).catch(() => {})
      }

      function end(why: string): void {
        if (isOver) return
        leave()
        on.end(why)
      }

      const failed = (error: unknown): void => {
        const { code, message } = toFault(error)
        end(
          code === 'NotFound'
            ? 'the session is over: the agent of its host was started again, or heard nothing for too long'
            : `its host does not answer: ${message}`,
        )
      }

      /** Resolves when the client has room. */
      async function room(from: number): Promise<void> {
        const ready = on.room().then(() => true)
        for (;;) {
          const late = Promise.withResolvers<boolean>()
          const timer = env.setTimer(ALIVE_MS, () => late.resolve(false))
          const hasRoom = await Promise.race([ready, late.promise])
          timer.cancel()
          if (hasRoom || isOver) return
          await call(host, 'consoleRead', { session, from, maxBytes: 0, waitMs: 0 }, ANSWER_MS)
        }
      }

      async function readOn(): Promise<void> {
        for (let from = opened.from; ; ) {
          await room(from)
          if (isOver) return
          const { at, bytes, writer, ended } = (await call(host, 'consoleRead', { session, from, waitMs: WAIT_MS }, ANSWER_MS)) as ConsoleRead
          if (isOver) return
          if (at > from) on.missed(at - from)
          if (bytes.length > 0) on.bytes(bytes)
          from = at + bytes.length
          if (writer !== isWriter) on.writer(writer)
          isWriter = writer
          if (ended !== null) return end(ended)
        }
      }

      let written = 0
      async function sendOn(): Promise<void> {
        isSending = true
        while (unsent.length > 0 && !isOver) {
          const all = Buffer.concat(unsent)
          const bytes = all.subarray(0, REMOTE_CONSOLE_LIMITS.writeBytes)
          const { upto } = (await call(host, 'consoleWrite', { session, at: written, bytes, waitMs: WAIT_MS }, ANSWER_MS)) as ConsoleWritten
          const rest = Buffer.concat(unsent).subarray(upto - written)
          written = upto
          unsent = rest.length > 0 ? [rest] : []
          unsentBytes = rest.length
        }
        isSending = false
      }

      readOn().catch(failed)
      return {
        opened,
        write(bytes) {
          if (isOver || bytes.length === 0) return
          unsent.push(bytes)
          unsentBytes += bytes.length
          if (!isSending) sendOn().catch(failed)
        },
        unsent: () => unsentBytes,
        take() {
          // Whether it was given is told with what is read.
          call(host, 'consoleTake', { session }, OPEN_MS).catch(() => {})
        },
        close() {
          if (!isOver) leave()
        },
      }
    },
  }
}
