/** The key pairs of one user: names, limits, repetitions. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { keyPairsActor, MAX_KEY_PAIRS } from '../../actors/key-pairs/key-pairs.ts'

const CONTEXT = { id: 'u', now: 1_000, from: { role: 'conductor', node: 'n1' } } as const
type State = ReturnType<typeof keyPairsActor.initial>

const pair = (name: string, requestId = `req-${name}`) => ({ name, type: 'ssh' as const, publicKey: 'ssh-rsa AAAA', fingerprint: 'aa', requestId })

/** Decides and evolves; answers with the state after and the code of a refusal. */
function tell(state: State, command: Parameters<typeof keyPairsActor.decide>[1]): { state: State; code: string | null } {
  const decision = keyPairsActor.decide(state, command, CONTEXT)
  if (!decision.ok) return { state, code: decision.fault.code }
  return { state: decision.events.reduce((s, event) => keyPairsActor.evolve(s, event, 5), state), code: null }
}

const add = (state: State, name: string, max: number, requestId?: string) => tell(state, { method: 'add', args: { ...pair(name, requestId), max } })

test('a name is taken once; the same request again is the same pair', () => {
  const first = add(keyPairsActor.initial('u'), 'a', -1)
  assert.is(first.code, null)
  assert.is(add(first.state, 'a', -1, 'req-a').code, null)
  assert.is(add(first.state, 'a', -1, 'req-other').code, 'Conflict')
})

test('the limit holds, also of 0, and a removal makes room', () => {
  assert.is(add(keyPairsActor.initial('u'), 'a', 0).code, 'QuotaExceeded')
  const one = add(keyPairsActor.initial('u'), 'a', 1).state
  assert.is(add(one, 'b', 1).code, 'QuotaExceeded')
  const none = tell(one, { method: 'remove', args: { name: 'a' } }).state
  assert.is(add(none, 'b', 1).code, null)
  assert.is(tell(none, { method: 'remove', args: { name: 'a' } }).code, 'NotFound')
})

test('without a limit there is one all the same', () => {
  let { state } = add(keyPairsActor.initial('u'), 'k0', -1)
  for (let i = 1; i < MAX_KEY_PAIRS; i++) state = add(state, `k${i}`, -1).state
  assert.is(Object.keys(state.pairs).length, MAX_KEY_PAIRS)
  assert.is(add(state, 'more', -1).code, 'QuotaExceeded')
})

test('names of what objects inherit are names like any other', () => {
  const { state } = add(keyPairsActor.initial('u'), '__proto__', -1)
  assert.is(tell(state, { method: 'get', args: { name: '__proto__' } }).code, null)
  assert.is(tell(keyPairsActor.initial('u'), { method: 'get', args: { name: 'constructor' } }).code, 'NotFound')
})

test.run()
