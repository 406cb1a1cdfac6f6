/** What Placement asks of conductors: claims of a host, and what a project holds, over many pages. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { InstanceBody, Page } from '../../actors/api.ts'
import { resourceRequests } from '../../supervisors/requests/resource-requests.ts'
import { rejectsWith } from './persistence-fixtures.ts'

const FLAVOR = { id: 'f', name: 'f', vcpus: 2, ramMb: 64, diskGb: 1, extraSpecs: { 'resources:CUSTOM_FPGA': '1' } }
type Row = Pick<InstanceBody, 'id' | 'host' | 'flavor' | 'origin'>
const row = (n: number, more: Partial<Row> = {}): Row => ({ id: `i${n}`, host: 'h1', flavor: FLAVOR, origin: null, ...more })

function requests(rows: readonly Row[], state = 'up') {
  const asked: unknown[] = []
  const claims = {
    'i1.1': { instance: 'i1', vcpus: 2, ramMb: 64, diskGb: 1, custom: { CUSTOM_FPGA: 1 }, since: 7, order: 1 },
    'i2.3': { instance: 'i2', vcpus: 1, ramMb: 32, diskGb: 0, since: 8 },
  }
  const api = resourceRequests({
    call: async (...call) => {
      asked.push(call)
      return claims
    },
    get: async <T>() => ({ state }) as T,
    list: async <T>(_table: string, where: unknown, { limit = 0, marker }: Page) => {
      asked.push([where, marker])
      const at = marker === undefined ? 0 : rows.findIndex(({ id }) => id === marker) + 1
      return rows.slice(at, at + limit) as T[]
    },
  })
  return { api, asked }
}

test('claims of a host, all and of one instance; a host that is gone has none to show', async () => {
  const { api } = requests([])
  assert.equal(await api.listClaims({ host: 'h1', instance: 'i1' }), [
    { claim: 'i1.1', instance: 'i1', since: 7, resources: { vcpus: 2, ramMb: 64, diskGb: 1, custom: { CUSTOM_FPGA: 1 } } },
  ])
  assert.equal(
    (await api.listClaims({ host: 'h1' })).map(({ claim }) => claim),
    ['i1.1', 'i2.3'],
  )
  await rejectsWith('NotFound', requests([], 'gone').api.listClaims({ host: 'h1' }))
})

test('a project holds what its instances hold, both ends of a resize included, on however many pages', async () => {
  const origin = { host: 'h2', claim: 'i0.1', flavor: 'g', vcpus: 1, ramMb: 16, diskGb: 1 }
  const rows = [row(0, { origin }), row(1, { host: null }), ...Array.from({ length: 2000 }, (_, n) => row(n + 2))]
  const { api, asked } = requests(rows)
  const { instances, resources } = await api.projectUsage({ project: 'p' })
  assert.is(instances, 2001)
  assert.equal(resources, { vcpus: 4003, ramMb: 2001 * 64 + 16, diskGb: 2002, custom: { CUSTOM_FPGA: 2001 } })
  assert.equal(
    asked,
    [undefined, 'i999', 'i1999'].map(marker => [{ project: 'p', deleted: false }, marker]),
  )
})

test.run()
