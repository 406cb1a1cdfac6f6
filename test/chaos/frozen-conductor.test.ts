/**
 * A conductor that stands still (a paused virtual machine, a swapping host) is the hardest case of all: it is declared dead, and then it
 * comes back and believes that nothing has happened. Whatever it then tries to write must be refused by the database itself.
 * It needs quiet: nobody else may be taken for silent meanwhile.
 */
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type LogLine, until, withCluster } from '../support/cluster.ts'
import { runSql } from '../support/database.ts'
import { assertOneStory, buildWhile } from '../support/history.ts'
import { signal } from '../support/kill.ts'

const test = suite('a frozen conductor')

const FROZEN_MS = 20_000
const TAKEN_MS = 10_000
const BACK_MS = 20_000
const AT_ONCE = 30
/** Builds under way when it freezes: their answers wait for it in its sockets, and make it write as soon as it goes on. */
const SPAWN_MS = 500

interface Life {
  readonly incarnation: number
  readonly state: string
}

const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0)

test(`SIGSTOP for ${FROZEN_MS / 1000} s under load: its shards are taken, it writes nothing more, and it joins again`, () =>
  withCluster({ env: { BATON_DRIVER_FAKE_LATENCY_MS: String(SPAWN_MS) } }, async cluster => {
    const url = cluster.databaseUrl()
    // Who has just joined has not yet said what it is busy with, and where its metrics are.
    const conductors = await until('conductors that say their load', 20_000, async () => {
      const all = (await cluster.nodes()).filter(n => n.role === 'conductor')
      return all.length > 0 && all.every(n => n.load.metricsPort) && all
    })
    const [victim] = conductors
    if (!victim) throw new Error('no conductor runs')
    const [life] = await livesOf(url, victim.id)
    const incarnation = life?.incarnation ?? 0
    const metrics = `http://127.0.0.1:${victim.load.metricsPort}/metrics`
    let goesOn = true
    const load = buildWhile(cluster, 'load', AT_ONCE, () => goesOn)
    load.catch(() => {})
    try {
      await until('the victim at work', 20_000, async () => (await eventsOf(url, incarnation)) > 20)

      const frozenAt = performance.now()
      signal(victim.pid, 'SIGSTOP')
      await until('the verdict', TAKEN_MS, async () => (await livesOf(url, victim.id)).some(l => l.incarnation === incarnation && l.state === 'dead'))
      const verdictMs = performance.now() - frozenAt
      const written = await eventsOf(url, incarnation)
      const others = await until('its shards served by others', TAKEN_MS, async () => {
        const nodes = (await cluster.nodes()).filter(n => n.role === 'conductor' && n.id !== victim.id)
        return sum(nodes.map(n => n.shards)) === 256 && nodes
      })
      const takenMs = performance.now() - frozenAt
      const takeOvers = (await Promise.all(others.map(n => cluster.log(n.id)))).flat().filter(l => l.msg === 'took over shards')
      assert.ok(takeOvers.length > 0, 'those who took them say so')
      assert.is(await fencedTotal(others.map(n => Number(n.load.metricsPort))), 0, 'nobody else was fenced')

      await until('the end of the freeze', FROZEN_MS, () => performance.now() - frozenAt >= FROZEN_MS)
      assert.ok((await eventsOf(url, incarnation)) === written, 'nothing was written while it stood still')
      const refused = await heldUp(url, async () => {
        signal(victim.pid, 'SIGCONT')
        return until('the refused write', BACK_MS, async () => (await cluster.log(victim.id)).find(isRefusal))
      })
      await until('the new incarnation', BACK_MS, async () =>
        (await livesOf(url, victim.id)).some(l => l.incarnation > incarnation && l.state === 'alive'),
      )
      await cluster.whole()
      const counted = await until('the metric', BACK_MS, async () => /^baton_journal_fenced_total\b.* ([1-9]\d*)$/m.exec(await textOf(metrics))?.[1])
      assert.is(victim.pid, (await cluster.nodes()).find(n => n.id === victim.id)?.pid, 'the process lived through it')

      goesOn = false
      const ids = await load
      assert.is(await eventsOf(url, incarnation), written, 'the old incarnation wrote nothing after the verdict')
      await assertOneStory(cluster, ids)
      console.log(
        `dead after ${verdictMs.toFixed(0)} ms, shards served after ${takenMs.toFixed(0)} ms; ` +
          `${written} events by incarnation ${incarnation} before and after; ` +
          `${ids.length} built; refused by the fence at ${refused.time}: ${refused.appends} appends; baton_journal_fenced_total ${counted}`,
      )
    } finally {
      goesOn = false
      signal(victim.pid, 'SIGCONT')
    }
  }))

const isRefusal = ({ msg }: LogLine): boolean => msg.startsWith('refused by the fence')

/**
 * Nobody learns who is a member while `body` runs, as if the server were slow with just that: a conductor that goes on acts on
 * what it believed before, and nothing but the fence stands between it and the data.
 */
async function heldUp<T>(url: string, body: () => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('begin')
    await client.query('lock table shard_map in access exclusive mode')
    return await body()
  } finally {
    await client.end()
  }
}

async function livesOf(url: string, node: string): Promise<Life[]> {
  const rows = await runSql<{ incarnation: string; state: string }>(url, 'select incarnation, state from conductor where node_id = $1 order by 1', [
    node,
  ])
  return rows.map(({ incarnation, state }) => ({ incarnation: Number(incarnation), state }))
}

async function eventsOf(url: string, incarnation: number): Promise<number> {
  const [row] = await runSql<{ n: number }>(url, 'select count(*)::int as n from event where incarnation = $1', [incarnation])
  return row?.n ?? 0
}

const textOf = async (url: string): Promise<string> => (await fetch(url)).text()

async function fencedTotal(ports: readonly number[]): Promise<number> {
  const texts = await Promise.all(ports.map(port => textOf(`http://127.0.0.1:${port}/metrics`)))
  return sum(texts.map(text => Number(/^baton_journal_fenced_total\b.* (\d+)$/m.exec(text)?.[1] ?? Number.NaN)))
}

test.run()
