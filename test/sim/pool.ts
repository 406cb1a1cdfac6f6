/** Runs seeds in processes of their own, each given its next seed when it has finished the one before. */
import { type ChildProcess, fork } from 'node:child_process'
import { resolve } from 'node:path'
import type { SimResult } from './run.ts'

export interface PoolOptions {
  readonly first: number
  readonly count: number
  readonly jobs: number
  /** A bug to plant. */
  readonly planted?: string
  /** Whether the processes note which code they reach; see `coverage.ts`. */
  readonly coverage?: boolean
  /** Called with each result, and waited for; nothing more is handed out once it has answered `stop`. */
  onResult(result: SimResult, coverage: unknown): Promise<'stop' | undefined>
}

/** What a worker sends: a result, and at its end the code it has reached. */
export interface WorkerMessage {
  readonly result?: SimResult
  readonly coverage?: unknown
}

const MAIN = resolve(import.meta.dirname, 'main.ts')
const PLANT = resolve(import.meta.dirname, 'planted/register.ts')

export async function runPool({ first, count, jobs, planted, coverage, onResult }: PoolOptions): Promise<void> {
  let next = first
  let stopped = false

  function start(): ChildProcess {
    const args = ['--worker', ...(coverage ? ['--coverage'] : [])]
    const env = planted === undefined ? process.env : { ...process.env, PLANTED: planted }
    const execArgv = [...process.execArgv, ...(planted === undefined ? [] : ['--import', PLANT])]
    return fork(MAIN, args, { stdio: ['pipe', 'inherit', 'inherit', 'ipc'], env, execArgv })
  }

  const worker = (): Promise<void> =>
    new Promise((done, reject) => {
      const child = start()
      const hand = (): void => {
        if (!stopped && next < first + count) child.stdin?.write(`${next++}\n`)
        else child.stdin?.end()
      }
      child.on('message', (message: WorkerMessage) => {
        if (!message.result) return
        onResult(message.result, message.coverage).then(word => {
          if (word === 'stop') stopped = true
          hand()
        }, reject)
      })
      child.on('error', reject)
      child.on('exit', code => (code === 0 ? done() : reject(new Error(`a worker ended with ${code}`))))
      hand()
    })
  await Promise.all(Array.from({ length: Math.min(jobs, count) }, worker))
}
