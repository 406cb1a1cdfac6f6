/** A bench of real process guests in a folder of its own. Disposing of it ends whatever still belongs to it. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { HypervisorDriver } from '../../actors/hypervisor/driver.ts'
import { readHistory } from '../../actors/hypervisor/drivers/folder-store.ts'
import { PROCESS_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { type Capabilities, probeCapabilities } from '../../actors/hypervisor/drivers/process/capabilities.ts'
import { openProcessDriver, type ProcessOptions } from '../../actors/hypervisor/drivers/process/driver.ts'
import { scopeOf } from '../../actors/hypervisor/drivers/process/runs.ts'
import { type DriverBench, eventually, realEnv } from './driver-contract.ts'

let probed: Promise<Capabilities> | null = null

/** What this machine can do, probed once per test file. */
export const capabilities = (): Promise<Capabilities> => {
  probed ??= probeCapabilities(realEnv)
  return probed
}

/** False, with a line that says why, where there is nothing to test. */
export const canRunProcesses = (): Promise<boolean> =>
  capabilities().then(
    () => true,
    error => {
      console.log(`skipped: ${error instanceof Error ? error.message : error}`)
      return false
    },
  )

export interface ProcessBench extends DriverBench {
  readonly folder: string
  open(more?: Partial<ProcessOptions>): Promise<HypervisorDriver>
  /** Pids of all processes that belong to guests of this bench. */
  pids(): Promise<number[]>
  /** Pid of the init of an instance's newest run. */
  initPid(instance: string): Promise<number>
  runFolder(instance: string): string
}

/** `can`: what the drivers are told that the machine can do, instead of what it can. */
export async function processBench(can?: Partial<Capabilities>): Promise<ProcessBench> {
  const folder = await mkdtemp(join(tmpdir(), 'baton-process-'))
  const scope = await scopeOf(folder)
  const runFolder = (instance: string) => join(folder, 'run', instance)
  const bench: ProcessBench = {
    folder,
    runFolder,
    image: PROCESS_IMAGE.id,
    open: async more => openProcessDriver(realEnv, { folder, capabilities: { ...(await capabilities()), ...can }, ...more }),
    history: () => readHistory(folder),
    pids: () => pidsIn(scope),
    async initPid(instance) {
      const files = (await readdir(runFolder(instance))).filter(file => /^init\.\d+$/.test(file))
      const newest = Math.max(...files.map(file => Number(file.slice(5))))
      return Number.parseInt(await readFile(join(runFolder(instance), `init.${newest}`), 'utf8'), 10)
    },
    crash: async (_driver, instance) => void process.kill(await bench.initPid(instance), 'SIGKILL'),
    async dispose() {
      const driver = await bench.open()
      try {
        for (const { instance, order } of await driver.list()) await driver.destroy(instance, order + 1)
        await eventually('no process left', async () => (await pidsIn(scope)).length === 0)
        assert.equal(await readdir(join(folder, 'run')).catch(() => []), [], 'no files left')
        assert.equal(await groupsLeft(), [], 'no control groups left')
        await eventually('no zombie of ours', async () => (await ownZombies()).length === 0)
      } finally {
        for (const pid of await pidsIn(scope)) process.kill(pid, 'SIGKILL')
        await rm(folder, { recursive: true })
      }
    },
  }

  async function groupsLeft(): Promise<string[]> {
    const hierarchies = (await capabilities()).cgroups?.hierarchies ?? []
    const names = await Promise.all(hierarchies.map(({ base }) => readdir(base)))
    return names.flat().filter(name => name.startsWith(`${scope}-`))
  }
  return bench
}

/** Pids whose environment says that they belong to a guest of the folder with this scope. */
async function pidsIn(scope: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const environments = await Promise.all(pids.map(pid => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')))
  return pids.filter((_pid, i) => environments[i]?.includes(`BATON_GUEST=${scope}-`)).map(Number)
}

/** Children of this process that ended and were not reaped. */
async function ownZombies(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name))
  const stats = await Promise.all(pids.map(pid => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')))
  return stats.filter(stat => stat.slice(stat.lastIndexOf(')')).startsWith(`) Z ${process.pid} `))
}
