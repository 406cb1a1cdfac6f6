/**
 * Virtual machines on this host, by the driver alone: how fast they are made of an image that is here, what an idle one costs, what fifty
 * cost the agent, and how long one stands still when it moves. The small system of `npm run images` where it was built, else a boot sector.
 *
 * The reference of the builds is QEMU started barely, with the same command line, up to its greeting: what is left is ours.
 */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { GuestSpec, HypervisorDriver } from '../actors/hypervisor/driver.ts'
import { QEMU_IMAGE } from '../actors/hypervisor/drivers/images.ts'
import { usedBy } from '../actors/hypervisor/drivers/process/proc.ts'
import { until } from '../actors/hypervisor/drivers/process/wait.ts'
import { BUILT_IMAGES, builtImage } from '../actors/hypervisor/drivers/qemu/built.ts'
import { commandLine, FILES } from '../actors/hypervisor/drivers/qemu/command-line.ts'
import { connectQmp } from '../actors/hypervisor/drivers/qemu/qmp.ts'
import { realEnv, specOf } from '../test/support/driver-contract.ts'
import { type QemuBench, qemuBench, TEST_IMAGE, tools } from '../test/support/driver-qemu-bench.ts'
import { type BenchResult, result } from './result.ts'

const BUILDS = 10
/** Of the system that boots; more would take minutes to boot on two cores without KVM. */
const REAL = 4
const MANY = 50
/** What an idle guest of 64 MB takes at most; half of what is free is used. */
const GUEST_MB = 150
const IDLE_MS = 5_000
const LOOKS = 10

const idOf = (n: number): string => `bbbbbbbb-0000-4000-8000-${String(n).padStart(12, '0')}`

async function pids(bench: QemuBench): Promise<number[]> {
  const found = await bench.pids()
  if (found.length === 0) throw new Error('no guest runs')
  return found
}

async function pssMb(pid: number): Promise<number> {
  return Number(/^Pss:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) / 1024
}

/** Guests that are made a second. */
async function buildRate(driver: HypervisorDriver, specs: readonly GuestSpec[]): Promise<number> {
  const startedMs = performance.now()
  await Promise.all(specs.map(spec => driver.spawn(spec, 1)))
  return (specs.length * 1000) / (performance.now() - startedMs)
}

/** QEMUs that greet a second, four at a time as the driver starts them. */
async function bareRate(): Promise<number> {
  const { qemu, accelerator } = await tools()
  const folder = await mkdtemp(join(tmpdir(), 'bq-bare-'))
  const args = commandLine({
    ...{ instance: idOf(0), vcpus: 1, ramMb: 64, accelerator, root: { base: null, kernel: null }, rescue: null, configDrive: false },
    ...{ devices: { disks: [], interfaces: [] }, slots: {}, disk: FILES.disk, incoming: false },
  }).filter((arg, i, all) => !isDisk(arg) && !(isDisk(all[i + 1]) && (arg === '-blockdev' || arg === '-device')))
  const children: ReturnType<typeof spawn>[] = []
  const one = async (n: number): Promise<void> => {
    const cwd = join(folder, `${n}`)
    await mkdir(cwd)
    children.push(spawn(qemu, args, { cwd, stdio: 'ignore' }))
    const greeted = await until(realEnv, 20_000, 20, () =>
      connectQmp(realEnv, join(cwd, FILES.qmp)).then(
        qmp => {
          qmp.close()
          return true
        },
        () => false,
      ),
    )
    if (!greeted) throw new Error('a bare QEMU did not greet')
  }
  try {
    const startedMs = performance.now()
    for (let n = 0; n < BUILDS; n += 4) await Promise.all([0, 1, 2, 3].filter(i => n + i < BUILDS).map(i => one(n + i)))
    return (BUILDS * 1000) / (performance.now() - startedMs)
  } finally {
    for (const child of children) child.kill('SIGKILL')
    await rm(folder, { recursive: true, force: true })
  }
}

