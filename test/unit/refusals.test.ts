/** What a conductor does before it tells somebody that a request was refused. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BatonError, type ErrorCode } from '../../actors/kernel/errors.ts'
import { instanceRequests } from '../../supervisors/requests/instance-requests.ts'
import { rejectsWith } from './persistence-fixtures.ts'

/** Requests to an instance that answers a call as told; the names of the calls are noted. */
function requests(answers: Readonly<Record<string, () => unknown>>) {
  const calls: string[] = []
  const unused = (): never => {
    throw new Error('not used here')
  }
  const api = instanceRequests({
    async call(_kind, _id, method) {
      calls.push(method)
      return answers[method]?.()
    },
    bootable: unused,
    views: { get: unused, list: unused, count: unused, countBy: unused },
    get: unused,
    quotas: { take: unused },
  })
  return { api, calls }
}

const no = (code: ErrorCode) => () => {
  throw new BatonError(code, 'not now')
}
const stop = { id: 'i1', action: 'stop', requestId: 'req-1' } as const

test('a refusal is written down before it is told', async () => {
  const { api, calls } = requests({ act: no('Conflict'), delete: no('Conflict'), decline: () => ({ accepted: null }) })
  await rejectsWith('Conflict', api.actOnInstance(stop))
  await rejectsWith('Conflict', api.deleteInstance({ id: 'i1', requestId: 'req-2' }))
  assert.equal(calls, ['act', 'decline', 'delete', 'decline'])
})

test('a copy that was accepted meanwhile is the answer', async () => {
  const { api } = requests({ act: no('Conflict'), decline: () => ({ accepted: { operation: 'i1.2' } }) })
  assert.equal(await api.actOnInstance(stop), { operation: 'i1.2' })
})

test('what makes no sense anywhere is refused at once', async () => {
  const { api, calls } = requests({})
  await rejectsWith('BadRequest', api.actOnInstance({ ...stop, flavor: 'big' }))
  assert.equal(calls, [])
})

test('what may be asked again is not refused for good, and a refusal that cannot be written down is not told', async () => {
  const away = requests({ act: no('Unavailable') })
  await rejectsWith('Unavailable', away.api.actOnInstance(stop))
  assert.equal(away.calls, ['act'])
  const late = requests({ act: no('Conflict'), decline: no('Unavailable') })
  await rejectsWith('Unavailable', late.api.actOnInstance(stop))
})

test('where there is no instance there is nobody to write it down', async () => {
  const { api } = requests({ act: no('NotFound'), decline: no('NotFound') })
  await rejectsWith('NotFound', api.actOnInstance(stop))
})

test.run()
