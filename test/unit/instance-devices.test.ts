/** The devices of an instance: what is refused before anything is begun, what it has afterwards, and what it may not do with them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { NO_DEVICES } from '../../actors/hypervisor/driver.ts'
import { type Fixture, instanceIn } from '../support/instance.ts'

let requests = 0
const act = (instance: Fixture, action: string, more: object) => instance.send('act', { action, requestId: `req-${++requests}`, ...more })
const attachDisk = (instance: Fixture, id: string, more: object = {}) => act(instance, 'attach-disk', { disk: { id, ...more } })
const attachPort = (instance: Fixture, id: string, more: object = {}) => act(instance, 'attach-interface', { interface: { id, ...more } })

function withDisk(id = 'd1'): Fixture {
  const instance = instanceIn('active')
  attachDisk(instance, id)
  instance.end('done')
  return instance
}

test('disks get the first name that is free, or the one asked for', () => {
  const instance = withDisk()
  const { ok } = attachDisk(instance, 'd2', { device: '/dev/vdq', sizeGb: 7 })
  assert.equal((ok as { disk: object }).disk, { id: 'd2', sizeGb: 7, device: '/dev/vdq' })
  instance.end('done')
  act(instance, 'detach-disk', { disk: { id: 'd1' } })
  instance.end('done')
  attachDisk(instance, 'd3')
  instance.end('done')
  assert.equal(
    instance.body()?.devices.disks.map(d => `${d.id} ${d.device} ${d.sizeGb}`),
    ['d2 /dev/vdq 7', 'd3 /dev/vdb 1'],
  )
})

test('an interface has an address of its own, the same whoever computes it', () => {
  const instance = instanceIn('paused')
  const { ok } = attachPort(instance, 'p1')
  const port = (ok as { interface: { mac: string; network: string } }).interface
  assert.match(port.mac, /^02(:[0-9a-f]{2}){5}$/)
  assert.is(port.network, 'local')
  instance.end('done')
  attachPort(instance, 'p2')
  instance.end('done')
  const macs = instance.body()?.devices.interfaces.map(i => i.mac) ?? []
  assert.is(macs[0], port.mac)
  assert.is(new Set(macs).size, 2)
})

test('a request that comes again is answered as the first was, while it is under way and after', () => {
  const instance = instanceIn('active')
  const request = { action: 'attach-disk', requestId: 'req-same', disk: { id: 'd1' } }
  const first = instance.send('act', request)
  assert.equal(instance.send('act', request), first)
  instance.end('done')
  assert.equal(instance.send('act', request), first)
  assert.is(instance.body()?.devices.disks.length, 1)
})

/** What is asked, the code of the refusal, and what it says. */
const REFUSED: readonly (readonly [action: string, more: object, code: string, says: RegExp])[] = [
  ['attach-disk', { disk: { id: 'd1' } }, 'Conflict', /attached to instance i1 already/],
  ['attach-disk', { disk: { id: 'd2', device: '/dev/vdb' } }, 'Conflict', /another disk; leave the device out/],
  ['attach-disk', { disk: { id: 'd2', device: '/dev/vda' } }, 'BadRequest', /must be \/dev\/vdb to \/dev\/vdq/],
  ['attach-disk', { disk: { id: 'd2', sizeGb: 0 } }, 'BadRequest', /sizeGb/],
  ['attach-disk', { disk: { id: 'd2', sizeGb: 1.5 } }, 'BadRequest', /sizeGb/],
  ['attach-disk', { disk: { id: '' } }, 'BadRequest', /id/],
  ['attach-disk', {}, 'BadRequest', /which disk/],
  ['detach-disk', { disk: { id: 'd2' } }, 'NotFound', /not attached/],
  ['attach-interface', { interface: { id: 'p1', network: 'red' } }, 'BadRequest', /no network red; the only one is 'local'/],
  ['detach-interface', { interface: { id: 'p1' } }, 'NotFound', /not attached/],
  ['detach-interface', {}, 'BadRequest', /which interface/],
]

test('what cannot be is refused before anything is begun', () => {
  for (const [action, more, code, says] of REFUSED) {
    const instance = withDisk()
    const before = instance.state()
    const { fault } = act(instance, action, more)
    assert.is(fault?.code, code, JSON.stringify(more))
    assert.match(fault?.message ?? '', says)
    assert.is(instance.state(), before)
  }
})

test('an instance has so many disks and interfaces and no more', () => {
  const instance = instanceIn('active')
  for (let i = 0; i < 16; i++) {
    attachDisk(instance, `d${i}`)
    instance.end('done')
  }
  for (let i = 0; i < 8; i++) {
    attachPort(instance, `p${i}`)
    instance.end('done')
  }
  assert.match(attachDisk(instance, 'd16').fault?.message ?? '', /16 disks already/)
  assert.is(attachPort(instance, 'p8').fault?.code, 'Forbidden')
})

test('while an operation runs nothing is attached or detached', () => {
  const instance = withDisk()
  act(instance, 'stop', {})
  for (const [action, more] of [
    ['detach-disk', { disk: { id: 'd1' } }],
    ['attach-interface', { interface: { id: 'p1' } }],
  ] as const)
    assert.match(act(instance, action, more).fault?.message ?? '', /active \(powering-off\)/)
})

test('a local disk keeps an instance on its host; without it, it may go', () => {
  for (const action of ['resize', 'migrate', 'evacuate']) {
    const instance = withDisk()
    assert.match(act(instance, action, {}).fault?.message ?? '', /local to host h1 \(d1\); detach them first/, action)
    act(instance, 'detach-disk', { disk: { id: 'd1' } })
    instance.end('done')
    assert.ok(act(instance, action, {}).ok, action)
  }
  const shelved = withDisk()
  act(shelved, 'shelve', {})
  shelved.end('done')
  assert.match(act(shelved, 'shelve-offload', {}).fault?.message ?? '', /detach them first/)
})

test('what a rebuild gives to the guest holds from its acceptance on, and stays when it fails', () => {
  const instance = withDisk()
  const keyPair = { name: 'k', type: 'ssh', publicKey: 'ssh-rsa A' }
  act(instance, 'rebuild', { change: { image: 'other', about: { keyPair, userData: 'eA==' } } })
  const [start] = instance.work()
  const { args } = (start?.type === 'call' ? start.args : {}) as { args: { spec: { about: object } } }
  assert.equal(args.spec.about, { keyPair, userData: 'eA==' })
  instance.end('undone')
  assert.equal(instance.body()?.about, { keyPair, userData: 'eA==' })
  instance.send('reset', { state: 'active' })
  act(instance, 'rebuild', { change: { about: { keyPair: null } } })
  assert.equal(instance.body()?.about, { userData: 'eA==' })
})

test('operations are told the devices, and a deleted instance has none', () => {
  const instance = withDisk()
  act(instance, 'rebuild', { change: { image: 'other' } })
  const [start] = instance.work()
  const { args } = (start?.type === 'call' ? start.args : {}) as { args: { devices: { disks: { id: string }[] } } }
  assert.equal(
    args.devices.disks.map(d => d.id),
    ['d1'],
  )
  instance.end('done')
  assert.is(instance.body()?.devices.disks.length, 1, 'a rebuild keeps them')
  instance.send('delete', { requestId: 'req-delete' })
  instance.end('done')
  assert.equal(instance.body()?.devices, NO_DEVICES)
})

test.run()
