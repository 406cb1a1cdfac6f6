/** The agent of the built image in a real virtual machine, over its virtio-serial port: heard, asked, silenced, and switched off by its word. */
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createGuests } from '../../actors/guest/guests.ts'
import type { AgentReport } from '../../actors/guest/report.ts'
import { QEMU_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { qemuAgents } from '../../actors/hypervisor/drivers/qemu/agent-channel.ts'
import { BUILT_IMAGES, builtImage } from '../../actors/hypervisor/drivers/qemu/built.ts'
import { eventually, guestIn, realEnv, specOf } from '../support/driver-contract.ts'
import { qemuBench, skipWithout, whyNoQemu } from '../support/driver-qemu-bench.ts'

const A = 'aaaaaaaa-0000-4000-8000-000000000001'
const missing = (await whyNoQemu()) ?? ((await builtImage(BUILT_IMAGES, QEMU_IMAGE.id)) ? null : 'npm run images has not been run')

test('it is heard, does what it declares and nothing else, and switches its guest off', async () => {
  if (missing !== null) return skipWithout(missing)
  const bench = await qemuBench()
  const reports: AgentReport[] = []
  const driver = await bench.open({ built: BUILT_IMAGES })
  const guests = createGuests({
    ...{ env: realEnv, life: 1, settings: { heartbeatMs: 1000, silentMs: 6000 }, channels: qemuAgents(join(bench.folder, 'run')) },
    report: async (_, report) => void reports.push(report),
  })
  const looking = setInterval(() => driver.list().then(guests.tend, () => {}), 500)
  try {
    const begun = performance.now()
    const userData = Buffer.from('#!/bin/sh\necho "user data: $(hostname)"\n').toString('base64')
    const about = { project: 'p', reservation: 'r', flavor: 'f', hostname: 'seeded', drive: 'nocloud', userData } as const
    await driver.spawn({ ...specOf(A, QEMU_IMAGE.id), ramMb: 128, agent: true, about }, 1)
    assert.equal(await guests.ready(A, 60_000), { status: 'ACTIVE' })
    console.log(`from the spawn to ACTIVE: ${((performance.now() - begun) / 1000).toFixed(1)} s`)
    assert.match(await driver.consoleLog(A, 10_000), /user data: seeded/, 'it has read its NoCloud seed')
    const session = guests.session(A)
    const hello = session.belief().hello
    assert.equal([hello?.agent, hello?.instance, hello?.service], ['baton-agent-sh/2', A, 'files'])
    const ask = (method: string, args = {}) =>
      session.command(method, args, 10_000).then(
        value => JSON.stringify(value),
        error => String(error.message),
      )
    assert.is(await ask('freeze'), '{}')
    assert.match(await ask('freeze'), /could not be frozen/)
    assert.is(await ask('thaw'), '{}')
    assert.is(await ask('sync_time', { epochS: 1_800_000_000 }), '{}')
    assert.match(await ask('sync_time', { epochS: '1; reboot' }), /must be seconds/)
    assert.match(await ask('set_password', { password: '$(reboot)' }), /could not be set/)
    assert.match(await ask('exec'), /has no method exec/)
    const { heartbeats, malformed, stale } = session.counters()
    assert.ok(heartbeats >= 1 && malformed === 0 && stale === 0, JSON.stringify(session.counters()))
    assert.is(await ask('shutdown'), '{}')
    await eventually('the guest is off', async () => (await guestIn(driver, A))?.power === 'shutdown')
    await eventually('that is told', async () => reports.at(-1)?.on === false)
  } finally {
    clearInterval(looking)
    guests.stop()
    await bench.dispose()
  }
})

test.run()
