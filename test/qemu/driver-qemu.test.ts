/** What only real machines can show: survival, damage, refusals, confinement. time limit: 120 s */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, symlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limitFiles, probeCgroups } from '../../actors/hypervisor/drivers/cgroup.ts'
import { openOutOfBand } from '../../actors/hypervisor/drivers/out-of-band.ts'
import { signal, statOf } from '../../actors/hypervisor/drivers/process/proc.ts'
import { canRun, userFor } from '../../actors/hypervisor/drivers/qemu/tools.ts'
import { eventually, guestIn, realEnv, rejects, specOf } from '../support/driver-contract.ts'
import { type QemuBench, qemuBench, skipWithout, TEST_IMAGE, TEST_UID, tools, whyNoQemu } from '../support/driver-qemu-bench.ts'
import { skip } from '../support/skip.ts'

const A = 'aaaaaaaa-0000-4000-8000-000000000001'
const B = 'bbbbbbbb-0000-4000-8000-000000000002'
const C = 'cccccccc-0000-4000-8000-000000000003'
const SNAPSHOT = '11111111-0000-4000-8000-000000000001'
const AGENT = fileURLToPath(new URL('../support/qemu-agent.ts', import.meta.url))

const missing = await whyNoQemu()

function check(what: string, run: (bench: QemuBench) => Promise<void>): void {
  test(what, async () => {
    if (missing !== null) return skipWithout(missing)
    const bench = await qemuBench()
    try {
      await run(bench)
    } finally {
      await bench.dispose()
    }
  })
}

/** Runs an agent; resolves when it has said `line`. The caller kills it. */
async function agentThatSays(line: string, bench: QemuBench, ...commands: string[]): Promise<ChildProcess> {
  const args = [AGENT, bench.folder, bench.imageFile(TEST_IMAGE), `${TEST_UID}`, ...commands]
  const agent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  if (!agent.stdout) throw new Error('no output to read')
  for await (const said of createInterface({ input: agent.stdout })) if (said === line) return agent
  throw new Error(`the agent ended without saying ${line}`)
}

