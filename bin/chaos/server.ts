/** One PostgreSQL of the stage: started again whenever it ends unasked, on a disk of its own where that is possible. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Embedded, startEmbedded } from '../../persistence/embedded.ts'
import { parseDatabaseUrl } from '../../persistence/hosts.ts'
import { dataDirectoryOf } from '../../persistence/standby.ts'
import { type Disk, mountDisk } from './disk.ts'

const RESTART_MS = 300

export interface Server {
  /** Baton's data folder for it. */
  readonly folder: string
  /** Of the last start; empty before the first. */
  url(): string
  /** Where it listens. */
  socket(): string
  /** Of its main process; 0 while it does not run. */
  pid(): number
  /** Resolves when it is ready for the first time; from then on it is kept running. */
  start(): Promise<void>
  /** In order; it stays down until it is started. */
  stop(): Promise<void>
  /** kill -9, and it stays down until it is started. */
  kill(): void
  /** Its disk, if it has one of its own and its data is really there. */
  disk(): Promise<Disk | null>
  close(): Promise<void>
}

export async function createServer(folder: string, say: (line: string) => void): Promise<Server> {
  await mkdir(folder, { mode: 0o711 })
  const disk = await mountDisk(folder)
  let server: Embedded | null = null
  let url = ''
  let wanted = false
  let starting: Promise<void> | null = null

  async function start(): Promise<void> {
    const started = await startEmbedded({
      dataDir: folder,
      onExit: () => {
        server = null
        again()
      },
    })
    server = started
    url = started.url
  }

  function again(): void {
    setTimeout(() => {
      if (!wanted || server) return
      starting = start()
        .catch(error => {
          say(`database: ${error instanceof Error ? error.message : error}`)
          again()
        })
        .finally(() => {
          starting = null
        })
    }, RESTART_MS)
  }

  async function stop(): Promise<void> {
    wanted = false
    await starting
    await server?.stop()
    server = null
  }

  return {
    folder,
    url: () => url,
    socket: () => join(url === '' ? folder : (parseDatabaseUrl(url).hosts[0]?.host ?? ''), '.s.PGSQL.5432'),
    pid: () => server?.pid ?? 0,
    async start() {
      wanted = true
      await start()
    },
    stop,
    kill() {
      wanted = false
      if (server) process.kill(server.pid, 'SIGKILL')
    },
    async disk() {
      return disk && (await dataDirectoryOf(url)).startsWith(`${folder}/`) ? disk : null
    },
    async close() {
      await stop()
      await disk?.unmount()
    },
  }
}
