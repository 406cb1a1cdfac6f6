/** What clients are told when the reservation behind their request was given up before its holder heard of it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BatonError } from '../../actors/kernel/errors.ts'
import type { Views } from '../../actors/kernel/ports.ts'
import { instanceRequests } from '../../supervisors/requests/instance-requests.ts'
import { askedAgain } from '../../supervisors/requests/quotas.ts'
import { rejectsWith } from './persistence-fixtures.ts'

test('a resize that comes after its reservation was given up is to be sent again, and the reservation is doubted', async () => {
  const doubted: number[] = []
  const views: Views = {
    get: async () => null,
    list: async () => [],
    count: async () => 0,
    countBy: async () => new Map(),
  }
  const requests = instanceRequests({
    async call(kind, id, method) {
      if (kind === 'flavor') return { id, name: id, vcpus: 2, ramMb: 64, diskGb: 1 }
      throw new BatonError('StaleCommand', `${method}: what was reserved for ${kind} ${id} was given up meanwhile`)
    },
    bootable: () => Promise.reject(new BatonError('NotFound', 'no image')),
    views,
    get: async <T>() => ({ project: 'p', vmState: 'active' }) as T,
    quotas: { take: async () => ({ number: 7, confirm: () => assert.unreachable('nothing was taken'), doubt: () => void doubted.push(7) }) },
  })
  await rejectsWith('Unavailable', requests.actOnInstance({ id: 'i', action: 'resize', flavor: 'small', requestId: 'req-1' }))
  assert.equal(doubted, [7])
})

test('only a reservation that was given up is a reason to ask again', () => {
  const other = new BatonError('Conflict', 'it is stopped')
  assert.is(askedAgain(other), other)
  const again = askedAgain(new BatonError('StaleCommand', 'given up meanwhile'))
  assert.ok(again instanceof BatonError && again.code === 'Unavailable' && again.retryAfterMs === 1000)
})

test.run()
