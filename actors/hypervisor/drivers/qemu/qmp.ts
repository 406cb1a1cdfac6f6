/**
 * A session with the control socket of one QEMU. It serves one client at a time: a second one hears nothing, not even the greeting. Every
 * wait here ends: by an answer, by its time-out, or with the connection, which is cut at the first sign that the peer is not what it
 * should be. Events are handed on and not kept, however many come.
 */
import { createConnection } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Json } from '../../../kernel/define.ts'
import type { Env } from '../../../kernel/env.ts'
import { BatonError } from '../../../kernel/errors.ts'
import { lineReader } from '../../../kernel/lines.ts'
import { MAX_LINE_BYTES, parseMessage, type QmpMessage } from './wire.ts'

const ANSWER_MS = 5_000
/** Commands that may wait for an answer. */
const MAX_PENDING = 100
/** Answers to nobody: those of commands whose time has run out come late, but not without end. */
const MAX_STRAY = 1_000

export interface QmpEvent {
  readonly name: string
  readonly data: Readonly<Record<string, Json>>
}

export interface Qmp {
  readonly version: string
  /** Rejects `DriverFault`: refused by QEMU, no answer in time, or connection lost. */
  execute(command: string, args?: Readonly<Record<string, Json>>, timeoutMs?: number): Promise<Json>
  /** Hears events from now on; call the answer to hear no more. */
  onEvent(listener: (event: QmpEvent) => void): () => void
  isOpen(): boolean
  /** Resolves when the connection is gone, with the reason. */
  readonly closed: Promise<string>
  close(): void
}

type QmpEnv = Pick<Env, 'setTimer'>

/** Rejects `DriverFault` when nobody is there, or says hello in time. */
export async function connectQmp(env: QmpEnv, path: string, timeoutMs = ANSWER_MS): Promise<Qmp> {
  return openSession(env, createConnection(path), timeoutMs)
}

interface Waiter {
  readonly command: string
  resolve(value: Json): void
  reject(error: Error): void
}

export async function openSession(env: QmpEnv, stream: Duplex, timeoutMs = ANSWER_MS): Promise<Qmp> {
  const waiting = new Map<number, Waiter>()
  const listeners = new Set<(event: QmpEvent) => void>()
  const read = lineReader(MAX_LINE_BYTES)
  let nextId = 1
  let stray = 0
  let gone: string | null = null
  let greet: (version: string) => void = () => {}
  let leave: (why: string) => void = () => {}
  const closed = new Promise<string>(resolve => {
    leave = resolve
  })
  const greeting = new Promise<string>(resolve => {
    greet = resolve
  })

  function end(why: string): void {
    if (gone !== null) return
    gone = why
    stream.destroy()
    for (const { command, reject } of waiting.values()) reject(new BatonError('DriverFault', `QEMU did not answer ${command}: ${why}`))
    waiting.clear()
    listeners.clear()
    leave(why)
  }

  function take(message: QmpMessage): void {
    switch (message.type) {
      case 'greeting':
        greet(message.version)
        return
      case 'event':
        for (const listener of listeners) listener(message)
        return
      case 'answer':
      case 'fault': {
        const waiter = message.id === null ? undefined : waiting.get(message.id)
        if (!waiter) return void (++stray > MAX_STRAY && end('it answered what nobody had asked'))
        waiting.delete(message.id ?? 0)
        if (message.type === 'answer') waiter.resolve(message.value)
        else waiter.reject(new BatonError('DriverFault', `QEMU refused ${waiter.command}: ${message.message.slice(0, 500)}`))
      }
    }
  }

  stream.on('data', (bytes: Uint8Array) => {
    const lines = read.push(bytes)
    if (lines === null) return end('it sent a line without end')
    for (const line of lines) {
      if (gone !== null || line.trim() === '') continue
      const message = parseMessage(line)
      if (message) take(message)
      else end('it sent what is not of its protocol')
    }
  })
  stream.on('error', error => end(error.message))
  stream.on('close', () => end('the connection was closed'))

  async function execute(command: string, args: Readonly<Record<string, Json>> = {}, answerMs = timeoutMs): Promise<Json> {
    if (gone !== null) throw new BatonError('DriverFault', `QEMU cannot be told ${command}: ${gone}`)
    if (waiting.size >= MAX_PENDING) throw new BatonError('DriverFault', `QEMU has ${waiting.size} commands to answer before ${command}`)
    const id = nextId++
    return new Promise<Json>((resolve, reject) => {
      const timer = env.setTimer(answerMs, () => {
        waiting.delete(id)
        reject(new BatonError('DriverFault', `QEMU did not answer ${command} within ${answerMs} ms`))
      })
      waiting.set(id, {
        command,
        resolve(value) {
          timer.cancel()
          resolve(value)
        },
        reject(error) {
          timer.cancel()
          reject(error)
        },
      })
      stream.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`)
    })
  }

  const deadline = env.setTimer(timeoutMs, () => end(`it said no hello within ${timeoutMs} ms`))
  try {
    const version = await Promise.race([greeting, closed.then(() => null)])
    if (version === null) throw new BatonError('DriverFault', `QEMU is not there: ${gone}`)
    await execute('qmp_capabilities')
    return {
      version,
      execute,
      closed,
      isOpen: () => gone === null,
      onEvent(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      close: () => end('we closed it'),
    }
  } catch (error) {
    end('it could not be opened')
    throw error
  } finally {
    deadline.cancel()
  }
}
