import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BatonError } from '../../actors/kernel/errors.ts'
import { apiProxy, serveApi } from '../../supervisors/requests/serve-api.ts'
import { createFakeApi } from '../support/fake-api.ts'

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise
    return 'ok'
  } catch (error) {
    return error instanceof BatonError ? error.code : String(error)
  }
}

test('a method of the interface is called with its arguments', async () => {
  assert.ok(Array.isArray(await serveApi(createFakeApi().api, 'listFlavors', {})))
})

test('names that are no method of the interface are refused, also those every object has', async () => {
  for (const method of ['nope', 'constructor', 'toString', '__proto__', 'hasOwnProperty', 'then', '']) {
    assert.is(await codeOf(serveApi(createFakeApi().api, method, {})), 'UnknownMethod', method)
  }
})

test('arguments that are no object are refused before anything is called', async () => {
  for (const args of [null, undefined, 7, 'x', []]) assert.is(await codeOf(serveApi(createFakeApi().api, 'listFlavors', args)), 'BadRequest')
})

test('the proxy names the actor a request is mostly about', async () => {
  const calls: unknown[] = []
  const api = apiProxy(async (method, args, affinity) => {
    calls.push([method, args, affinity])
    return {}
  })
  await api.getInstance({ id: 'i1' })
  await api.createInstances({ ids: ['i2', 'i3'], name: 'n', project: 'p', flavor: 'f', image: 'g', metadata: {}, reservation: 'r', requestId: 'q' })
  await api.listHosts({})
  assert.equal(
    calls.map(c => (c as unknown[])[2]),
    ['i1', 'i2', null],
  )
  assert.equal(calls[0], ['getInstance', { id: 'i1' }, 'i1'])
})

test('a proxy is not taken for a promise', async () => {
  const api = apiProxy(async () => ({}))
  assert.is(await Promise.resolve(api), api)
})

test.run()
