/** `baton down`: stops the cluster of a data folder and waits until it has stopped. */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { BatonError } from '../../actors/kernel/errors.ts'
import { isRunning } from '../../persistence/embedded-files.ts'
import type { Options } from '../call.ts'
import { settingsOf } from '../settings.ts'

const STOP_MS = 60_000
const LOOK_MS = 50

export async function run(options: Options): Promise<void> {
  const folder = resolve(settingsOf(options).data.folder)
  const pid = await supervisorOf(folder)
  process.kill(pid, 'SIGTERM')
  // It is no child of ours, so its end can only be looked for.
  const untilMs = performance.now() + STOP_MS
  while (isRunning(pid)) {
    if (performance.now() > untilMs)
      throw new BatonError('DeadlineExceeded', `the cluster (pid ${pid}) has not stopped within ${STOP_MS / 1000} s; see ${join(folder, 'logs')}`)
    await new Promise(resolveLook => setTimeout(resolveLook, LOOK_MS))
  }
  console.log('stopped')
}

/** The pid in cluster.json, when it is still the process that wrote it. Throws `NotRunning`. */
async function supervisorOf(folder: string): Promise<number> {
  const file = join(folder, 'cluster.json')
  const text = await readFile(file, 'utf8').catch(() => null)
  const pid = text === null ? 0 : Number((JSON.parse(text) as { pid?: unknown }).pid)
  const command = pid > 0 ? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '') : ''
  if (!command.includes('baton')) throw new BatonError('NotRunning', `no cluster runs on ${folder}`)
  return pid
}
