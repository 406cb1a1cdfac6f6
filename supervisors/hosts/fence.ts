/**
 * The fence command: a program of the operator's that makes sure that nothing runs on a host any more, such as one that cuts its power by IPMI.
 * It is started without a shell, `{host}` in its arguments replaced by the host's id, and must end with 0 only when the host is off for certain.
 * It may be run again for a host that is off already.
 */
import { execFile } from 'node:child_process'
import type { Logger } from '../../actors/kernel/env.ts'
import { BatonError } from '../../actors/kernel/errors.ts'

export interface FenceSettings {
  /** Program and arguments. */
  readonly command: readonly string[]
  readonly timeoutMs: number
}

const OUTPUT_BYTES = 64 * 1024
const LAST_WORDS = 500

/** Resolves when the command has ended with 0. Rejects with `FenceFailed`. */
export function runFence({ command, timeoutMs }: FenceSettings, host: string, log: Logger): Promise<void> {
  const [program = '', ...args] = command.map(part => part.replaceAll('{host}', host))
  log.warn({ host, program, args }, 'running the fence command')
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: OUTPUT_BYTES, windowsHide: true }, (error, stdout, stderr) => {
      if (!error) {
        log.warn({ host }, 'the fence command says that the host is off')
        return resolve()
      }
      const why = error.killed ? `took longer than ${timeoutMs} ms` : `failed (${error.signal ?? error.code ?? error.message})`
      const words = `${stdout}${stderr}`.trim().slice(-LAST_WORDS)
      const message = `the fence command for ${host} ${why}${words === '' ? '' : `: ${words}`}`
      log.error({ host }, message)
      reject(new BatonError('FenceFailed', message))
    })
  })
}
