/**
 * Real databases for tests: one embedded server in a temporary folder per test file, and per test a fresh database copied from a
 * migrated template, which takes some 30 ms.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { createConnection, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { openDatabase } from '../../persistence/database.ts'
import { type Embedded, removeEmbedded, startEmbedded } from '../../persistence/embedded.ts'

export interface TestServer {
  readonly url: string
  readonly pid: number
  readonly dataDir: string
  /** URL of a new database with the schema, or empty. */
  fresh(kind?: 'migrated' | 'empty'): Promise<string>
  /** Ends the server and removes everything. */
  close(): Promise<void>
}

export const temporaryFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'baton-test-'))

/** The same URL for another database of the server. */
export const urlOf = (url: string, database: string): string => url.replace(/@([^/]*)\/[^?]*/, `@$1/${database}`)

/** Runs one statement on a connection of its own. */
export async function runSql<R extends pg.QueryResultRow>(url: string, text: string, values: unknown[] = []): Promise<R[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<R>(text, values)).rows
  } finally {
    await client.end()
  }
}

export async function startTestServer(): Promise<TestServer> {
  const dataDir = await temporaryFolder()
  const server: Embedded = await startEmbedded({ dataDir })
  const template = await openDatabase(server.url, { role: 'template' })
  await template.migrate()
  await template.close()
  let databases = 0
  return {
    url: server.url,
    pid: server.pid,
    dataDir,
    async fresh(kind = 'migrated') {
      const name = `test_${++databases}`
      await runSql(urlOf(server.url, 'postgres'), `create database ${name} template ${kind === 'migrated' ? 'baton' : 'template0'}`)
      return urlOf(server.url, name)
    },
    async close() {
      await server.stop()
      await removeEmbedded(dataDir)
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

export interface DatabaseProxy {
  /** The database through the proxy. */
  readonly url: string
  /** What happens to the next data from the client: it passes, it is lost with its connection, or it arrives and the answer is lost. */
  fail: 'nothing' | 'request' | 'answer'
  close(): Promise<void>
}

/** A way to the server on which messages can be lost at a chosen point. */
export async function startProxy(url: string): Promise<DatabaseProxy> {
  const folder = await temporaryFolder()
  const socketOf = (dir: string) => join(dir, '.s.PGSQL.5432')
  const server = socketOf(decodeURIComponent(new URLSearchParams(url.split('?')[1]).get('host') ?? ''))
  const sockets = new Set<Socket>()
  const proxy: DatabaseProxy = {
    url: url.replace(/host=.*/, `host=${encodeURIComponent(folder)}`),
    fail: 'nothing',
    async close() {
      for (const socket of sockets) socket.destroy()
      listener.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
  const listener = createServer(client => {
    const upstream = createConnection(server)
    let losesAnswer = false
    const cut = () => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', cut).on('close', cut)
    }
    client.on('data', data => {
      const { fail } = proxy
      proxy.fail = 'nothing'
      if (fail === 'request') return cut()
      losesAnswer ||= fail === 'answer'
      upstream.write(data)
    })
    upstream.on('data', data => (losesAnswer ? cut() : client.write(data)))
  })
  await new Promise<void>(resolve => listener.listen(socketOf(folder), resolve))
  return proxy
}
