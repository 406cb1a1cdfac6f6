/** In what order every implementation of Views lists, by what time of change, and by what text. Part of `persistence-contract.ts`. */
import * as assert from 'uvu/assert'
import type { ViewRow } from '../../actors/kernel/define.ts'
import type { ContractTest } from './persistence-contract.ts'
import { append, event, instanceRow, rejectsWith } from './persistence-fixtures.ts'

export function orderContract(test: ContractTest): void {
  test('lists are sorted by any columns, nulls first, page by page, and select by the time of change', async (subject, _, journal) => {
    const { views } = subject
    const rows = Array.from({ length: 12 }, (_, i) =>
      instanceRow(`s${String(i).padStart(2, '0')}`, {
        created_at: i,
        updated_at: 100 - i,
        host: i % 3 === 0 ? null : `h${i % 2}`,
        name: `n${i % 4}`,
      }),
    )
    await Promise.all(rows.map(row => journal.append(append(row.id, [event(1)], { row }))))
    const sort = [
      { column: 'host', direction: 'asc' },
      { column: 'name', direction: 'desc' },
    ] as const
    const key = (row: ViewRow) => [String(row.columns.host ?? ''), String(row.columns.name), row.id] as const
    const before = (a: ViewRow, b: ViewRow): number => {
      const [[hostA, nameA, idA], [hostB, nameB, idB]] = [key(a), key(b)]
      if (hostA !== hostB) return hostA < hostB ? -1 : 1
      return nameA !== nameB ? (nameA < nameB ? 1 : -1) : idA < idB ? 1 : -1
    }
    const paged: string[] = []
    for (let marker: string | undefined, page: ViewRow[]; ; marker = page.at(-1)?.id) {
      page = await views.list('instance', { sort, limit: 5, ...(marker === undefined ? {} : { marker }) })
      if (page.length === 0) break
      paged.push(...page.map(r => r.id))
    }
    assert.equal(
      paged,
      [...rows].sort(before).map(r => r.id),
    )
    const oldest = await views.list('instance', { sort: [{ column: 'created_at', direction: 'asc' }], limit: 3, marker: 's01' })
    assert.equal(
      oldest.map(r => r.id),
      ['s02', 's03', 's04'],
    )
    const changed = await views.list('instance', { changed: { from: 95, to: 97 } })
    assert.equal(
      changed.map(r => r.id),
      ['s05', 's04', 's03'],
    )
    await rejectsWith('BadRequest', views.list('instance', { sort: [{ column: 'colour', direction: 'asc' }] }))
  })

  test('a text is looked for in columns and in ids, in small letters or large, and is what it is', async (subject, _, journal) => {
    const { views } = subject
    const rows = ['Web-1', 'web-2', 'db%1', 'mail'].map((name, i) => instanceRow(`t${i}`, { created_at: i, name, host: i === 3 ? 'WEBHOST' : null }))
    await Promise.all(rows.map(row => journal.append(append(row.id, [event(1)], { row }))))
    const found = async (text: string) => (await views.list('instance', { contains: { columns: ['name', 'host'], text } })).map(r => r.id)
    assert.equal(await found('wEb'), ['t3', 't1', 't0'])
    assert.equal(await found('t2'), ['t2'])
    assert.equal(await found('%'), ['t2'])
    assert.equal(await found('_'), [])
    await rejectsWith('BadRequest', views.list('instance', { contains: { columns: ['created_at'], text: '1' } }))
    await rejectsWith('BadRequest', views.list('instance', { contains: { columns: ['name'], text: '\0' } }))
  })
}