async function killAndWait(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

check('guests outlive the kill -9 of their agent while they run and while they boot; none is lost, none is there twice', async bench => {
  const agent = await agentThatSays(`done spawn ${B}`, bench, 'spawn', A, '1', 'spawn', B, '1', 'spawn', C, '1')
  const before = await statOf(await bench.pid(A))
  await delay(60)
  await killAndWait(agent)
  const driver = await bench.open()
  assert.equal(await guestIn(driver, A), { instance: A, power: 'running', order: 1 })
  assert.equal(await guestIn(driver, B), { instance: B, power: 'running', order: 1 })
  await driver.spawn(specOf(C, bench.image), 1)
  assert.equal(
    (await driver.list()).map(({ power }) => power),
    ['running', 'running', 'running'],
  )
  assert.is((await bench.pids()).length, 3)
  assert.equal(await statOf(await bench.pid(A)).then(stat => stat?.startTicks), before?.startTicks, 'the same process')
  // Its session is taken over, with what happened meanwhile.
  await driver.pause(A, 2)
  assert.is((await guestIn(driver, A))?.power, 'paused')
})

check('a command cut short by kill -9 at any moment is done when told again, and once', async bench => {
  const driver = await bench.open()
  await driver.spawn(specOf(A, bench.image), 1)
  await driver.close()
  for (const [round, command] of (['reboot', 'suspend', 'resume', 'suspend', 'resume', 'reboot'] as const).entries()) {
    const order = 2 + round
    const agent = await agentThatSays('open', bench, command, A, `${order}`)
    await delay(round * 35)
    await killAndWait(agent)
    const next = await bench.open()
    if (command === 'reboot') await next.reboot(A, order, 'hard')
    else await next[command]?.(A, order)
    assert.equal(await guestIn(next, A), { instance: A, power: command === 'suspend' ? 'suspended' : 'running', order }, `${command} ${order}`)
    assert.is((await bench.pids()).length, command === 'suspend' ? 0 : 1)
    await next.close()
  }
  const orders = (await bench.history()).map(effect => effect.order)
  assert.equal(orders, [...new Set(orders)], 'each effect once')
})

check('a guest that switches itself off is off, also when nobody watched, and keeps no memory of the host', async bench => {
  const driver = await bench.open()
  await driver.spawn(specOf(A, bench.image), 1)
  await eventually('it is up', async () => (await driver.consoleLog(A, 5_000)).includes('boot sector is up'))
  await driver.stop(A, 2, 5_000)
  assert.match(await driver.consoleLog(A, 5_000), /power: off, by the guest itself/)
  assert.equal(await bench.pids(), [])
  assert.is((await guestIn(driver, A))?.power, 'shutdown')
})

check('a QEMU that does not answer is there all the same, holds nobody up, and is ended by force', async bench => {
  const driver = await bench.open()
  await driver.spawn(specOf(A, bench.image), 1)
  signal(await bench.pid(A), 'SIGSTOP')
  assert.is((await guestIn(driver, A))?.power, 'running')
  await rejects('DriverFault', driver.pause(A, 2), /did not answer|not there|no hello/)
  await driver.stop(A, 3, 100)
  assert.is((await guestIn(driver, A))?.power, 'shutdown')
  assert.equal(await bench.pids(), [])
})

check('an image that would read the host, is cut off, or does not fit is refused, and nothing is left of it', async bench => {
  const driver = await bench.open()
  const qcow2 = Buffer.alloc(1024)
  qcow2.writeUInt32BE(0x514649fb, 0)
  qcow2.writeUInt32BE(2, 4)
  qcow2.writeUInt32BE(16, 20)
  qcow2.writeBigUInt64BE(5n * 1024n ** 3n, 24)
  const backed = Buffer.from(qcow2)
  backed.writeBigUInt64BE(512n, 8)
  backed.writeUInt32BE(11, 16)
  backed.write('/etc/shadow', 512)
  await bench.upload('backed', 'qcow2', backed)
  await bench.upload('large', 'qcow2', qcow2)
  await bench.upload('cut', 'qcow2', qcow2.subarray(0, 50))
  await bench.upload('other', 'vmdk', qcow2)
  const why = { backed: /backing file/, large: /needs a disk of 5 GB and the flavor has 1 GB/, cut: /does not begin/, other: /takes raw and qcow2/ }
  for (const [image, reason] of Object.entries(why)) await rejects('DriverFault', driver.spawn(specOf(A, image), 1), reason)
  await rejects('DriverFault', driver.spawn(specOf(A, 'nowhere'), 1), /not on this host/)
  assert.equal(await driver.list(), [])
  assert.equal(await bench.pids(), [])
})

check('a snapshot of a running guest boots, and stays when the image it came from goes', async bench => {
  const driver = await bench.open()
  await driver.spawn(specOf(A, bench.image), 1)
  await driver.snapshot?.(A, 2, SNAPSHOT)
  await driver.destroy(A, 3)
  await driver.spawn(specOf(B, SNAPSHOT, { diskGb: 2 }), 1)
  await driver.removeImage?.(SNAPSHOT)
  await eventually('the copy has booted', async () => (await driver.consoleLog(B, 5_000)).includes('boot sector is up'))
  await driver.reboot(B, 2, 'hard')
  await rejects('DriverFault', driver.spawn(specOf(C, SNAPSHOT), 1), /not on this host/)
})

check('runs without rights, and what it puts in its folder leads nowhere', async bench => {
  const driver = await bench.open()
  const name = 'a "name"\nwith $(everything) in it'
  await driver.spawn(
    specOf(A, bench.image, { name, about: { project: 'p', reservation: 'r', flavor: 'f', hostname: 'h', userData: 'A'.repeat(87_380) } }),
    1,
  )
  const status = await readFile(`/proc/${await bench.pid(A)}/status`, 'utf8')
  for (const line of [/^Seccomp:\t2$/m, /^NoNewPrivs:\t1$/m, /^CapEff:\t0+$/m]) if (await userFor(TEST_UID)) assert.match(status, line)
  const console = join(bench.runFolder(A), 'console')
  await rm(console)
  await symlink('/etc/passwd', console)
  assert.is(await driver.consoleLog(A, 1_000), '', 'the link is not followed')
  assert.is((await guestIn(driver, A))?.power, 'running', 'and holds nobody up')
  await driver.stop(A, 2, 5_000)
  assert.not.ok((await readFile('/etc/passwd', 'utf8')).includes('[baton]'))
})

check('a guest gets as much of the machine as its flavor says and its QEMU needs, and leaves no group behind', async bench => {
  const cgroups = await probeCgroups(realEnv)
  if (!cgroups) return skip('no control group works on this machine')
  const driver = await bench.open()
  await driver.spawn({ ...specOf(A, bench.image), vcpus: 1, ramMb: 64 }, 1)
  const [group = ''] = (await readFile(`/proc/${await bench.pid(A)}/cgroup`, 'utf8')).match(/[^/]+$/m) ?? []
  assert.ok(group.endsWith(A), group)
  for (const { version, controllers, base } of cgroups.hierarchies) {
    for (const [file, value] of limitFiles({ version, controllers }, { vcpus: 1.5, ramMb: 64 + 32 + 256, processes: 129 }))
      assert.is((await readFile(join(base, group, file), 'utf8')).trim(), value, file)
  }
  assert.ok((await cgroups.members(group)).includes(await bench.pid(A)))
  await driver.destroy(A, 2)
  for (const { base } of cgroups.hierarchies) assert.not.ok(existsSync(join(base, group)), base)
})

check('the watchdog ends a guest without its agent, and only that one', async bench => {
  const driver = await bench.open()
  for (const instance of [A, B]) await driver.spawn(specOf(instance, bench.image), 1)
  const folder = join(bench.folder, '..', `${basename(bench.folder)}-host`)
  await mkdir(folder)
  try {
    await symlink(bench.folder, join(folder, 'qemu'))
    const stop = await openOutOfBand(realEnv, { driver: 'qemu', folder, hierarchies: [] })
    assert.equal([await stop(A), await stop(A), await stop(C)], [true, false, false])
    assert.equal((await driver.list()).map(({ power }) => power).toSorted(), ['crashed', 'running'])
  } finally {
    await rm(folder, { recursive: true })
  }
})

check('a probe tells whether a processor does what it is told', async () => {
  assert.is(await canRun(realEnv, (await tools()).qemu, 'tcg'), true)
  assert.is(await canRun(realEnv, '/bin/false', 'tcg'), false)
})

test.run()
