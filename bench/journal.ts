/**
 * Events per second through the journal, against the same events put into the same table by bare `pg`: the next batch as soon as
 * the last is committed, prepared, one `unnest` insert per batch, no fence, no actor row. Both run against one embedded server, in
 * turns, so that what else the machine does falls on both.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { address, shardOf } from '../actors/kernel/address.ts'
import type { Append } from '../actors/kernel/ports.ts'
import { openDatabase } from '../persistence/database.ts'
import { removeEmbedded, startEmbedded } from '../persistence/embedded.ts'
import { createConnector, parseDatabaseUrl } from '../persistence/hosts.ts'
import { JOURNAL_LIMITS } from '../persistence/journal.ts'
import type { BenchResult } from './result.ts'

const WRITERS = [1, 10, 100, 1000] as const
const ROUNDS = 3
const ROUND_MS = 1_000

/** What an operation typically records for one step. */
const DATA = { step: 'spawn', attempt: 1, host: 'host-07', spec: { vcpus: 1, ramMb: 512, diskGb: 1 }, note: 'the driver said "ok"' }
const DATA_TEXT = JSON.stringify(DATA)

const BARE_SQL = `insert into bare (actor, seq, type, version, data, at, incarnation)
select *, 1 from unnest($1::text[], $2::int[], $3::text[], $4::int[], $5::jsonb[], $6::bigint[])`

/** Runs `writers` loops for a round; answers with events per second. */
async function round(writers: number, write: (writer: number, seq: number) => Promise<void>, firstSeq: number[]): Promise<number> {
  const startedAt = performance.now()
  let written = 0
  const loop = async (writer: number) => {
    while (performance.now() - startedAt < ROUND_MS) {
      const seq = (firstSeq[writer] ?? 0) + 1
      firstSeq[writer] = seq
      await write(writer, seq)
      written++
    }
  }
  await Promise.all(Array.from({ length: writers }, (_, writer) => loop(writer)))
  return (written / (performance.now() - startedAt)) * 1000
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

export async function bench(): Promise<BenchResult[]> {
  const dataDir = await mkdtemp(join(tmpdir(), 'baton-bench-'))
  const server = await startEmbedded({ dataDir })
  try {
    const database = await openDatabase(server.url, { role: 'bench' })
    await database.migrate()
    const { incarnation } = await database.membership.join({
      nodeId: 'bench',
      endpoint: '',
      pid: process.pid,
      version: '0',
      host: '',
      machine: { boot: 'b', uptimeMs: 0 },
    })
    const journal = database.journal(incarnation)
    const connector = createConnector(parseDatabaseUrl(server.url), 'bare')
    const bare = new connector.Client()
    await bare.connect()
    await bare.query("create table bare (like event including all); set plan_cache_mode = 'force_generic_plan'")

    const results: BenchResult[] = []
    for (const writers of WRITERS) {
      const actor = (writer: number) => `operation/bench-${writers}-${writer}.1`
      const seqs = Array.from({ length: writers }, () => 0)
      const throughJournal = (writer: number, seq: number) => {
        const id = actor(writer).slice('operation/'.length)
        const entry: Append = {
          actor: address('operation', id),
          shard: shardOf(id),
          awake: true,
          finished: false,
          row: null,
          events: [{ seq, type: 'step-started', version: 1, data: DATA, at: 1_790_000_000_000 }],
        }
        return journal.append(entry)
      }
      const size = Math.min(writers, JOURNAL_LIMITS.batchAppends)
      let bareSeq = 0
      const bareBatch = async () => {
        bareSeq++
        const same = <T>(value: T) => Array.from({ length: size }, () => value)
        const values = [same('').map((_, w) => actor(w)), same(bareSeq), same('step-started'), same(1), same(DATA_TEXT), same(1_790_000_000_000)]
        await bare.query({ name: 'bare', text: BARE_SQL, values })
      }
      const ours: number[] = []
      const theirs: number[] = []
      for (let i = 0; i < ROUNDS; i++) {
        theirs.push((await round(1, bareBatch, [0])) * size)
        ours.push(await round(writers, throughJournal, seqs))
      }
      const value = Math.round(median(ours))
      const reference = Math.round(median(theirs))
      results.push({ name: `journal, ${writers} writer${writers === 1 ? '' : 's'}`, value, unit: 'events/s', reference, ratio: value / reference })
    }
    await bare.end()
    await database.close()
    return results
  } finally {
    await server.stop()
    await removeEmbedded(dataDir)
    await rm(dataDir, { recursive: true, force: true })
  }
}
