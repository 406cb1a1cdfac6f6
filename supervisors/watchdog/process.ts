/** A watchdog as a process of its own beside the agent. */
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { OutOfBandSpec } from '../../actors/hypervisor/drivers/out-of-band.ts'
import type { Logger } from '../../actors/kernel/env.ts'
import { bootMs } from '../boot-clock.ts'
import type { GuardPorts } from './guard.ts'
import { watchdogFolder } from './record.ts'

const SCRIPT = fileURLToPath(new URL('main.ts', import.meta.url))

export interface WatchdogProcessOptions {
  readonly folder: string
  readonly life: number
  readonly bootId: string
  readonly outOfBand: OutOfBandSpec
  readonly log: Logger
}

export function watchdogProcess({ folder, life, bootId, outOfBand, log }: WatchdogProcessOptions): GuardPorts {
  const files = watchdogFolder(folder, bootId)
  return {
    ...files,
    bootMs,
    start(onArmed, onEnd) {
      const output = openSync(files.logFile, 'a', 0o600)
      const child = spawn(process.execPath, [SCRIPT, folder, `${life}`, bootId, JSON.stringify(outOfBand)], {
        cwd: '/',
        detached: true,
        stdio: ['ignore', output, output, 'ipc'],
      })
      closeSync(output)
      let ended = false
      const end = (how: object): void => {
        if (ended) return
        ended = true
        log.warn(how, 'the watchdog has ended')
        onEnd()
      }
      child.on('message', message => {
        if (typeof message === 'object' && message !== null && 'armed' in message && typeof message.armed === 'number') onArmed(message.armed)
      })
      child.on('error', error => end({ error }))
      child.on('exit', (code, signal) => end({ code, signal }))
      // Neither it nor the channel to it keeps the agent from ending.
      child.unref()
      child.channel?.unref()
      log.info({ watchdog: child.pid }, 'a watchdog was started')
    },
  }
}
