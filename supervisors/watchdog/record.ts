/**
 * What agent and watchdog tell each other, in a folder of the host, each file replaced by rename:
 *
 *     lease.json       by the agent, with every heartbeat: life, end of the lease, number of the policy, boot of the machine
 *     policy.json      by the agent, when it changes: number and instances
 *     stopped.json     by the watchdog: guests it has stopped; the agent takes them out when they are known
 *     watchdog.log     what the watchdog has to say
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LeaseRecord, PolicyRecord } from './watchdog.ts'

export interface WatchdogFolder {
  lease(): LeaseRecord | null
  policy(): PolicyRecord | null
  stopped(): readonly string[]
  writeLease(lease: LeaseRecord): void
  writePolicy(policy: PolicyRecord): void
  writeStopped(instances: readonly string[]): void
  readonly logFile: string
}

export function watchdogFolder(folder: string, bootId: string): WatchdogFolder {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = (name: string): string => join(folder, name)
  const write = (name: string, value: unknown): void => {
    // Both sides write `stopped.json`, so a half-written file of one must not be renamed by the other.
    const half = path(`${name}.${process.pid}.new`)
    writeFileSync(half, JSON.stringify(value), { mode: 0o600 })
    renameSync(half, path(name))
  }

  return {
    logFile: path('watchdog.log'),
    lease() {
      const found = read(path('lease.json'))
      if (!found || !isCount(found.life) || !isCount(found.offer) || typeof found.expiresAtMs !== 'number') return null
      // The clock has begun anew since: whatever was granted is over.
      const expiresAtMs = found.bootId === bootId ? found.expiresAtMs : 0
      return { life: found.life, offer: found.offer, expiresAtMs }
    },
    policy() {
      const found = read(path('policy.json'))
      return found && isCount(found.offer) && isTexts(found.instances) ? { offer: found.offer, instances: found.instances } : null
    },
    stopped() {
      const found = read(path('stopped.json'))
      return found && isTexts(found.instances) ? found.instances : []
    },
    writeLease: lease => write('lease.json', { ...lease, bootId }),
    writePolicy: policy => write('policy.json', policy),
    writeStopped: instances => write('stopped.json', { instances }),
  }
}

function read(file: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    return typeof value === 'object' && value !== null ? { ...value } : null
  } catch {
    return null // not there yet
  }
}

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(item => typeof item === 'string')
