/** What every implementation of Journal, Membership and Views must do. Run on memory and on PostgreSQL. */

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { address, SHARD_COUNT } from '../../actors/kernel/address.ts'
import type { ViewRow } from '../../actors/kernel/define.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Incarnation, Journal, Membership, Views } from '../../actors/kernel/ports.ts'
import { clockContract } from './clock-contract.ts'
import { orderContract } from './order-contract.ts'
import { append, event, instanceRow, node, rejectsWith } from './persistence-fixtures.ts'

export interface Subject {
  journal(incarnation: Incarnation): Journal
  readonly membership: Membership
  readonly views: Views
  trim(finishedForMs: number): Promise<{ actors: number; events: number }>
  /** Sets the database's clock forth, or back, by so much. */
  setClock(byMs: number): Promise<void>
  /** Lets cluster time pass. */
  elapse(ms: number): Promise<void>
  close(): Promise<void>
}

/** Runs `body` on a database of its own, which one conductor has joined. */
export type ContractTest = (title: string, body: (subject: Subject, me: Incarnation, journal: Journal) => Promise<void>) => void

/** Long enough that a slow machine renews in time, short enough to wait for. */
const LEASE_MS = 1500
const RENEW_MS = 300

export function persistenceContract(name: string, open: () => Promise<Subject>): void {
  const contract = suite(name)

  const test: ContractTest = (title, body) =>
    contract(title, async () => {
      const subject = await open()
      try {
        const { incarnation } = await subject.membership.join(node('a'))
        await body(subject, incarnation, subject.journal(incarnation))
      } finally {
        await subject.close()
      }
    })

  const load = async (journal: Journal, id: string) => {
    const [loaded] = await journal.load([address('instance', id)])
    if (!loaded) throw new Error('load answered nothing')
    return loaded
  }

  test('events come back as they were, in order, and actors in the order asked', async (_, __, journal) => {
    const data = { text: 'a "quoted" \\u0000 back\\slash é 🎻\n', list: [1, 2.5, -0.001, null, true], deep: { a: { b: [] } } }
    await journal.append(append('x', [event(1, data), event(2)]))
    await journal.append(append('x', [event(3, null)]))
    await journal.append(append('y', [event(1, 'plain'), event(2, null)], { snapshot: null }))
    const found = await journal.load([address('instance', 'never'), address('instance', 'y'), address('instance', 'x')])
    assert.equal(found, [
      { actor: address('instance', 'never'), snapshot: null, events: [] },
      { actor: address('instance', 'y'), snapshot: { seq: 2, version: 1, state: null }, events: [] },
      { actor: address('instance', 'x'), snapshot: null, events: [event(1, data), event(2), event(3, null)] },
    ])
    assert.equal(await journal.load([]), [])
  })

  test('a snapshot replaces the events before it, and the newest one counts', async (_, __, journal) => {
    await journal.append(append('x', [event(1), event(2)], { snapshot: { upTo: 2 } }))
    await journal.append(append('x', [event(3)]))
    assert.equal(await load(journal, 'x'), {
      actor: address('instance', 'x'),
      snapshot: { seq: 2, version: 1, state: { upTo: 2 } },
      events: [event(3)],
    })
    await journal.append(append('x', [event(4)], { snapshot: { upTo: 4 } }))
    assert.equal(await load(journal, 'x'), { actor: address('instance', 'x'), snapshot: { seq: 4, version: 1, state: { upTo: 4 } }, events: [] })
  })

  test('awake tells the actors of the given shards that have work', async (_, __, journal) => {
    await Promise.all([
      journal.append(append('x', [event(1)], { shard: 7, awake: true })),
      journal.append(append('y', [event(1)], { shard: 8, awake: true })),
      journal.append(append('z', [event(1)], { shard: 7, awake: false })),
    ])
    assert.equal(await journal.awake([7]), [address('instance', 'x')])
    assert.is((await journal.awake([7, 8])).length, 2)
    await journal.append(append('x', [event(2)], { shard: 7, awake: false }))
    assert.equal(await journal.awake([7]), [])
    assert.equal(await journal.awake([]), [])
  })

  test('the view row is written with the events, and replaced as a whole', async (subject, _, journal) => {
    const first = instanceRow('x', { host: 'h1', task_state: 'spawning' })
    await journal.append(append('x', [event(1)], { row: first }))
    assert.equal(await subject.views.get('instance', 'x'), first)
    const second = instanceRow('x', { updated_at: 2, deleted: true })
    await journal.append(append('x', [event(2)], { row: second }))
    assert.equal(await subject.views.get('instance', 'x'), second)
    assert.is(await subject.views.get('instance', 'y'), null)
    assert.is(await subject.views.get('operation', 'x'), null)
  })

  test('several appends of one actor at once all count, and the last row wins', async (subject, _, journal) => {
    await Promise.all(
      [1, 2, 3].map(seq => journal.append(append('x', [event(seq)], { row: instanceRow('x', { updated_at: seq }), snapshot: { seq } }))),
    )
    assert.is((await subject.views.get('instance', 'x'))?.columns.updated_at, 3)
    const loaded = await load(journal, 'x')
    assert.equal(loaded.snapshot, { seq: 3, version: 1, state: { seq: 3 } })
    await journal.append(append('x', [event(4)]))
    assert.equal((await load(journal, 'x')).events, [event(4)])
  })

  test('a conductor asks whether it is a member, alone and beside what it writes, until it is not', async (subject, me, journal) => {
    await journal.confirm()
    await Promise.all([journal.confirm(), journal.append(append('x', [event(1)])), journal.confirm()])
    const { incarnation: other } = await subject.membership.join(node('b'))
    await subject.membership.declareDead(other, me, false)
    await rejectsWith('Fenced', journal.confirm())
    await rejectsWith('Fenced', journal.confirm())
  })

  test('after its conductor is declared dead nothing is written, whatever it believes', async (subject, me, journal) => {
    await journal.append(append('x', [event(1)], { row: instanceRow('x') }))
    const other = await subject.membership.join(node('b'))
    assert.is(await subject.membership.declareDead(other.incarnation, me, false), true)
    const late = append('x', [event(2)], { row: instanceRow('x', { name: 'late' }), awake: true, snapshot: { late: true } })
    await rejectsWith('Fenced', journal.append(late))
    await rejectsWith('Fenced', journal.append(late))
    const survivor = subject.journal(other.incarnation)
    assert.equal(await load(survivor, 'x'), { actor: address('instance', 'x'), snapshot: null, events: [event(1)] })
    assert.equal(await survivor.awake([0]), [])
    assert.is((await subject.views.get('instance', 'x'))?.columns.name, 'x')
    await survivor.append(append('x', [event(2, 'by the survivor')]))
    assert.equal((await load(survivor, 'x')).events, [event(1), event(2, 'by the survivor')])
  })

  test('a draining conductor still writes; one that left does not', async (subject, me, journal) => {
    await subject.membership.setState(me, 'draining')
    await journal.append(append('x', [event(1)]))
    await subject.membership.setState(me, 'left')
    await rejectsWith('Fenced', journal.append(append('x', [event(2)])))
  })

  test('data that cannot be kept is refused alone; its neighbours in the batch are written', async (subject, _, journal) => {
    await journal.append(append('twice', [event(1)]))
    const bad = [
      append('nul', [event(1, 'a\0b')]),
      append('half', [event(1, { surrogate: '\ud800' })]),
      append('twice', [event(1, 'again')]),
      append('gap', [event(1), event(3)]),
      append('row', [event(1)], { row: instanceRow('row', { created_at: 'yesterday' }) }),
      append('column', [event(1)], { row: { ...instanceRow('column'), columns: { ...instanceRow('column').columns, colour: 'red' } } }),
      append('nulname', [event(1)], { row: instanceRow('nulname', { name: 'a\0b' }) }),
      append('shard', [event(1)], { shard: SHARD_COUNT }),
      append('huge', [event(1, 'x'.repeat(17 * 1024 * 1024))]),
    ]
    const good = Array.from({ length: 40 }, (_, i) => append(`good${i}`, [event(1)], { row: instanceRow(`good${i}`) }))
    const mixed = good.flatMap((g, i) => (i % 4 === 0 && bad[i / 4] ? [bad[i / 4] ?? g, g] : [g]))
    const outcomes = await Promise.all(
      mixed.map(entry =>
        journal.append(entry).then(
          () => 'ok',
          (e: unknown) => (e instanceof BatonError ? e.code : String(e)),
        ),
      ),
    )
    assert.equal(
      outcomes,
      mixed.map(entry => (bad.includes(entry) ? 'JournalRefused' : 'ok')),
    )
    assert.is(await subject.views.count('instance', {}), good.length)
    assert.equal((await load(journal, 'twice')).events, [event(1)])
    for (const { actor } of bad.filter(entry => entry.actor.id !== 'twice')) {
      if (actor.id !== 'twice') assert.equal((await load(journal, actor.id)).events, [])
    }
  })

  test('incarnations grow, and joining again ends the earlier life of the same node', async (subject, me) => {
    const { membership } = subject
    const b = await membership.join(node('b'))
    assert.ok(b.incarnation > me)
    assert.equal(
      b.members.map(m => [m.nodeId, m.state]),
      [
        ['a', 'alive'],
        ['b', 'alive'],
      ],
    )
    assert.is(b.alive, true)
    assert.is(b.map.owners.length, SHARD_COUNT)
    assert.ok(b.map.owners.every(owner => owner === 0))
    const again = await membership.join(node('b'))
    assert.ok(again.incarnation > b.incarnation)
    assert.ok(again.map.version > b.map.version)
    assert.is((await membership.renew(b.incarnation, LEASE_MS, {})).alive, false)
    assert.is((await membership.renew(me, LEASE_MS, {})).alive, true)
  })

  test('a renewal stores the load, extends the lease, and leaves the map as it is', async (subject, me) => {
    const before = await subject.membership.renew(me, LEASE_MS, { cpu: 0.5 })
    const mine = before.members.find(m => m.incarnation === me)
    assert.equal(mine?.load, { cpu: 0.5 })
    assert.ok(Math.abs((mine?.leaseUntil ?? 0) - before.now - LEASE_MS) < LEASE_MS / 2)
    await subject.elapse(20)
    const after = await subject.membership.renew(me, LEASE_MS, { cpu: 0.7 })
    assert.is(after.map.version, before.map.version)
    assert.ok(after.now > before.now)
    assert.ok((after.members[0]?.leaseUntil ?? 0) > (mine?.leaseUntil ?? 0))
  })

  test('shards of the living are not taken, those of the dead are', async (subject, me) => {
    const { membership } = subject
    const { incarnation: b } = await membership.join(node('b'))
    const first = await membership.claim(me, [1, 2, 3])
    assert.equal(first.map.owners.slice(0, 5), [0, me, me, me, 0])
    const second = await membership.claim(b, [3, 4])
    assert.equal(second.map.owners.slice(0, 5), [0, me, me, me, b])
    assert.ok(second.map.version > first.map.version)
    assert.is((await membership.claim(b, [3, 4])).map.version, second.map.version, 'nothing changed')
    assert.is(await membership.declareDead(b, me, false), true)
    const third = await membership.claim(b, [1, 3])
    assert.equal(third.map.owners.slice(0, 5), [0, b, me, b, b])
    assert.equal(third.members.find(m => m.incarnation === me)?.state, 'dead', 'still owns shard 2')
    assert.equal(
      third.map.members.map(m => [m.incarnation, m.draining]),
      [
        [me, true],
        [b, false],
      ],
    )
    const fourth = await membership.claim(b, [2])
    assert.equal(
      fourth.members.map(m => m.incarnation),
      [b],
    )
    assert.equal((await membership.claim(me, [9])).map.owners[9], 0, 'the dead take nothing')
  })

  test('a draining conductor keeps its shards and takes no more; leaving gives all up', async (subject, me) => {
    const { membership } = subject
    const { incarnation: b } = await membership.join(node('b'))
    await membership.claim(me, [1, 2])
    await membership.setState(me, 'draining')
    const state = await membership.claim(me, [3])
    assert.equal(state.map.owners.slice(0, 4), [0, me, me, 0])
    assert.is(state.alive, true)
    assert.equal((await membership.claim(b, [1])).map.owners[1], me, 'draining is living')
    await membership.setState(me, 'left')
    const after = await membership.renew(b, LEASE_MS, {})
    assert.ok(after.map.owners.every(owner => owner === 0))
    assert.equal(
      after.members.map(m => m.incarnation),
      [b],
    )
    assert.ok(after.map.version > state.map.version)
    await rejectsWith('Fenced', membership.setState(me, 'draining'))
  })

  test('a release goes to a living heir, else to nobody, and only for what one owns', async (subject, me) => {
    const { membership } = subject
    const { incarnation: b } = await membership.join(node('b'))
    const { incarnation: c } = await membership.join(node('c'))
    await membership.claim(me, [1, 2, 3])
    await membership.claim(b, [4])
    assert.equal((await membership.release(me, [1, 4], b)).map.owners.slice(0, 5), [0, b, me, me, b])
    await membership.declareDead(me, c, false)
    assert.equal((await membership.release(me, [2], c)).map.owners.slice(0, 5), [0, b, 0, me, b])
    assert.equal((await membership.release(me, [3], null)).map.owners.slice(0, 5), [0, b, 0, 0, b])
    assert.equal((await membership.release(c, [1], null)).map.owners[1], b)
  })

  test('only the living declare, and only known ones are declared', async (subject, me) => {
    const { membership } = subject
    const { incarnation: b } = await membership.join(node('b'))
    assert.is(await membership.declareDead(me, 999_999, false), false)
    assert.is(await membership.declareDead(999_999, me, false), false)
    const { map } = await membership.renew(me, LEASE_MS, {})
    assert.is(await membership.declareDead(me, b, true), false, 'its lease runs')
    assert.is((await membership.renew(me, LEASE_MS, {})).map.version, map.version)
    assert.is(await membership.declareDead(me, b, false), true)
    assert.is(await membership.declareDead(me, b, true), true, 'it already is')
    assert.is(await membership.declareDead(b, me, false), false, 'the dead declare nobody')
  })

  test('an expired lease counts only for an observer who has renewed without a gap for a whole term', async (subject, me) => {
    const { membership } = subject
    const { incarnation: b } = await membership.join(node('b'))
    const watch = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += RENEW_MS) {
        await membership.renew(me, LEASE_MS, {})
        await subject.elapse(RENEW_MS)
      }
      await membership.renew(me, LEASE_MS, {})
    }
    await Promise.all([membership.renew(me, LEASE_MS, {}), membership.renew(b, LEASE_MS, {})])
    // Nobody renews, as when the database is away: both leases run out, and that says nothing.
    await subject.elapse(LEASE_MS + 100)
    await membership.renew(me, LEASE_MS, {})
    assert.is(await membership.declareDead(me, b, true), false)
    await watch(LEASE_MS / 2)
    assert.is(await membership.declareDead(me, b, true), false)
    await watch(LEASE_MS)
    assert.is(await membership.declareDead(me, b, true), true)
    assert.is((await membership.renew(b, LEASE_MS, {})).alive, false)
  })

  clockContract(test, LEASE_MS)

  test('lists are newest first, page by marker, and filter by columns', async (subject, _, journal) => {
    const { views } = subject
    const rows = Array.from({ length: 25 }, (_, i) =>
      instanceRow(`i${String(i).padStart(2, '0')}`, {
        created_at: Math.floor(i / 4),
        host: i % 5 === 0 ? null : `h${i % 2}`,
        deleted: i % 10 === 9,
        vm_state: i % 3 === 0 ? 'error' : 'active',
      }),
    )
    await Promise.all(rows.map(row => journal.append(append(row.id, [event(1)], { row }))))
    const all = rows.map(r => r.id).reverse()
    const paged: string[] = []
    for (let marker: string | undefined, page: ViewRow[]; ; marker = page.at(-1)?.id) {
      page = await views.list('instance', { limit: 4, ...(marker === undefined ? {} : { marker }) })
      if (page.length === 0) break
      paged.push(...page.map(r => r.id))
    }
    assert.equal(paged, all)
    const ids = async (where: NonNullable<Parameters<Views['list']>[1]['where']>) => (await views.list('instance', { where })).map(r => r.id)
    const expected = (keep: (row: ViewRow) => boolean) =>
      rows
        .filter(keep)
        .map(r => r.id)
        .reverse()
    assert.equal(
      await ids({ deleted: false }),
      expected(r => r.columns.deleted === false),
    )
    assert.equal(
      await ids({ host: null }),
      expected(r => r.columns.host === null),
    )
    assert.equal(
      await ids({ host: 'h1', vm_state: ['active', 'paused'] }),
      expected(r => r.columns.host === 'h1' && r.columns.vm_state === 'active'),
    )
    assert.equal(await ids({ id: ['i03', 'i04', 'none'] }), ['i04', 'i03'])
    assert.equal(await ids({ vm_state: [] }), [])
    assert.is(await views.count('instance', { where: { vm_state: 'error' } }), 9)
    assert.is(await views.count('operation', {}), 0)
    assert.is((await views.countBy('instance', 'vm_state')).get('error'), 9)
    assert.is((await views.countBy('operation', 'kind')).size, 0)
    await rejectsWith('BadRequest', views.countBy('instance', 'created_at'))
    const filtered = await views.list('instance', { where: { vm_state: 'error' }, limit: 2, marker: 'i10' })
    assert.equal(
      filtered.map(r => r.id),
      ['i09', 'i06'],
    )
  })

  orderContract(test)

  test('a list says what is wrong with its query', async subject => {
    const { views } = subject
    await rejectsWith('BadRequest', views.list('instance', { marker: 'nobody' }))
    await rejectsWith('BadRequest', views.list('instance', { marker: 'no\0body' }))
    await rejectsWith('BadRequest', views.list('instance', { where: { colour: 'red' } }))
    await rejectsWith('BadRequest', views.list('instance', { where: { created_at: 'soon' } }))
    await rejectsWith('BadRequest', views.list('instance', { where: { 'name" = 1 or "name': 'x' } }))
    await rejectsWith('BadRequest', views.list('instance', { limit: 0 }))
    await rejectsWith('BadRequest', views.count('host', { where: { vm_state: 'active' } }))
  })

  test('retention removes what was finished or superseded long ago, and nothing else', async (subject, me, journal) => {
    const { now } = await subject.membership.renew(me, LEASE_MS, {})
    await journal.append(append('old', [event(1, {}, now)], { row: instanceRow('old'), finished: true, snapshot: {} }))
    await journal.append(append('live', [event(1, {}, now), event(2, {}, now)], { row: instanceRow('live'), snapshot: { at: 2 } }))
    await journal.append(append('live', [event(3, {}, now)]))
    assert.equal(await subject.trim(60_000), { actors: 0, events: 0 })
    await subject.elapse(400)
    await journal.append(append('new', [event(1, {}, now + 400)], { row: instanceRow('new'), finished: true }))
    assert.equal(await subject.trim(200), { actors: 1, events: 3 })
    assert.equal(await load(journal, 'old'), { actor: address('instance', 'old'), snapshot: null, events: [] })
    assert.is(await subject.views.get('instance', 'old'), null)
    assert.equal(await load(journal, 'live'), {
      actor: address('instance', 'live'),
      snapshot: { seq: 2, version: 1, state: { at: 2 } },
      events: [event(3, {}, now)],
    })
    assert.is((await load(journal, 'new')).events.length, 1)
    assert.is(await subject.views.count('instance', {}), 2)
  })

  contract.run()
}
