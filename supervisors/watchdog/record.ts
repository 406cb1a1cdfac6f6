/**
 * What agent and watchdog tell each other, in a folder of the host, each file replaced by rename:
 *
 *     lease.json       by the agent, with every heartbeat: life, end of the lease, number of the policy, boot of the machine
 *     policy.json      by the agent, when it changes: number and instances
 *     stopped/         by the watchdog: an empty file `<instance>.<ms since boot>` for each guest it has stopped; the agent removes it
 *     watchdog.log     what the watchdog has to say
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LeaseRecord, PolicyRecord, Word } from './watchdog.ts'

export interface WatchdogFolder {
  lease(): LeaseRecord | null
  policy(): PolicyRecord | null
  words(): readonly Word[]
  writeLease(lease: LeaseRecord): void
  writePolicy(policy: PolicyRecord): void
  leaveWord(word: Word): void
  forget(word: Word): void
  readonly logFile: string
}

export function watchdogFolder(folder: string, bootId: string): WatchdogFolder {
  const words = join(folder, 'stopped')
  mkdirSync(words, { recursive: true, mode: 0o700 })
  const wordFile = ({ instance, atMs }: Word): string => join(words, `${instance}.${atMs}`)
  const path = (name: string): string => join(folder, name)
  const write = (name: string, value: unknown): void => {
    const half = path(`${name}.new`)
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
    words: () =>
      readdirSync(words).flatMap(name => {
        const [instance = '', at] = name.split('.')
        const atMs = Number(at)
        return instance !== '' && Number.isFinite(atMs) ? [{ instance, atMs }] : []
      }),
    leaveWord: word => writeFileSync(wordFile(word), '', { mode: 0o600 }),
    forget: word => rmSync(wordFile(word), { force: true }),
    writeLease: lease => write('lease.json', { ...lease, bootId }),
    writePolicy: policy => write('policy.json', policy),
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
