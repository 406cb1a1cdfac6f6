/** The service of the example: one SQLite database, what may be asked of it, and its backups. It knows the agent's library and no cluster. */
import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { backup as copy, DatabaseSync, type SQLInputValue } from 'node:sqlite'
import type { AgentBackups, AgentService } from '../../actors/guest/agent/agent.ts'
import type { Json } from '../../actors/kernel/define.ts'
import { dump, load, type Pages } from './pages.ts'

/** Rows of an answer; a line to the host holds some 60 kB. */
const ROWS_MAX = 500
const FROZEN_MAX_MS = 60_000

export interface DatabaseService extends AgentService {
  close(): void
}

/** `folder`: where the database is, and what is being put away or brought back. */
export async function openDatabase(folder: string): Promise<DatabaseService> {
  const file = join(folder, 'data.db')
  const away = join(folder, 'backups')
  const back = join(folder, 'restore')
  await mkdir(away, { recursive: true })
  let db = connect(file)
  let frozen = false
  let thaw: ReturnType<typeof setTimeout> | undefined

  const valuesIn = (args: Readonly<Record<string, Json>>): SQLInputValue[] =>
    Array.isArray(args.values) ? args.values.map(value => (typeof value === 'number' || value === null ? value : String(value))) : []

  function query(sql: string, values: SQLInputValue[]): Json {
    const rows = db.prepare(sql).all(...values)
    if (rows.length > ROWS_MAX) throw new Error(`${rows.length} rows are too many for one answer; add LIMIT ${ROWS_MAX}`)
    return { rows: JSON.parse(JSON.stringify(rows)) }
  }

  /** A digest of every row of every table: the same content has the same, wherever its pages are. */
  function digest(): Json {
    const hash = createHash('sha256')
    let rows = 0
    for (const { name } of db.prepare("select name from sqlite_schema where type = 'table' order by name").all()) {
      for (const row of db.prepare(`select * from "${String(name).replaceAll('"', '""')}"`).iterate()) {
        hash.update(`${name} ${JSON.stringify(row)}\n`)
        rows++
      }
    }
    return { rows, sha256: hash.digest('hex') }
  }

  const backups: AgentBackups = {
    kinds: ['full', 'incremental'],
    async make({ backup, kind, parent }) {
      const [bytes, copied] = [join(away, backup), join(away, `${backup}.copy`)]
      const before: Pages = kind === 'full' ? [] : JSON.parse(await readFile(join(away, `${parent}.pages`), 'utf8'))
      // SQLite's own way to copy a database that is in use: as it was at one moment, page by page.
      await copy(db, copied)
      const { pages, ...made } = await dump(copied, bytes, before)
      await rm(copied)
      await writeFile(join(away, `${backup}.pages`), JSON.stringify(pages))
      return { ...made, location: bytes, read: (offset, length) => readAt(bytes, offset, length), remove: () => rm(bytes, { force: true }) }
    },
    async receive(part, offset, bytes) {
      if (part === 0 && offset === 0) await rm(back, { recursive: true, force: true })
      await mkdir(back, { recursive: true })
      const to = await open(join(back, String(part)), offset === 0 ? 'w' : 'r+')
      await to.write(bytes, 0, bytes.length, offset)
      await to.close()
    },
    async apply(parts) {
      const fresh = join(folder, 'fresh.db')
      const received = Array.from({ length: parts }, (_, part) => join(back, String(part)))
      await load(received, fresh)
      check(fresh)
      db.close()
      try {
        await rename(fresh, file)
      } finally {
        db = connect(file)
      }
      await rm(back, { recursive: true, force: true })
    },
  }

  return {
    name: 'sqlite',
    backups,
    methods: {
      query: { about: 'rows of a statement: {"sql": "…", "values": […]}', run: async args => query(String(args.sql), valuesIn(args)) },
      execute: {
        about: 'a statement that changes something: {"sql": "…", "values": […]}',
        async run(args) {
          if (frozen) throw new Error('the database is frozen; thaw it first')
          return { changes: Number(db.prepare(String(args.sql)).run(...valuesIn(args)).changes) }
        },
      },
      digest: { about: 'a digest of all rows', run: async () => digest() },
      freeze: { about: 'no more changes; those so far are on disk', run: async () => set(true) },
      thaw: { about: 'changes again', run: async () => set(false) },
    },
    close: () => db.close(),
  }

  function set(to: boolean): Json {
    frozen = to
    clearTimeout(thaw)
    // Whoever was to thaw it may be gone.
    if (to) thaw = setTimeout(() => set(false), FROZEN_MAX_MS).unref()
    return { frozen }
  }
}

function connect(file: string): DatabaseSync {
  const db = new DatabaseSync(file)
  db.exec('pragma journal_mode = delete; pragma synchronous = full')
  return db
}

/** Throws unless it is a database without a flaw. */
function check(file: string): void {
  const db = new DatabaseSync(file, { readOnly: true })
  const [found] = db.prepare('pragma integrity_check').all()
  db.close()
  if (found?.integrity_check !== 'ok') throw new Error(`what was restored is no whole database: ${String(found?.integrity_check)}`)
}

async function readAt(path: string, offset: number, length: number): Promise<Uint8Array> {
  const from = await open(path, 'r')
  const { buffer, bytesRead } = await from.read(Buffer.alloc(length), 0, length, offset)
  await from.close()
  return buffer.subarray(0, bytesRead)
}
