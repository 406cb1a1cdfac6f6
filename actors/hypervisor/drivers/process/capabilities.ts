/**
 * What this machine lets us do, found out by doing it once: which namespaces a guest can have of its own, and which control
 * groups truly work. Never concluded from versions or names.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Env } from '../../../kernel/env.ts'
import { BatonError } from '../../../kernel/errors.ts'
import { type Cgroups, probeCgroups } from '../cgroup.ts'

const PROBE_TIMEOUT_MS = 5_000

export type Namespace = 'pid' | 'mount' | 'uts' | 'ipc' | 'net' | 'user'

export interface Capabilities {
  readonly namespaces: readonly Namespace[]
  /** Whether a guest can have a /proc of its own, which shows nobody else. */
  readonly ownProc: boolean
  readonly cgroups: Cgroups | null
}

const ALL: readonly Namespace[] = ['pid', 'mount', 'uts', 'ipc', 'net']
const CANDIDATES: readonly (readonly Namespace[])[] = [
  ALL,
  ['user', ...ALL],
  ['pid', 'mount', 'uts', 'ipc'],
  ['user', 'pid', 'mount', 'uts', 'ipc'],
  ['pid', 'mount'],
]

/** The command before the guest's own: it makes the namespaces, and kills all that is in them when it is killed itself. */
export function unshareArguments(namespaces: readonly Namespace[]): string[] {
  if (namespaces.length === 0) return []
  const flags = namespaces.map(namespace => (namespace === 'user' ? '--map-root-user' : `--${namespace}`))
  return ['unshare', ...flags, '--fork', '--kill-child', '--']
}

/** Rejects with `DriverUnsupported` where no process guest could run at all. */
export async function probeCapabilities(env: Env): Promise<Capabilities> {
  if (process.platform !== 'linux') throw new BatonError('DriverUnsupported', `the process driver needs Linux; this is ${process.platform}`)
  const run = promisify(execFile)
  const says = (command: readonly string[]): Promise<string> => {
    const [file = '/bin/sh', ...rest] = command
    return run(file, rest, { timeout: PROBE_TIMEOUT_MS, env: GUEST_ENVIRONMENT }).then(
      done => done.stdout,
      () => '',
    )
  }
  const plain = await says([
    '/bin/sh',
    '-c',
    'read -r stat </proc/self/stat && command -v dd && command -v sleep && command -v mv && command -v mkfifo && echo usable',
  ])
  if (!plain.includes('usable')) throw new BatonError('DriverUnsupported', 'the process driver needs /bin/sh, dd, mkfifo, mv, sleep and /proc')
  const cgroups = await probeCgroups(env)
  for (const namespaces of CANDIDATES) {
    const script = 'test $$ = 1 || exit 1; echo alone; mount -t proc proc /proc && echo proc'
    const answer = await says([...unshareArguments(namespaces), '/bin/sh', '-c', script])
    if (answer.includes('alone')) return { namespaces, ownProc: answer.includes('proc'), cgroups }
  }
  return { namespaces: [], ownProc: false, cgroups }
}

/** All that a guest sees of the agent's environment. */
export const GUEST_ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }
