/**
 * The database of the stage: one PostgreSQL that takes writes and a place for a second, each behind a front of its own; the cluster's
 * URL names both. The second is made for a fail-over only, as a synchronous standby, and takes the place of the first; this then stays
 * away, until the next fail-over makes it the standby.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseDatabaseUrl } from '../../persistence/hosts.ts'
import { isSynchronous, makeStandby, promote, setSynchronous } from '../../persistence/standby.ts'
import { createFront, type Front } from './front.ts'
import { createServer, type Server } from './server.ts'

const LOOK_MS = 50
/** For a server to be ready again, or a standby to follow. */
const READY_MS = 60_000

export interface StageDatabase {
  /** For the nodes; names both servers. */
  readonly url: string
  /** Ports of the fronts, as the switch sees them. */
  readonly ports: readonly number[]
  readonly front: Pick<Front, 'setAway' | 'setDelay'>
  /**
   * Takes the server that writes for one fault, which others of its kind must not meddle with; null while it is taken or does not run.
   * Each of the things that are done to it resolves when it is done; the server is given back with `release`.
   */
  take(): Taken | null
}

export interface Taken {
  kill(): void
  stop(): Promise<void>
  start(): Promise<void>
  /** It runs again after it was killed, or has ended because its disk was full. */
  back(): Promise<void>
  /** The other server follows it, and holds all that is acknowledged. */
  makeStandby(): Promise<void>
  /** It is killed for good. */
  killForGood(): void
  /** The standby takes its place. */
  promote(): Promise<void>
  /** Fills its disk; the answer frees it. Null when it has none of its own. */
  fill(): Promise<(() => Promise<void>) | null>
  release(): void
}

export async function keepDatabase(
  folder: string,
  address: string,
  say: (line: string) => void,
): Promise<StageDatabase & { close(): Promise<void> }> {
  const servers = await Promise.all(['first', 'second'].map(name => createServer(join(folder, name), say)))
  const [first, second] = servers
  if (!first || !second) throw new Error('there are two servers')
  const close = async (): Promise<void> => {
    await Promise.all(fronts.map(f => f.close()))
    await Promise.all(servers.map(s => s.close()))
  }
  const fronts: Front[] = []
  try {
    await first.start()
    for (const server of servers) fronts.push(await createFront(address, server.socket))
  } catch (error) {
    await close()
    throw error
  }
  const { user, password, database } = parseDatabaseUrl(first.url())
  const ports = fronts.map(f => f.port)
  const each = (act: (front: Front) => void): void => {
    for (const front of fronts) act(front)
  }
  let current: Server = first
  let taken = false

  return {
    url: `postgres://${user}:${password}@${ports.map(port => `${address}:${port}`).join(',')}/${database}`,
    ports,
    front: { setAway: away => each(f => f.setAway(away)), setDelay: ms => each(f => f.setDelay(ms)) },
    take() {
      if (taken || current.pid() === 0) return null
      taken = true
      const server = current
      const pid = server.pid()
      const other = server === first ? second : first
      return {
        kill: () => void process.kill(pid, 'SIGKILL'),
        stop: server.stop,
        start: server.start,
        back: () => until('the database', async () => server.pid() !== 0 && server.pid() !== pid),
        async makeStandby() {
          await other.stop()
          await makeStandby(server.url(), server.folder, other.folder)
          await other.start()
          await setSynchronous(server.url(), true)
          await until('the standby', () => isSynchronous(server.url()))
        },
        killForGood: server.kill,
        async promote() {
          await promote(other.url())
          current = other
        },
        async fill() {
          const disk = await server.disk()
          await disk?.fill()
          return disk?.free ?? null
        },
        release() {
          taken = false
        },
      }
    },
    close,
  }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + READY_MS
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`${what} was not ready within ${READY_MS / 1000} s`)
    await delay(LOOK_MS)
  }
}