const isDisk = (arg = ''): boolean => /^\{.*("root"|vd-root)/.test(arg)

/** Memory of one in MB, and its share of a core. */
async function idleCost(bench: QemuBench): Promise<{ mb: number; share: number }> {
  const running = await pids(bench)
  const before = await usedBy(running)
  await delay(IDLE_MS)
  const after = await usedBy(running)
  const memory = await Promise.all(running.map(pssMb))
  return {
    mb: memory.reduce((sum, mb) => sum + mb, 0) / running.length,
    share: (after.cpuTimeNs - before.cpuTimeNs) / 1e6 / IDLE_MS / running.length,
  }
}

/** A look at all guests, as each heartbeat takes one: time, and time of a processor, ms. */
async function lookCost(driver: HypervisorDriver): Promise<{ ms: number; cpuMs: number }> {
  await driver.list()
  const startedMs = performance.now()
  const cpu = process.cpuUsage()
  for (let i = 0; i < LOOKS; i++) await driver.list()
  const { user, system } = process.cpuUsage(cpu)
  return { ms: (performance.now() - startedMs) / LOOKS, cpuMs: (user + system) / 1000 / LOOKS }
}

/** A live migration with its disk: all of it, and how long the guest stood still, as QEMU says, ms. */
async function moved(here: HypervisorDriver, there: HypervisorDriver, spec: GuestSpec): Promise<{ totalMs: number; downtimeMs: number }> {
  const [out, incoming] = [here.migration, there.migration]
  if (!out || !incoming) throw new Error('the driver cannot migrate')
  const startedMs = performance.now()
  const { copyDisk, shape } = await out.check(spec.instance, 'auto')
  await out.migrateOut(spec.instance, 11, await incoming.prepareIncoming(spec, 10, copyDisk, shape), copyDisk)
  while (!(await out.progress(spec.instance, 1000)).converged);
  const handed = await out.handOver(spec.instance, 12)
  await incoming.finishIncoming(spec.instance, 13, handed)
  const totalMs = performance.now() - startedMs
  const said = /the last of them in (\d+) ms/.exec(await here.consoleLog(spec.instance, 100_000))?.[1]
  await here.destroy(spec.instance, 14)
  return { totalMs, downtimeMs: Number(said) }
}

export async function bench(): Promise<BenchResult[]> {
  const built = (await builtImage(BUILT_IMAGES, QEMU_IMAGE.id)) ? BUILT_IMAGES : null
  if (!built) console.log('no image was built (npm run images), so guests are boot sectors')
  const [one, other] = [await qemuBench(), await qemuBench()]
  const image = built ? QEMU_IMAGE.id : TEST_IMAGE
  try {
    const [driver, there] = [await one.open(built ? { built } : {}), await other.open(built ? { built } : {})]
    const bare = await bareRate()
    const specs = (count: number, from: number, image: string) =>
      Array.from({ length: count }, (_, i) => specOf(idOf(from + i), image, { ramMb: image === TEST_IMAGE ? 64 : 96 }))
    const rate = await buildRate(driver, specs(BUILDS, 100, TEST_IMAGE))
    for (const { instance } of await driver.list()) await driver.destroy(instance, 2)
    const startedMs = performance.now()
    const real = specs(REAL, 200, image)
    await buildRate(driver, real)
    const up = built ? / is up after / : /is up/
    for (const { instance } of real) await until(realEnv, 90_000, 50, async () => up.test(await driver.consoleLog(instance, 100_000)))
    const upMs = performance.now() - startedMs
    const idle = await idleCost(one)
    const [first] = real
    if (!first) throw new Error('no guest')
    const move = await moved(driver, there, first)
    for (const { instance } of await driver.list()) await driver.destroy(instance, 20)
    const freeMb = Number(/^MemAvailable:\s+(\d+)/m.exec(await readFile('/proc/meminfo', 'utf8'))?.[1] ?? 0) / 1024
    const many = Math.min(MANY, Math.floor(freeMb / 2 / GUEST_MB))
    await buildRate(driver, specs(many, 300, TEST_IMAGE))
    const look = await lookCost(driver)
    const crowd = await idleCost(one)
    const what = built ? 'the built image' : 'a boot sector'
    return [
      result('builds on QEMU, image in the cache, reference bare starts', rate, 'guests/s', bare),
      result(`${REAL} guests of ${what}, from their request to up`, upMs, 'ms'),
      result(`memory of an idle guest of ${what}, proportional`, idle.mb, 'MB'),
      result(`CPU of an idle guest of ${what}`, idle.share * 100, '% of core'),
      result('live migration with its disk, 1 GB mostly empty', move.totalMs, 'ms'),
      result('in which it stood still, as QEMU says', move.downtimeMs, 'ms', 500),
      result(`memory of each of ${many} idle guests, proportional`, crowd.mb, 'MB'),
      result(`idle guests of ${what} that fit into what was free of memory`, Math.floor(freeMb / idle.mb), 'guests'),
      result(`a look at ${many} guests, as each heartbeat takes one`, look.ms, 'ms', 1000),
      result('of which time of a processor', look.cpuMs, 'ms'),
    ]
  } finally {
    await one.dispose()
    await other.dispose()
  }
}
