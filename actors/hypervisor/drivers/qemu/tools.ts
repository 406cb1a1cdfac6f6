/**
 * The programs of QEMU on this host: whether they are there and new enough, and whether KVM truly works, found out by having a processor do
 * something: a device file may be there without it, and a machine that starts may not run.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, constants, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Env } from '../../../kernel/env.ts'
import { BatonError } from '../../../kernel/errors.ts'
import { within } from '../process/wait.ts'
import type { Accelerator } from './command-line.ts'

/** What this driver was tried with; older ones lack forms of its command line. */
const MIN_VERSION = [7, 2] as const
const SAYS_MS = 20_000
const IMG_MS = 600_000
const PROBE_MS = 10_000
/** On TCG a probe takes some 200 ms; KVM that is slower than that is itself emulated, and no help. */
const KVM_PROBE_MS = 2_000
const MAX_OUTPUT_BYTES = 1024 * 1024

/** Programs get nothing of our environment. */
export const TOOL_ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }

export interface Tools {
  readonly qemu: string
  readonly img: string
  readonly version: string
  readonly accelerator: Accelerator
  /** Why it is that one. */
  readonly because: string
}

/** Whom QEMU runs as. */
export interface User {
  readonly uid: number
  readonly gid: number
}

/** Whom guests run as on this host: a user without rights, which only root can give files to; null: whoever the agent is. */
export async function userFor(uid: number): Promise<User | null> {
  if (process.getuid?.() !== 0) return null
  // Its group opens the door to KVM.
  const kvm = await stat('/dev/kvm').catch(() => null)
  return { uid, gid: kvm?.gid || uid }
}

export function parseVersion(said: string): readonly [major: number, minor: number] | null {
  const [, major, minor] = /version (\d{1,3})\.(\d{1,3})/.exec(said) ?? []
  return major === undefined || minor === undefined ? null : [Number(major), Number(minor)]
}

export const isNewEnough = ([major, minor]: readonly [number, number]): boolean =>
  major > MIN_VERSION[0] || (major === MIN_VERSION[0] && minor >= MIN_VERSION[1])

/** Rejects `DriverUnsupported` with what to install. */
export async function findTools(env: Env, path = TOOL_ENVIRONMENT.PATH): Promise<Tools> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new BatonError('DriverUnsupported', `the qemu driver needs Linux on x86-64; this is ${process.platform} on ${process.arch}`)
  }
  const [qemu, img] = await Promise.all(['qemu-system-x86_64', 'qemu-img'].map(name => find(name, path)))
  if (!qemu || !img) {
    throw new BatonError(
      'DriverUnsupported',
      `the qemu driver needs ${qemu ? 'qemu-img' : 'qemu-system-x86_64'}, which is not here; on Debian: apt install qemu-system-x86 qemu-utils`,
    )
  }
  const said = await run(qemu, ['--version'], { timeoutMs: SAYS_MS })
  const version = parseVersion(said)
  if (!version || !isNewEnough(version)) {
    throw new BatonError(
      'DriverUnsupported',
      `the qemu driver needs QEMU ${MIN_VERSION.join('.')} or newer; ${qemu} is ${version?.join('.') ?? 'unknown'}`,
    )
  }
  return { qemu, img, version: version.join('.'), ...(await chooseAccelerator(env, qemu)) }
}

async function find(name: string, path: string): Promise<string | null> {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, name)
    const runs = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (runs) return file
  }
  return null
}

async function chooseAccelerator(env: Env, qemu: string): Promise<{ accelerator: Accelerator; because: string }> {
  const there = await stat('/dev/kvm').catch(() => null)
  if (!there) return { accelerator: 'tcg', because: 'TCG: this host has no /dev/kvm' }
  return (await canRun(env, qemu, 'kvm', KVM_PROBE_MS))
    ? { accelerator: 'kvm', because: 'KVM: a probe ran on it' }
    : { accelerator: 'tcg', because: `TCG: there is /dev/kvm, but a probe did not run on it within ${KVM_PROBE_MS} ms` }
}

/** A boot sector that writes 42 to the port that ends the machine, which then exits with 42 * 2 + 1. */
const BOOT_SECTOR = [0xb0, 42, 0xba, 0x01, 0x05, 0xee, 0xf4, 0xeb, 0xfd]
const PROBE_EXIT = 85

/** Whether a processor of this kind does what it is told. */
export async function canRun(env: Env, qemu: string, accelerator: Accelerator, withinMs = PROBE_MS): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'baton-qemu-probe-'))
  try {
    const sector = Buffer.alloc(512)
    sector.set(BOOT_SECTOR)
    sector.set([0x55, 0xaa], 510)
    await writeFile(join(folder, 'boot'), sector)
    const drive = { driver: 'raw', 'node-name': 'boot', file: { driver: 'file', filename: 'boot' } }
    const args = [
      ...['-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'pc', '-accel', accelerator, '-m', '16'],
      ...['-blockdev', JSON.stringify(drive), '-device', 'ide-hd,drive=boot', '-device', 'isa-debug-exit,iobase=0x501,iosize=1'],
    ]
    const child = spawn(qemu, args, { cwd: folder, env: TOOL_ENVIRONMENT, stdio: 'ignore' })
    const ended = once(child, 'exit').then(
      ([code]) => code === PROBE_EXIT,
      () => false,
    )
    const answer = await within(env, withinMs, ended)
    if (answer === null) child.kill('SIGKILL')
    return answer ?? false
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What a program prints. Rejects `DriverFault` with its last words. */
async function run(
  file: string,
  args: readonly string[],
  { timeoutMs, ...more }: { timeoutMs: number; cwd?: string } & Partial<User>,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES, env: TOOL_ENVIRONMENT, ...more } as const
    execFile(file, args, options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout)
      const words = stderr.trim().split('\n').at(-1) || error.message
      reject(new BatonError('DriverFault', `${args[0] === '--version' ? file : `qemu-img ${args[0]}`} failed: ${words.slice(0, 500)}`))
    })
  })
}

/** Runs qemu-img in a guest's folder, as whom its QEMU runs as. */
export type Img = (cwd: string, ...args: readonly string[]) => Promise<string>

export const imgIn =
  (tools: Pick<Tools, 'img'>, user: User | null): Img =>
  (cwd, ...args) =>
    run(tools.img, args, { timeoutMs: IMG_MS, cwd, ...(user ?? {}) })
