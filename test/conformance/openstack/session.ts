/** The openstack client, unmodified, as a long-lived process that is given one command after the other. */
import { deepStrictEqual } from 'node:assert'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ask } from '../../support/cluster.ts'
import type { Subject } from '../cluster.ts'

const DRIVER = fileURLToPath(new URL('driver.py', import.meta.url))
const PYTHON = '/usr/bin/python3'
const ANSWER_MS = 120_000

const EVENTUALLY_MS = 30_000
const LOOK_MS = 200

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  readonly seconds: number
}

// biome-ignore lint/suspicious/noExplicitAny: whatever JSON the client prints
export type Printed = any

/** What a chapter does with the client: each call is one command and one check. */
export interface Client {
  /** Runs `command -f json`; the check throws when what was printed is not what it should be. Gives what was printed, or null after a failure. */
  shows(command: string, check: (printed: Printed) => void): Promise<Printed>
  /** The same for what comes true a little later: the command is run again until the check passes, and counts once. */
  eventually(command: string, check: (printed: Printed) => void): Promise<Printed>
  /** Whether this cluster has something at a path; what it does not have yet is left out. */
  offers(path: string): Promise<boolean>
  /** Runs a command that prints nothing, or nothing that matters. */
  does(command: string): Promise<void>
  /** Runs a command that must be refused, with a message like this. */
  refuses(command: string, message: RegExp): Promise<void>
}

export interface Result {
  readonly command: string
  readonly seconds: number
  /** What is wrong, or null. */
  readonly problem: string | null
}

export interface Session extends Client {
  readonly results: readonly Result[]
  end(): Promise<void>
}

/** Words of a command line; `'…'` holds spaces together. */
export const wordsOf = (command: string): string[] => [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')

/** Fails unless `printed` has everything that `expected` has. */
export function has(printed: Printed, expected: Readonly<Record<string, unknown>>): void {
  const found = Object.fromEntries(Object.keys(expected).map(key => [key, printed?.[key]]))
  deepStrictEqual(found, expected)
}

/** Fails unless exactly one of the rows has all of this. */
export function hasRow(rows: Printed, expected: Readonly<Record<string, unknown>>): void {
  const same = (row: Printed) => Object.entries(expected).every(([key, value]) => JSON.stringify(row[key]) === JSON.stringify(value))
  const found = Array.isArray(rows) ? rows.filter(same).length : 0
  if (found !== 1) throw new Error(`${found} rows with ${JSON.stringify(expected)} in ${JSON.stringify(rows)?.slice(0, 400)}`)
}

export function startSession({ cluster, token, cloudsFile }: Subject): Session {
  const env = { ...process.env, OS_CLIENT_CONFIG_FILE: cloudsFile, OS_CLOUD: 'baton', PYTHONUNBUFFERED: '1' }
  const child = spawn(PYTHON, [DRIVER], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const late = { timer: setTimeout(() => {}, 0) }
  const results: Result[] = []

  async function run(words: readonly string[]): Promise<Ended> {
    late.timer = setTimeout(() => child.kill('SIGKILL'), ANSWER_MS)
    child.stdin.write(`${JSON.stringify(words)}\n`)
    const { done, value } = await lines.next()
    clearTimeout(late.timer)
    if (done) throw new Error(`the client ended or gave no answer within ${ANSWER_MS / 1000} s to: ${words.join(' ')}`)
    return JSON.parse(value)
  }

  /** Runs, judges and notes one command. */
  async function one<T>(command: string, words: readonly string[], judge: (ended: Ended) => T): Promise<T | null> {
    const ended = await run(words)
    try {
      const value = judge(ended)
      results.push({ command, seconds: ended.seconds, problem: null })
      return value
    } catch (error) {
      results.push({ command, seconds: ended.seconds, problem: messageOf(error) })
      return null
    }
  }

  const printedBy = (ended: Ended, check: (printed: Printed) => void): Printed => {
    succeeded(ended)
    // Some commands say `Complete` first.
    const printed: Printed = JSON.parse(ended.stdout.slice(ended.stdout.search(/^[[{]/m)))
    check(printed)
    return printed
  }

  const succeeded = ({ code, stderr }: Ended): void => {
    if (code !== 0) throw new Error(`exit code ${code}: ${stderr.trim().slice(-400)}`)
  }

  return {
    results,
    shows: (command, check) => one(command, [...wordsOf(command), '-f', 'json'], ended => printedBy(ended, check)),
    async eventually(command, check) {
      const give = performance.now() + EVENTUALLY_MS
      for (;;) {
        const ended = await run([...wordsOf(command), '-f', 'json'])
        try {
          const printed = printedBy(ended, check)
          results.push({ command, seconds: ended.seconds, problem: null })
          return printed
        } catch (error) {
          if (performance.now() > give) {
            results.push({ command, seconds: ended.seconds, problem: `even after ${EVENTUALLY_MS / 1000} s: ${messageOf(error)}` })
            return null
          }
        }
        await delay(LOOK_MS)
      }
    },
    offers: async path => (await ask(`${cluster.endpoint}${path}`, 'GET', undefined, { 'x-auth-token': token })).status < 400,
    async does(command) {
      await one(command, wordsOf(command), succeeded)
    },
    async refuses(command, message) {
      await one(command, wordsOf(command), ({ code, stderr }) => {
        if (code === 0) throw new Error('it was not refused')
        if (!message.test(stderr)) throw new Error(`it was refused with ${JSON.stringify(stderr.trim())} instead of ${message}`)
      })
    },
    async end() {
      clearTimeout(late.timer)
      child.stdin.end()
      if (child.exitCode === null && child.signalCode === null) await new Promise(resolve => child.once('exit', resolve))
    },
  }
}
