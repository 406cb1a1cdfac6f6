/** What operators say of a host, and that claims obey it: reserved amounts, ratios, custom resources, traits, limits of groups. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { HostBody } from '../../actors/api.ts'
import { hostActor } from '../../actors/host/host.ts'
import type { Fault } from '../../actors/kernel/errors.ts'

const actor = hostActor({ vcpu: 4, ram: 1, disk: 1 }, { vcpus: 0, ramMb: 100, diskGb: 0 })
const INFO = { driver: 'fake', pid: 7, version: '0.1.0', vcpus: 2, ramMb: 1000, diskGb: 10, traits: ['CUSTOM_DRIVER_FAKE'] }

function newHost() {
  let state = actor.initial('h1')
  const send = (method: string, args: object): { ok?: unknown; fault?: Fault } => {
    const wrong = actor.methods[method]?.check?.(args)
    if (wrong) return { fault: { code: 'BadRequest', message: wrong } }
    const context = { id: 'h1', now: 1, from: { role: 'conductor', node: 'c' } } as const
    const decision = actor.decide(state, { method, args } as Parameters<typeof actor.decide>[1], context)
    if (!decision.ok) return { fault: decision.fault }
    for (const event of decision.events) state = actor.evolve(state, JSON.parse(JSON.stringify(event)), 1)
    return { ok: decision.reply?.(state) }
  }
  send('register', INFO)
  return {
    send,
    claim: (claim: string, more: object = {}) =>
      send('claim', { claim, order: 1, instance: claim, vcpus: 1, ramMb: 10, diskGb: 0, ...more }).fault?.message,
    body: () => send('get', {}).ok as HostBody,
  }
}

test('configured defaults hold until an operator says otherwise, and again when he takes it back', () => {
  const host = newHost()
  assert.equal(host.body().placement?.reserved, { vcpus: 0, ramMb: 100, diskGb: 0 })
  assert.match(host.claim('a', { ramMb: 901 }) ?? '', 'ram (MB): 901 wanted, 900 free of 900')
  host.send('configure', { reservedRamMb: 0, ramRatio: 2 })
  assert.is(host.claim('a', { ramMb: 2000 }), undefined)
  host.send('configure', { reservedRamMb: null, ramRatio: null })
  assert.equal([host.body().placement?.reserved.ramMb, host.body().placement?.ratios.ram], [100, 1])
  assert.match(host.claim('b', { ramMb: 1 }) ?? '', 'ram (MB): 1 wanted, 0 free of 900', 'what is used stays')
})

test('the generation counts what changes for readers of inventories and claims, and a change can be bound to it', () => {
  const host = newHost()
  assert.is(host.body().generation, 1, 'it has registered')
  host.claim('a')
  host.claim('a')
  assert.is(host.body().generation, 2, 'a copy changes nothing')
  host.send('release', { claim: 'a', order: 2 })
  host.send('configure', { generation: 3, cpuRatio: 2 })
  assert.equal([host.body().generation, host.body().placement?.ratios.vcpu], [4, 2])
  const { fault } = host.send('configure', { generation: 3, cpuRatio: 9 })
  assert.equal([fault?.code, fault?.details], ['Conflict', { generation: 4 }])
  assert.equal([host.body().generation, host.body().placement?.ratios.vcpu], [4, 2])
  host.send('observe', { state: 'down' })
  assert.is(host.body().generation, 4, 'how it is changes nothing of what it has')
  const { traits, reported } = host.body().placement ?? {}
  assert.equal([traits, reported], [INFO.traits, INFO.traits])
})

test('custom resources are claimed and given back with the rest', () => {
  const host = newHost()
  assert.match(host.claim('a', { custom: { CUSTOM_FPGA: 1 } }) ?? '', 'CUSTOM_FPGA: 1 wanted, 0 free of 0')
  host.send('configure', { custom: { CUSTOM_FPGA: 2, CUSTOM_TPM: 1 } })
  assert.is(host.claim('a', { custom: { CUSTOM_FPGA: 2 } }), undefined)
  assert.match(host.claim('b', { custom: { CUSTOM_FPGA: 1 } }) ?? '', '1 wanted, 0 free of 2')
  assert.is(host.send('configure', { custom: { CUSTOM_FPGA: 1 } }).fault?.code, 'Conflict')
  host.send('release', { claim: 'a', order: 2 })
  assert.equal(host.body().placement?.customUsed, {})
  host.send('configure', { custom: { CUSTOM_TPM: 0 } })
  assert.equal(host.body().placement?.custom, { CUSTOM_FPGA: 2 })
})

test('traits are those of the driver and of operators; only the latter can be taken away', () => {
  const host = newHost()
  host.send('configure', { addTraits: ['CUSTOM_SSD', 'CUSTOM_OLD'] })
  host.send('configure', { removeTraits: ['CUSTOM_OLD', 'CUSTOM_DRIVER_FAKE'] })
  assert.equal(host.body().placement?.traits, ['CUSTOM_DRIVER_FAKE', 'CUSTOM_SSD'])
})

test('what cannot be is refused, and nothing changes', () => {
  const host = newHost()
  const before = host.body()
  const wrong: [object, string][] = [
    [{ reservedRamMb: 1001 }, '1001 ram MB cannot be reserved: it has 1000 in all'],
    [{ reservedVcpus: -1 }, 'must be a whole number of at least 0'],
    [{ reservedDiskGb: 1.5 }, 'must be a whole number'],
    [{ cpuRatio: 0 }, 'the vcpu ratio must be from 0.01 to 1000'],
    [{ custom: { FPGA: 1 } }, '"FPGA" is no custom resource class'],
    [{ custom: { CUSTOM_FPGA: -1 } }, 'must be a whole number from 0'],
    [{ addTraits: ['ssd'] }, '"ssd" is no trait'],
  ]
  for (const [change, message] of wrong) {
    const { fault } = host.send('configure', change)
    assert.equal([fault?.code, fault?.message.includes(message)], ['BadRequest', true], fault?.message ?? JSON.stringify(change))
  }
  assert.equal(host.body(), before)
})

test('the host has the last word on the limit of a group', () => {
  const host = newHost()
  const group = { id: 'g', max: 2 }
  assert.is(host.claim('a', { group }), undefined)
  assert.is(host.claim('b', { group }), undefined)
  assert.match(host.claim('c', { group }) ?? '', 'has 2 of at most 2 members of server group g already')
  assert.is(host.claim('d', { group: { id: 'other', max: 1 } }), undefined)
  host.send('release', { claim: 'a', order: 2 })
  assert.is(host.claim('c', { group, order: 3 }), undefined)
})

test.run()
