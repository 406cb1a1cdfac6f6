import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { address } from '../../actors/kernel/address.ts'
import { type Database, openDatabase } from '../../persistence/database.ts'
import { createConnector, parseDatabaseUrl } from '../../persistence/hosts.ts'
import { MIGRATIONS } from '../../persistence/migrations/index.ts'
import { openOrm } from '../../persistence/orm.ts'
import { VIEW_COLUMNS, VIEW_TABLES } from '../../persistence/view-tables.ts'
import { runSql, startProxy, startTestServer, urlOf } from '../support/database.ts'
import { shown } from '../support/hooks.ts'
import { persistenceContract } from '../unit/persistence-contract.ts'
import { append, event, instanceRow, node, rejectsWith } from '../unit/persistence-fixtures.ts'

const server = await startTestServer()

persistenceContract('postgres', async () => {
  const url = await server.fresh()
  const database = await openDatabase(url, { role: 'test' })
  return {
    ...database,
    elapse: ms => new Promise(resolve => setTimeout(resolve, ms)),
    // Nobody sets the clock of the machine: what the row remembers of it is moved the other way.
    async setClock(ms) {
      await runSql(url, 'update cluster_clock set seen_ms = seen_ms - $1, offset_ms = offset_ms + $1', [ms])
    },
  }
})

const test = suite('postgres database')

test.after(shown(() => server.close()))

/** The connections of the test's own database. */
const OURS = "pg_stat_activity where application_name = 'baton test' and datname = current_database()"

/** Opens a database, and closes it even when the test fails. */
async function using(url: string, body: (database: Database) => Promise<void>): Promise<void> {
  const database = await openDatabase(url, { role: 'test' })
  try {
    await body(database)
  } finally {
    await database.close()
  }
}

const joined = async (database: Database, name = 'a') => database.journal((await database.membership.join(node(name))).incarnation)

test('several migrators at once: one works, the others wait, all are content', async () => {
  const url = await server.fresh('empty')
  const databases = await Promise.all([1, 2, 3].map(() => openDatabase(url, { role: 'test' })))
  const applied = await Promise.all(databases.map(database => database.migrate()))
  assert.equal(
    applied.flat(),
    MIGRATIONS.map(m => m.name),
  )
  await Promise.all(databases.map(database => database.close()))
})

test('a database of a newer Baton is left alone', async () => {
  const url = await server.fresh()
  await runSql(url, "insert into schema_migration (name) values ('9999-from-the-future')")
  await using(url, async database => {
    const error = await rejectsWith('DataFolder', database.migrate())
    assert.match(error.message, '9999-from-the-future')
  })
})

test('entities, migrations and column lists agree', async () => {
  const url = await server.fresh()
  const orm = await openOrm(createConnector(parseDatabaseUrl(url), 'test'), 2)
  try {
    assert.is(await orm.schema.getUpdateSchemaSQL({ safe: true, dropTables: false }), '')
  } finally {
    await orm.close(true)
  }
  for (const table of VIEW_TABLES) {
    const stored = await runSql<{ name: string; type: string; nullable: boolean }>(
      url,
      `select column_name as name, data_type as type, is_nullable = 'YES' as nullable from information_schema.columns
        where table_name = $1 and column_name not in ('id', 'body') order by 1`,
      [table],
    )
    assert.equal(
      stored,
      VIEW_COLUMNS[table].map(({ name, type, nullable }) => ({ name, type, nullable })).sort((a, b) => (a.name < b.name ? -1 : 1)),
    )
  }
})

test('connections killed under load: nothing acknowledged is lost, nothing is written twice', async () => {
  const url = await server.fresh()
  await using(url, async database => {
    const journal = await joined(database)
    const lost: string[] = []
    let killed = 0
    let acknowledged = 0
    let writing = true
    const writer = async (w: number) => {
      for (let seq = 1; seq <= 200; seq++) {
        await journal.append(append(`w${w}`, [event(seq)], { row: instanceRow(`w${w}`, { updated_at: seq }) }))
        acknowledged++
      }
    }
    const killer = async () => {
      while (writing) {
        const before = acknowledged
        const rows = await runSql(url, `select pg_terminate_backend(pid) from ${OURS}`)
        killed += rows.length
        // Not again before something got through: the journal must be able to make progress.
        while (writing && acknowledged < before + 50) await new Promise(resolve => setImmediate(resolve))
      }
    }
    const writers = Promise.all(Array.from({ length: 20 }, (_, w) => writer(w)))
    const killing = killer()
    await writers.finally(() => {
      writing = false
    })
    await killing
    const loaded = await journal.load(Array.from({ length: 20 }, (_, w) => address('instance', `w${w}`)))
    for (const { actor, events } of loaded) {
      if (events.length !== 200 || events.some((e, i) => e.seq !== i + 1)) lost.push(actor.id)
    }
    assert.equal(lost, [])
    assert.ok(killed > 3, `only ${killed} connections were killed`)
    assert.ok(journal.stats().reconnects > 0)
    assert.is(journal.stats().refused, 0)
  })
})

for (const fail of ['request', 'answer'] as const) {
  test(`a batch whose ${fail} is lost on the way is written once`, async () => {
    const url = await server.fresh()
    const proxy = await startProxy(url)
    try {
      await using(proxy.url, async database => {
        const journal = await joined(database)
        await journal.append(append('x', [event(1)]))
        proxy.fail = fail
        await Promise.all([journal.append(append('x', [event(2)])), journal.append(append('y', [event(1)], { row: instanceRow('y') }))])
        assert.is(journal.stats().reconnects, 1)
        assert.is(journal.stats().refused, 0)
        const rows = await runSql<{ key: string; at: string }>(url, "select actor || ' ' || seq as key, xmin::text as at from event order by 1")
        assert.equal(
          rows.map(row => row.key),
          ['instance/x 1', 'instance/x 2', 'instance/y 1'],
        )
        assert.is(rows[1]?.at, rows[2]?.at, 'in one transaction')
      })
    } finally {
      await proxy.close()
    }
  })
}

