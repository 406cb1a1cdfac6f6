/** The console through the worst: `kill -9` of a conductor and of the gateway while instances are built; a client sees the truth, once. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ConnectionState, type ConsoleClient, connectConsole } from '../../transport/console-client/client.ts'
import { ask, until, withCluster } from '../support/cluster.ts'
import { active, create } from '../support/history.ts'
import { kill } from '../support/kill.ts'

const test = suite('console')

interface Seen {
  readonly id: string
  readonly rev?: number
}

/** Keeps what a client is shown, and every word that is older than, or the same as, one before. */
function witness(client: ConsoleClient, topic: 'instances' | 'operations' | 'hosts') {
  const shown = new Map<string, Seen>()
  const wrong: string[] = []
  client.watch(
    topic,
    {},
    {
      onChange({ rows, set, gone }) {
        for (const row of set) {
          const before = shown.get(row.id)
          if (before && (row.rev ?? 0) <= (before.rev ?? 0)) wrong.push(`${topic} ${row.id}: ${row.rev} after ${before.rev}`)
          shown.set(row.id, row)
        }
        for (const id of gone) shown.delete(id)
        if (rows.size !== shown.size) wrong.push(`${topic}: ${rows.size} rows, and ${shown.size} were shown`)
      },
      onError: fault => wrong.push(`${topic}: ${fault.message}`),
    },
  )
  return { shown, wrong }
}

const list = (rows: Iterable<Seen>): string[] => [...rows].map(row => `${row.id} ${row.rev}`).toSorted()

test('kill -9 of a conductor and of the gateway: no gap, no double, and in the end what the cluster says', () =>
  withCluster({ args: ['--conductors', '2', '--computes', '2'] }, async cluster => {
    const states: ConnectionState['state'][] = []
    const client = connectConsole({
      url: `${cluster.endpoint.replace('http', 'ws')}/console`,
      maxPauseMs: 1000,
      onState: ({ state }) => states.push(state),
    })
    try {
      const instances = witness(client, 'instances')
      const operations = witness(client, 'operations')
      const hosts = witness(client, 'hosts')
      await until('the first snapshots', 10_000, () => hosts.shown.size === 2)
      const made: Promise<string>[] = []
      const some = (count: number): void => {
        for (let i = 0; i < count; i++) made.push(create(cluster, `vm-${made.length}`))
      }
      some(6)
      await until('changes on their way', 10_000, () => operations.shown.size > 0)
      const [victim] = cluster.processes('conductor')
      kill(victim?.pid ?? 0)
      some(4)
      await Promise.all(made)
      const [gateway] = cluster.processes('gateway')
      kill(gateway?.pid ?? 0)
      some(4)
      const ids = await Promise.all(made)
      await Promise.all(ids.map(id => active(cluster, id)))
      const truth = async (): Promise<string[][]> => {
        const { body } = await ask(`${cluster.endpoint}/baton/v1/operations?limit=1000`)
        return [list(body.operations), list(await cluster.hosts())]
      }
      await until('client and cluster to agree', 20_000, async () => {
        const before = await truth()
        assert.equal([list(operations.shown.values()), list(hosts.shown.values())], before)
        return true
      })
      assert.equal([...instances.shown.keys()].toSorted(), ids.toSorted())
      assert.equal([...instances.wrong, ...operations.wrong, ...hosts.wrong], [])
      assert.ok(states.includes('waiting') && states.at(-1) === 'live', `${states}`)

      const plain = await ask(`${cluster.endpoint}/console`)
      assert.is(plain.status, 426, 'a browser that comes without a WebSocket is told so')
    } finally {
      client.close()
    }
  }))

test.run()
