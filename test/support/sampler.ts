/** Looks at real processes every 50 ms: on which hosts a guest is alive, told by the mark that each of its processes carries. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { scopeOf } from '../../actors/hypervisor/drivers/process/runs.ts'

const LOOK_MS = 50

export interface Sampler {
  /** Hosts on which the guest is alive now. */
  now(): readonly string[]
  /** A line of the timeline. */
  note(what: string): void
  /** Looks at which it was alive on more than one host. */
  readonly twice: readonly string[]
  looks(): number
  timeline(): string
  stop(): void
}

const readOrEmpty = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // it has ended
  }
}

/** `hosts`: the folders of their process drivers, by id. */
export async function sampleGuest(instance: string, hosts: Readonly<Record<string, string>>): Promise<Sampler> {
  const marks = new Map<string, string>()
  for (const [host, folder] of Object.entries(hosts)) marks.set(`BATON_GUEST=${await scopeOf(folder)}-${instance}`, host)
  const startedMs = performance.now()
  const lines: string[] = []
  const twice: string[] = []
  let looks = 0
  let last = ''
  const at = (): string => `${((performance.now() - startedMs) / 1000).toFixed(2).padStart(7)} s`

  function alive(): string[] {
    const found = new Set<string>()
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid)) continue
      const environment = readOrEmpty(join('/proc', pid, 'environ'))
      if (!environment.includes('BATON_GUEST=')) continue
      const host = environment.split('\0').flatMap(entry => marks.get(entry) ?? [])[0]
      if (host !== undefined && !/^\d+ \(.*\) [ZX]/s.test(readOrEmpty(join('/proc', pid, 'stat')))) found.add(host)
    }
    return [...found].sort()
  }

  function look(): void {
    looks++
    const hosts = alive()
    if (hosts.length > 1) twice.push(`${at()} alive on ${hosts.join(' and ')}`)
    const seen = hosts.join(' and ') || 'nowhere'
    if (seen !== last) lines.push(`${at()}   the guest is alive: ${seen}`)
    last = seen
  }
  const timer = setInterval(look, LOOK_MS)
  look()

  return {
    now: alive,
    note: what => void lines.push(`${at()} ${what}`),
    twice,
    looks: () => looks,
    timeline: () => lines.join('\n'),
    stop: () => clearInterval(timer),
  }
}
