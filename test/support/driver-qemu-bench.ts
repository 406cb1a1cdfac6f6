/** A bench of real virtual machines in a folder of its own. Disposing of it ends whatever still belongs to it. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { HypervisorDriver } from '../../actors/hypervisor/driver.ts'
import { readHistory } from '../../actors/hypervisor/drivers/folder-store.ts'
import { signal } from '../../actors/hypervisor/drivers/process/proc.ts'
import { scopeOf } from '../../actors/hypervisor/drivers/process/runs.ts'
import { openQemuDriver, type QemuOptions } from '../../actors/hypervisor/drivers/qemu/driver.ts'
import { findTools, type Tools, userFor } from '../../actors/hypervisor/drivers/qemu/tools.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { bootSector } from './boot-sector.ts'
import { type DriverBench, eventually, realEnv } from './driver-contract.ts'
import { skip } from './skip.ts'

/** Debian keeps this number for those who run virtual machines. */
export const TEST_UID = 64_055
export const TEST_IMAGE = '22222222-0000-4000-8000-000000000001'

let probed: Promise<Tools> | null = null

export const tools = (): Promise<Tools> => {
  probed ??= findTools(realEnv)
  return probed
}

/** Why there is nothing to test here; null where there is. */
export const whyNoQemu = (): Promise<string | null> =>
  tools().then(
    () => null,
    error => (error instanceof Error ? error.message : String(error)),
  )

/** For a test that needs QEMU: what `.ci/run` installs may not be missing there. */
export const skipWithout = (why: string): void => skip(why, { installedByCi: true })

export interface QemuBench extends DriverBench {
  readonly folder: string
  open(more?: Partial<QemuOptions>): Promise<HypervisorDriver>
  /** Pid of the QEMU of an instance. */
  pid(instance: string): Promise<number>
  pids(): Promise<number[]>
  runFolder(instance: string): string
  imageFile(image: string): string
  /** Puts bytes where images of the image service come from. */
  upload(image: string, format: string, bytes: Uint8Array): Promise<void>
}

/** `where`: the folder in which the bench makes its own. */
export async function qemuBench(where = tmpdir()): Promise<QemuBench> {
  const folder = await mkdtemp(join(where, 'bq-'))
  const scope = await scopeOf(join(folder))
  const uploads = await mkdtemp(join(tmpdir(), 'bq-images-'))
  const formats = new Map<string, string>()
  const opened: HypervisorDriver[] = []
  const user = await userFor(TEST_UID)
  const runFolder = (instance: string) => join(folder, 'run', instance)
  const bench: QemuBench = {
    folder,
    runFolder,
    image: TEST_IMAGE,
    leaves: ['receive', 'lineage'],
    async open(more) {
      const driver = await openQemuDriver(realEnv, {
        folder,
        built: join(folder, 'none'),
        user,
        tools: await tools(),
        async fetch(image, _instance, task) {
          const format = formats.get(image)
          if (format === undefined) throw new BatonError('DriverFault', `image ${image} is not on this host`)
          return task({ path: join(uploads, image), format })
        },
        ...more,
      })
      opened.push(driver)
      return driver
    },
    async upload(image, format, bytes) {
      await writeFile(join(uploads, image), bytes)
      formats.set(image, format)
    },
    imageFile: image => join(uploads, image),
    history: () => readHistory(folder),
    pids: () => pidsIn(scope),
    async pid(instance) {
      return JSON.parse(await readFile(join(folder, 'guests', `${instance}.json`), 'utf8')).run.pid
    },
    crash: async (_driver, instance) => signal(await bench.pid(instance), 'SIGKILL'),
    async dispose() {
      try {
        for (const driver of opened) await driver.close()
        const driver = await bench.open()
        for (const { instance, order } of await driver.list()) await driver.destroy(instance, order + 1)
        await eventually('no process left', async () => (await pidsIn(scope)).length === 0)
        assert.equal(await readdir(join(folder, 'run')).catch(() => []), [], 'no files left')
        await driver.close()
      } finally {
        for (const pid of await pidsIn(scope)) signal(pid, 'SIGKILL')
        await rm(folder, { recursive: true })
        await rm(uploads, { recursive: true })
      }
    },
  }
  await bench.upload(TEST_IMAGE, 'raw', bootSector())
  return bench
}

/** Pids whose environment says that they belong to a guest of the folder with this scope. */
async function pidsIn(scope: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const environments = await Promise.all(pids.map(pid => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')))
  return pids.filter((_pid, i) => environments[i]?.includes(`BATON_GUEST=${scope}-`)).map(Number)
}