test('what only the database can refuse is found by halving', async () => {
  await using(await server.fresh(), async database => {
    const journal = await joined(database)
    // Too long for the index, and random so that it cannot be compressed into it: nothing a check of ours would see.
    const long = Array.from({ length: 8000 }, (_, i) => String.fromCharCode(0x4e00 + ((i * 7919 + ((i * i) % 977)) % 20_000))).join('')
    const entries = Array.from({ length: 60 }, (_, i) =>
      append(`x${i}`, [event(1)], { row: instanceRow(`x${i}`, i === 37 ? { reservation: long } : {}) }),
    )
    const outcomes = await Promise.allSettled(entries.map(entry => journal.append(entry)))
    assert.equal(
      outcomes.flatMap((o, i) => (o.status === 'rejected' ? [i] : [])),
      [37],
    )
    assert.is(await database.views.count('instance', {}), 59)
    const guilty = await rejectsWith('JournalRefused', journal.append(append('y', [event(1)], { row: instanceRow('y', { reservation: long }) })))
    assert.is(guilty.details?.sqlState, '54000')
  })
})

test('a duplicate by another conductor says so', async () => {
  await using(await server.fresh(), async database => {
    const [one, two] = [await joined(database, 'a'), await joined(database, 'b')]
    await one.append(append('x', [event(1)]))
    const error = await rejectsWith('JournalRefused', two.append(append('x', [event(1, 'mine')])))
    assert.equal(error.details, { actor: 'instance/x', seq: 1, sqlState: '23505' })
  })
})

test('a fenced conductor has everything refused that waits, and keeps the server free of its locks', async () => {
  const url = await server.fresh()
  await using(url, async database => {
    const { incarnation: a } = await database.membership.join(node('a'))
    const { incarnation: b } = await database.membership.join(node('b'))
    const journal = database.journal(a)
    await journal.append(append('x', [event(1)]))
    await database.membership.declareDead(b, a, false)
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => journal.append(append(`late${i}`, [event(1)]))))
    assert.ok(outcomes.every(o => o.status === 'rejected' && o.reason.code === 'Fenced'))
    const [stored] = await runSql<{ n: number }>(url, 'select count(*)::int as n from event')
    assert.is(stored?.n, 1)
    const [open] = await runSql<{ n: number }>(url, "select count(*)::int as n from pg_stat_activity where state like 'idle in transaction%'")
    assert.is(open?.n, 0)
  })
})

test('over its bound the journal refuses, and forgets nothing it took', async () => {
  await using(await server.fresh(), async database => {
    const journal = await joined(database)
    const body = 'x'.repeat(400_000)
    const outcomes = await Promise.allSettled(Array.from({ length: 200 }, (_, i) => journal.append(append(`x${i}`, [event(1, body)]))))
    const refused = outcomes.filter(o => o.status === 'rejected')
    assert.ok(refused.length > 0 && refused.length < 200)
    assert.ok(refused.every(o => o.reason.code === 'Overloaded' && o.reason.retryAfterMs > 0))
    const loaded = await journal.load(outcomes.map((_, i) => address('instance', `x${i}`)))
    assert.equal(
      loaded.map(l => l.events.length),
      outcomes.map(o => (o.status === 'fulfilled' ? 1 : 0)),
    )
    assert.is(journal.stats().queueDepth, 0)
    assert.is(journal.stats().queueBytes, 0)
  })
})

test('a wrong password, an unknown database, a silent port: each says which and what to do, and never the password', async () => {
  const wrong = server.url.replace(/:[^:@/]+@/, ':not-the-password@')
  const cases: [string, RegExp][] = [
    [wrong, /check user baton and its password/],
    [urlOf(server.url, 'nowhere'), /create database nowhere/],
    ['postgres://baton:not-the-password@127.0.0.1:9/baton', /127\.0\.0\.1:9.*check that the server runs/],
  ]
  for (const [url, advice] of cases) {
    const error = await rejectsWith('Database', openDatabase(url, { role: 'test' }))
    assert.match(error.message, advice)
    assert.not.match(error.message, 'not-the-password')
  }
})

test('of several hosts the one that takes connections is found', async () => {
  const target = parseDatabaseUrl(await server.fresh())
  const socket = encodeURIComponent(target.hosts[0]?.host ?? '')
  await using(`postgres://baton:${target.password}@127.0.0.1:9,${socket}/${target.database}?target_session_attrs=read-write`, async database => {
    const journal = await joined(database)
    await journal.append(append('x', [event(1)], { row: instanceRow('x') }))
    assert.is(await database.views.count('instance', {}), 1)
    assert.is((await journal.load([address('instance', 'x')]))[0]?.events.length, 1)
  })
})

test('closing leaves no connection behind', async () => {
  const url = await server.fresh()
  await using(url, async database => {
    const journal = await joined(database)
    await journal.append(append('x', [event(1)]))
    await database.views.count('instance', {})
  })
  const count = async () => (await runSql<{ n: number }>(url, `select count(*)::int as n from ${OURS}`))[0]?.n
  // The server notices the end of a connection a moment after the client does.
  for (let i = 0; i < 100 && (await count()) !== 0; i++) await new Promise(resolve => setTimeout(resolve, 20))
  assert.is(await count(), 0)
})

test.run()
