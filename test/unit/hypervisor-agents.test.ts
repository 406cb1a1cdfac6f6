/** What a hypervisor has agents do by the way: hold writes back while a disk is copied, and take a password that its driver cannot set. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Guests } from '../../actors/guest/guests.ts'
import type { GuestSession } from '../../actors/guest/session.ts'
import { type HostAgents, passwordByAgent, whileFrozen } from '../../actors/hypervisor/agents.ts'
import { silentLogger } from '../../actors/kernel/env.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { rejectsWith } from './persistence-fixtures.ts'

/** An agent that declares `methods` and fails as often as is said. */
function agentWith(methods: readonly string[], failures: Record<string, number> = {}): { agents: HostAgents; said: string[] } {
  const said: string[] = []
  const command: GuestSession['command'] = async method => {
    said.push(method)
    const left = failures[method] ?? 0
    failures[method] = left - 1
    if (left > 0) throw new BatonError('GuestFailed', `it could not ${method}`)
    return {}
  }
  const guests = { methods: () => methods, session: () => ({ command }) } as unknown as Guests
  return { said, agents: { guests, transfers: {} as HostAgents['transfers'] } }
}

const copied = (said: string[], error?: Error) => async (): Promise<string> => {
  said.push('copy')
  if (error) throw error
  return 'done'
}

test('frozen, copied, thawed; and thawed when the copy fails', async () => {
  const { agents, said } = agentWith(['freeze', 'thaw'])
  assert.is(await whileFrozen(agents, 'i', silentLogger, copied(said)), 'done')
  await rejectsWith('DriverFault', whileFrozen(agents, 'i', silentLogger, copied(said, new BatonError('DriverFault', 'no room'))))
  assert.equal(said, ['freeze', 'copy', 'thaw', 'freeze', 'copy', 'thaw'])
})

test('a thaw that fails is tried again; a freeze that fails is no reason not to copy', async () => {
  const stubborn = agentWith(['freeze', 'thaw'], { thaw: 2 })
  await whileFrozen(stubborn.agents, 'i', silentLogger, copied(stubborn.said))
  assert.equal(stubborn.said, ['freeze', 'copy', 'thaw', 'thaw', 'thaw'])
  const unable = agentWith(['freeze', 'thaw'], { freeze: 1 })
  await whileFrozen(unable.agents, 'i', silentLogger, copied(unable.said))
  assert.equal(unable.said, ['freeze', 'copy'])
})

test('without an agent that can do both it is copied as it is, and a password is for nobody', async () => {
  const { agents, said } = agentWith(['freeze'])
  await whileFrozen(agents, 'i', silentLogger, copied(said))
  await whileFrozen(undefined, 'i', silentLogger, copied(said))
  assert.is(passwordByAgent(agents, 'i', 'secret'), undefined)
  assert.equal(said, ['copy', 'copy'])
  const able = agentWith(['set_password'])
  assert.equal([await passwordByAgent(able.agents, 'i', 'secret'), able.said], [{}, ['set_password']])
})

test.run()
