/**
 * What a quiet cluster costs, and what ten thousand idle instances add: memory by node, and the take-over of a conductor that
 * owned a third of them. Memory is the proportional set size (shared pages divided among those who share them), from the kernel.
 */
import { readFile } from 'node:fs/promises'
import { FAKE_IMAGE, SERVERS, startCluster, type TestCluster, until } from '../test/support/cluster.ts'
import { descendantsOf, kill } from '../test/support/kill.ts'
import { type BenchResult, result } from './result.ts'

const INSTANCES = 10_000
const PER_REQUEST = 500

async function pssMb(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '')
  return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1024
}

async function memory(cluster: TestCluster): Promise<{ conductors: number; all: number }> {
  const conductors = await Promise.all(cluster.processes('conductor').map(p => pssMb(p.pid)))
  const all = await Promise.all([cluster.up.pid, ...descendantsOf(cluster.up.pid).map(p => p.pid)].map(pssMb))
  const sum = (values: number[]) => values.reduce((a, b) => a + b, 0)
  return { conductors: sum(conductors), all: sum(all) }
}

async function fill(cluster: TestCluster): Promise<void> {
  for (let made = 0; made < INSTANCES; made += PER_REQUEST) {
    const server = { name: `idle-${made}`, flavorRef: 'tiny', imageRef: FAKE_IMAGE, networks: 'none', min_count: PER_REQUEST, max_count: PER_REQUEST }
    const answer = await cluster.request('POST', SERVERS, { server })
    if (answer.status !== 202) throw new Error(`a create of ${PER_REQUEST} was answered ${answer.status}: ${answer.text}`)
    await until('the builds to end', 120_000, async () => (await cluster.request('GET', '/baton/v1/status')).body.status.operationsOpen < PER_REQUEST)
  }
  await until(
    'all instances ACTIVE',
    120_000,
    async () => (await cluster.request('GET', '/baton/v1/status')).body.status.instances.active === INSTANCES,
  )
}

/** Ms from kill -9 to the shards' being served again, by the log line of whoever took them. */
async function takeOver(cluster: TestCluster): Promise<number> {
  const [victim] = cluster.processes('conductor')
  if (!victim) throw new Error('no conductor runs')
  const killedAt = Date.now()
  kill(victim.pid)
  return until('a take-over', 30_000, async () => {
    const logs = await Promise.all(
      cluster
        .processes('conductor')
        .filter(p => p.id !== victim.id)
        .map(p => cluster.log(p.id)),
    )
    const lines = logs.flat().filter(l => l.msg === 'took over shards' && Date.parse(l.time) > killedAt)
    return lines.length > 0 && Math.max(...lines.map(l => Date.parse(l.time))) - killedAt
  })
}

export async function bench(): Promise<BenchResult[]> {
  const cluster = await startCluster({ env: { BATON_ACTORS_IDLE_MS: '5000' } })
  try {
    const empty = await memory(cluster)
    await fill(cluster)
    await until('idle actors to leave memory', 60_000, async () => {
      const nodes = (await cluster.nodes()).filter(n => n.role === 'conductor')
      return nodes.every(n => (n.load.actors ?? Infinity) < 100)
    })
    const full = await memory(cluster)
    return [
      result('idle memory, 3 conductors, 4 computes, gateway, database', empty.all, 'MB'),
      result('conductors with 10,000 idle instances, reference empty', full.conductors, 'MB', empty.conductors),
      result('everything with 10,000 idle instances, reference empty', full.all, 'MB', empty.all),
      result('take-over with 10,000 idle instances', await takeOver(cluster), 'ms', 1500),
    ]
  } finally {
    await cluster.stop()
  }
}
