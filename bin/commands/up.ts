/** `baton up`: a cluster on this machine, in the foreground until Ctrl-C, or with --detach in the background. */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BatonError, toError } from '../../actors/kernel/errors.ts'
import { startEmbedded } from '../../persistence/embedded.ts'
import { lockDataFolder, openDataFolder } from '../../persistence/embedded-files.ts'
import { startLocalCluster } from '../../supervisors/local-cluster.ts'
import type { NodeMessage } from '../../supervisors/node-process.ts'
import type { Options } from '../call.ts'
import { configFile, settingsOf } from '../settings.ts'

const SCRIPT = fileURLToPath(new URL('../baton.ts', import.meta.url))

export async function run(options: Options): Promise<void> {
  if (options.detach === true) return detach(options)
  const config = settingsOf(options)
  const folder = resolve(config.data.folder)
  const startedMs = performance.now()
  const say = (line: string): void => console.log(line)
  const file = configFile(options)

  const cluster = await startLocalCluster({
    config,
    script: SCRIPT,
    ...(file === undefined ? {} : { configFile: resolve(file) }),
    startDatabase: onExit => startEmbedded({ dataDir: folder, onExit }),
    lockFolder: async () => lockDataFolder(await openDataFolder(folder)),
    say,
    ...(process.stdout.isTTY ? { sayInPrivate: say } : {}),
  })
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  say(`\nBaton is ready at ${cluster.endpoint} after ${seconds} s; data and logs are in ${folder}`)
  // The smallest has too little memory for the kernel of the built image.
  say(`Try:  npx baton instance create first --flavor ${config.driver.name === 'qemu' ? 'small' : 'tiny'} --wait`)
  if (config.auth.mode === 'token')
    say(`or:   OS_CLIENT_CONFIG_FILE=${join(config.data.folder, 'clouds.yaml')} openstack --os-cloud baton server list`)
  if (process.connected) process.send?.({ type: 'ready', endpoint: cluster.endpoint, note: seconds } satisfies NodeMessage)

  await new Promise<void>(resolveStop => {
    process.once('SIGINT', () => resolveStop())
    process.once('SIGTERM', () => resolveStop())
  })
  say('\nstopping')
  // A second Ctrl-C ends at once; what is committed is safe either way.
  process.once('SIGINT', () => process.exit(130))
  await cluster.stop()
  say('stopped; guests of the drivers process and qemu go on, and `baton up` finds them again')
  process.exit(0)
}

/** Starts the same command in the background, and waits until it says that it is ready or has ended. */
async function detach(options: Options): Promise<void> {
  const config = settingsOf(options)
  const folder = await openDataFolder(config.data.folder)
  mkdirSync(join(folder, 'logs'), { recursive: true, mode: 0o700 })
  const logFile = join(folder, 'logs', 'up.log')
  const log = openSync(logFile, 'w', 0o600)
  const child = spawn(process.execPath, [SCRIPT, ...process.argv.slice(2).filter(arg => arg !== '--detach')], {
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  })
  closeSync(log)
  const ready = await new Promise<NodeMessage | null>(resolveReady => {
    child.once('message', message => resolveReady(message as NodeMessage))
    child.once('exit', () => resolveReady(null))
  })
  if (ready?.type === 'failed') throw toError(ready.fault)
  if (ready?.type !== 'ready') throw new BatonError('Unavailable', `the cluster did not start:\n${readFileSync(logFile, 'utf8').trim()}`)
  child.disconnect()
  child.unref()
  console.log(`Baton is ready at ${ready.endpoint} after ${ready.note} s (pid ${child.pid}); \`baton down\` stops it`)
  if (config.auth.mode === 'token') console.log(`The password of admin is in ${join(folder, 'clouds.yaml')} and ${join(folder, 'openrc')}`)
}
